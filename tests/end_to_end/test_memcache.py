"""A real memcached behind a proxy: what works through it, and how faults keep order and state."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import bmemcached  # type: ignore[import-untyped]  # it has no types
import pytest
from pymemcache.client.base import Client  # type: ignore[import-untyped]  # it has no types
from pymemcache.exceptions import (  # type: ignore[import-untyped]  # it has no types
    MemcacheServerError,
)

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy
from feeding import stream_of
from memcache_server import NOOP, memcached, request, response, told
from peers import PATIENCE, connect, receive
from servers import require
from vaurien.net.address import Address
from vaurien.protocols.memcache.parser import Memcache
from vaurien.values.messages import Direction

VERSION = re.compile(rb"VERSION [0-9.]+\r\n")
SET_EXTRAS = bytes(8)
TOO_LARGE = b"x" * 2_000_000


@pytest.fixture
def start(start_proxy: StartProxy, memcached_address: Address) -> Callable[..., RunningProxy]:
    """Starts a proxy for memcache in front of it."""
    return lambda *rules, **named: start_proxy(
        memcached_address, *rules, protocol=Memcache(), **named
    )


def text_client(address: Address) -> Client:
    return Client((address.host, address.port), timeout=PATIENCE, default_noreply=False)


# State, order, silence.


def test_a_set_that_fails_takes_the_old_value_with_it(
    start: Callable[..., RunningProxy], memcached_address: Address
) -> None:
    proxy = start("error fault=E2BIG command=~^(set|cas|ms)$")
    for asked in (
        b"set old 0 0 1\r\nx\r\n",
        b"set old 0 0 1 noreply\r\nx\r\n",
        b"ms old 1\r\nx\r\n",
        b"ms old 1 q\r\nx\r\n",
        b"ms b2xk 1 b\r\nx\r\n",
        request(0x01, b"old", extras=SET_EXTRAS, value=b"x"),
        request(0x01, b"old", extras=SET_EXTRAS, value=b"x", cas=1),
        request(0x11, b"old", extras=SET_EXTRAS, value=b"x"),
    ):
        told(memcached_address, b"set old 0 0 3\r\nold\r\n")
        told(proxy.address, asked)
        assert told(memcached_address, b"get old\r\n") == b"END\r\n", asked


def test_other_storage_that_fails_leaves_it(
    start: Callable[..., RunningProxy], memcached_address: Address
) -> None:
    proxy = start("error fault=E2BIG")
    told(memcached_address, b"set old 0 0 3\r\nold\r\n")
    for asked in (
        b"append old 0 0 1\r\nx\r\n",
        b"cas old 0 0 1 1\r\nx\r\n",
        request(0x0E, b"old", value=b"x"),
    ):
        assert b"arge" in told(proxy.address, asked)
    assert b"\r\nold\r\n" in told(memcached_address, b"get old\r\n")


SILENT = (
    b"set key 0 0 5 noreply\r\nvalue\r\n",
    b"delete key noreply\r\n",
    b"incr key 1 noreply\r\n",
)


@pytest.mark.parametrize("fault", ["ENOMEM", "UNKNOWN_COMMAND", "E2BIG"])
def test_requests_that_want_no_reply_get_none(
    start: Callable[..., RunningProxy], fault: str
) -> None:
    proxy = start(f"error fault={fault} quiet=yes command=~.")
    assert VERSION.fullmatch(told(proxy.address, b"".join(SILENT) + b"version\r\n"))
    assert len(proxy.fired) == len(SILENT)


def test_quiet_requests_hear_of_errors(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=ENOMEM key=b")
    told(proxy.address, b"set a 0 0 1\r\na\r\nset c 0 0 1\r\nc\r\n")
    said = told(proxy.address, b"mg a v k q\r\nmg b v k q\r\nmg c v k q\r\nmn\r\n")
    error = b"SERVER_ERROR out of memory writing get response\r\n"
    assert said == b"VA 1 ka\r\na\r\n%bVA 1 kc\r\nc\r\nMN\r\n" % error
    keys = (b"a", b"b", b"c")
    asked = [request(0x11, key, extras=SET_EXTRAS, value=b"1", opaque=4 * key) for key in keys]
    said = told(proxy.address, b"".join(asked) + request(NOOP))
    error = response(0x11, 0x82, b"Out of memory allocating item", opaque=b"bbbb")
    assert said == error + response(NOOP) + response(0x07)


def test_an_error_does_not_overtake_what_quiet_requests_are_told(
    start: Callable[..., RunningProxy],
) -> None:
    proxy = start("error fault=UNKNOWN_COMMAND command=~^(mn|noop|version)$")
    told(proxy.address, b"set a 0 0 1\r\na\r\n")
    for last in (b"mn\r\n", b"version\r\n"):
        said = told(proxy.address, b"mg a v q\r\nmg nokey v q\r\nmg a v q\r\n" + last)
        assert said == 2 * b"VA 1\r\na\r\n" + b"ERROR\r\n"
    said = told(proxy.address, request(0x0D, b"a", opaque=b"1111") + request(NOOP))
    assert said[12:16] == b"1111"
    assert said.endswith(response(NOOP, 0x81, b"Unknown command") + response(0x07))


def test_an_end_does_not_overtake_it_either(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=too-many-connections command=mn")
    told(proxy.address, b"set a 0 0 1\r\na\r\n")
    said = told(proxy.address, b"mg a v q\r\nmn\r\n")
    assert said == b"VA 1\r\na\r\nERROR Too many open connections\r\n"


def test_an_error_takes_its_turn_in_a_pipeline(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=backend-failure key=b")
    asked = b"".join(b"set %b 0 0 1\r\n%b\r\n" % (2 * (key,)) for key in (b"a", b"b", b"c"))
    assert told(proxy.address, asked) == b"STORED\r\nSERVER_ERROR backend failure\r\nSTORED\r\n"


def test_a_large_value_is_swallowed(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=ETMPFAIL command=set")
    asked = b"set key 0 0 2000000\r\n%b\r\nversion\r\n" % TOO_LARGE
    said = told(proxy.address, asked)
    assert re.fullmatch(rb"SERVER_ERROR temporary failure\r\n" + VERSION.pattern, said)


def test_quit_is_never_swallowed(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=error")
    assert told(proxy.address, b"") == b""
    assert told(proxy.address, request(NOOP)) == (
        response(NOOP, 0x81, b"Unknown command") + response(0x07)
    )


# Rules.

MATCHES = {
    "command=set": (1, 0, 1, 0),
    "key=~^a": (1, 1, 0, 0),
    "form=binary": (0, 0, 1, 0),
    "form=meta": (0, 0, 0, 1),
    "quiet=no": (1, 1, 1, 1),
    "quiet=yes": (0, 0, 0, 0),
    "result=END": (0, 1, 0, 0),
    "result=~^(EN|SUCCESS)$": (0, 0, 1, 1),
}


@pytest.mark.parametrize("match", MATCHES)
def test_rules_match_labels(
    start: Callable[..., RunningProxy], memcached_address: Address, match: str
) -> None:
    proxy = start(f"error fault=error {match}")
    asked = (
        b"set ab 0 0 1\r\nx\r\n",
        b"get a\r\n",
        request(0x01, b"b", extras=SET_EXTRAS, value=b"x"),
        b"mg nokey\r\n",
    )
    told(memcached_address, b"delete a\r\n")
    assert tuple(hit(proxy.address, one) for one in asked) == MATCHES[match]


def hit(address: Address, asked: bytes) -> int:
    """Whether a request was answered with an error."""
    said = told(address, asked)
    return int(said.startswith(b"ERROR") or said[6:8] == b"\x00\x81")


def test_any_error_may_be_told(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=error kind=SERVER_ERROR message=whatever status=153")
    assert told(proxy.address, b"get a\r\n") == b"SERVER_ERROR whatever\r\n"
    assert told(proxy.address, request(0x00, b"a")).startswith(response(0x00, 153, b"whatever"))


def test_without_a_name_a_typical_error_is_told(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error", seed=1)
    said = told(proxy.address, 30 * b"get a\r\n" + b"version\r\n")
    *errors, version = said.splitlines(keepends=True)
    assert VERSION.fullmatch(version)
    assert set(errors) == {
        b"SERVER_ERROR out of memory writing get response\r\n",
        b"SERVER_ERROR backend failure\r\n",
        b"SERVER_ERROR temporary failure\r\n",
    }


def test_a_transient_fault_passes(start: Callable[..., RunningProxy]) -> None:
    proxy = start("transient fault=ENOMEM agitate=2 command=get")
    with closing(text_client(proxy.address)) as client:
        for _ in range(2):
            with pytest.raises(MemcacheServerError):
                client.get("nokey")
        assert client.get("nokey") is None


# Transparency.


@pytest.fixture(params=HARMLESS)
def harmless(request: pytest.FixtureRequest, start: Callable[..., RunningProxy]) -> RunningProxy:
    return start(*HARMLESS[request.param])


def test_pymemcache_works(harmless: RunningProxy) -> None:
    value = bytes(range(256)) * 3000
    with closing(text_client(harmless.address)) as client:
        assert client.set("key", value)
        assert client.get("key") == value
        found, cas = client.gets("key")
        assert found == value
        assert client.cas("key", b"1", cas)
        assert client.incr("key", 4) == 5
        names = [f"many{number}" for number in range(200)]
        assert client.set_many(dict.fromkeys(names, value[:1000])) == []
        assert client.get_many([*names, "nokey"]) == dict.fromkeys(names, value[:1000])
        client.set("quietly", b"set", noreply=True)
        assert client.get("quietly") == b"set"
        assert b"pid" in client.stats()
        assert client.delete_many(names)
    assert not harmless.proxy.gave_up
    assert not harmless.proxy.tally.errors


def test_bmemcached_works(harmless: RunningProxy) -> None:
    client = bmemcached.Client([str(harmless.address)], socket_timeout=PATIENCE)
    try:
        assert client.set("key", "value")
        assert client.get("key") == "value"
        client.delete("counter")
        assert client.incr("counter", 1, default=5) == 5
        assert client.incr("counter", 1) == 6
        names = [f"many{number}" for number in range(200)]
        assert client.set_multi(dict.fromkeys(names, "value")) == []
        assert client.get_multi([*names, "nokey"]) == dict.fromkeys(names, "value")
        assert client.delete("key")
        assert client.get("key") is None
    finally:
        client.disconnect_all()
    assert not harmless.proxy.gave_up


TALK = b"".join(
    [
        b"flush_all\r\nset a 5 0 1\r\n1\r\nget a nokey\r\ngets nokey\r\ngat 0 a\r\nincr a 4\r\n",
        b"add a 0 0 1\r\n1\r\nset n 0 0 1 noreply\r\n1\r\ndelete n\r\ntouch a 0\r\nmn\r\n",
        b"mg a v k O1 q\r\nmg nokey v q\r\nms c 1 q\r\nc\r\nms a 1 q ME\r\nx\r\nget a\r\n",
        b"mg a v q\r\nmg nokey k v\r\nms d 3 T0\r\n\r\n1\r\nmd d q\r\nma a q\r\nmn\r\nme nokey\r\n",
        b"set big 0 0 2000000\r\n%b\r\n" % TOO_LARGE,
        b"set bad 0 0 1\r\nxyz\r\nset " + 300 * b"k" + b" 0 0 1\r\nx\r\nnosuch\r\n\r\n",
        b"stats detail on\r\nstats detail off\r\nstats detail dump\r\nstats reset\r\n",
        b"stats nosuch\r\nverbosity 0\r\nlru mode flat\r\nslabs automove 0\r\nshutdown\r\n",
        b"cache_memlimit 64\r\ndecr a 1 noreply\r\nget a\r\n",
    ]
)
BINARY_TALK = b"".join(
    [
        request(0x08),
        request(0x01, b"a", extras=SET_EXTRAS, value=b"1"),
        request(0x09, b"a", opaque=b"aaaa"),
        request(0x0D, b"nokey"),
        request(0x12, b"a", extras=SET_EXTRAS, value=b"2", opaque=b"bbbb"),
        request(NOOP),
        request(0x0C, b"nokey"),
        request(0x14, b"nokey"),
        request(0x11, b"big", extras=SET_EXTRAS, value=TOO_LARGE),
        request(0x10, b"sizes"),
        request(0x20),
        request(0x70),
        request(0x04, b"a"),
    ]
)
CAS = re.compile(rb"(\x81[\x00-\x1e].{14}).{8}", re.DOTALL)


def test_long_talks_go_through(harmless: RunningProxy, memcached_address: Address) -> None:
    for talk in (TALK, BINARY_TALK):
        assert (CAS.sub(rb"\1", told(harmless.address, talk))) == (
            CAS.sub(rb"\1", told(memcached_address, talk))
        )
    assert not harmless.proxy.gave_up


ODD = [
    b"set k %b 1" % numbers
    for numbers in (b"x 0", b"0 x", b"-1 0", b"+1 +5", b"0 -5", b"1x 0", b"0 1x")
] + [
    *(b"set k 0 0 %b" % rest for rest in (b"+1", b"1x", b"-1", b"1;", b"0000000000001", b"0x1")),
    *(b"set k 0 0 1 %b" % rest for rest in (b"other", b"a b", b"noreply b", b"a b c d e")),
    *(b"set k %b noreply" % rest for rest in (b"x 0 1", b"0 0", b"0 0 x", b"0 0 -1", b"0")),
    *(b"cas k 0 0 1%b" % rest for rest in (b"", b" x", b" -5", b" 5 a", b" 5 a b", b" noreply")),
    *(b"ms k %b" % rest for rest in (b"+1", b"1x", b"S1")),
    *(b"%b %b 0 0 1" % (name, 251 * b"k") for name in (b"set", b"add")),
]


@pytest.mark.parametrize("line", ODD)
def test_odd_lines_are_read_as_the_server_reads_them(
    line: bytes, memcached_address: Address
) -> None:
    talk = line + b"\r\nv\r\nversion\r\n"
    asked = stream_of(Memcache().requests).feed(talk, 0.0)
    answers = stream_of(Memcache().responses, Direction.TO_CLIENT)
    heard = answers.feed(told(memcached_address, talk), 0.0)
    assert len(heard) == sum(message.ends and message.expects_reply for message in asked)


def test_lists_and_logs_go_through(harmless: RunningProxy) -> None:
    names = [b"listed%d" % number for number in range(50)]
    told(harmless.address, b"".join(b"set %b 0 0 1\r\nx\r\n" % name for name in names))
    with connect(harmless.address) as sock:
        sock.sendall(b"lru_crawler metadump all\r\n")
        listed = bytearray()
        while not listed.endswith(b"END\r\n"):
            listed += receive(sock, 1)
        assert all(b"key=%b exp" % name in listed for name in names)
        sock.sendall(b"watch mutations\r\n")
        assert receive(sock, 4) == b"OK\r\n"
        told(harmless.address, b"set watched 0 0 1\r\nx\r\n")
        assert receive(sock, 3) == b"ts="
    assert not harmless.proxy.gave_up


@pytest.mark.parametrize("plan", ["quiet", "armed"])
def test_memccapable_finds_nothing_missing(
    start_proxy: StartProxy, tmp_path: Path, plan: str
) -> None:
    program = require("memccapable")
    with ExitStack() as stack:
        runs = []
        for form in ("-a", "-b"):  # each flushes its server
            folder = tmp_path / form
            folder.mkdir()
            backend = stack.enter_context(memcached(folder))
            proxy = start_proxy(backend, *HARMLESS[plan], protocol=Memcache())
            command = [program, "-h", "127.0.0.1", "-p", str(proxy.address.port), form]
            run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            runs.append((run, proxy))
        for run, proxy in runs:
            output, _ = run.communicate(timeout=PATIENCE)
            assert b"All tests passed" in output, output.decode()
            assert proxy.proxy.gave_up == 0
