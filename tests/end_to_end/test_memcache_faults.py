"""Each fault of memcached, as clients see it, and beside what a real memcached says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bmemcached  # type: ignore[import-untyped]  # it has no types
import pytest
from bmemcached.exceptions import MemcachedException  # type: ignore[import-untyped]  # it has no types
from pymemcache.client.base import Client, PooledClient  # type: ignore[import-untyped]  # it has no types
from pymemcache.client.hash import HashClient  # type: ignore[import-untyped]  # it has no types
from pymemcache.exceptions import (  # type: ignore[import-untyped]  # it has no types
    MemcacheClientError,
    MemcacheServerError,
    MemcacheUnknownCommandError,
)

from end_to_end.proxies import RunningProxy, StartProxy
from memcache_server import NOOP, memcached, request, told
from peers import PATIENCE, connect, receive, receive_until_fin, wait_until
from vaurien.net.address import Address
from vaurien.protocols.memcache.faults import CATALOGUE
from vaurien.protocols.memcache.parser import Memcache

SET_EXTRAS = bytes(8)
DELTA_EXTRAS = bytes(20)
TOO_LARGE = b"x" * 2_000_000


@pytest.fixture
def start(start_proxy: StartProxy, memcached_address: Address) -> Callable[..., RunningProxy]:
    """Starts a proxy for memcache in front of it."""
    return lambda *rules, **named: start_proxy(
        memcached_address, *rules, protocol=Memcache(), **named
    )


def text_client(address: Address) -> Client:
    return Client((address.host, address.port), timeout=PATIENCE, default_noreply=False)


def binary_client(address: Address) -> Any:
    return bmemcached.Client([f"{address.host}:{address.port}"], socket_timeout=PATIENCE)


# Clients.


@dataclass(frozen=True)
class Seen:
    """How a client sees a fault."""

    call: Callable[[Any], object]
    raises: type[Exception] | None = None
    match: str = ""
    returns: object = None


def told_by(raises: type[Exception], match: str, call: Callable[[Any], object]) -> Seen:
    return Seen(call, raises, match)


def a_set(client: Any) -> object:
    return client.set("key", "value")


def a_get(client: Any) -> object:
    return client.get("key")


def an_incr(client: Any) -> object:
    return client.incr("key", 1)


TEXT = {
    "error": told_by(MemcacheUnknownCommandError, "get", a_get),
    "CLIENT_ERROR": told_by(MemcacheClientError, "bad command line format", a_get),
    "SERVER_ERROR": told_by(MemcacheServerError, "out of memory", a_set),
    "UNKNOWN_COMMAND": told_by(MemcacheUnknownCommandError, "set", a_set),
    "EINVAL": told_by(MemcacheClientError, "bad command line format", a_get),
    "bad-data-chunk": told_by(MemcacheClientError, "bad data chunk", a_set),
    "request-too-long": told_by(
        MemcacheClientError, "request too long", lambda client: client.get_many(["a", "b"])
    ),
    "invalid-exptime": told_by(
        MemcacheClientError, "invalid exptime argument", lambda client: client.touch("key", 10)
    ),
    "invalid-delta": told_by(MemcacheClientError, "invalid numeric delta argument", an_incr),
    "DELTA_BADVAL": told_by(MemcacheClientError, "non-numeric value", an_incr),
    "E2BIG": told_by(MemcacheServerError, "object too large for cache", a_set),
    "ENOMEM": told_by(MemcacheServerError, "out of memory storing object", a_set),
    "NOT_STORED": Seen(lambda client: client.add("key", "value"), returns=False),
    "EXISTS": Seen(lambda client: client.cas("key", "value", b"1"), returns=False),
    "NOT_FOUND": Seen(lambda client: client.cas("key", "value", b"1"), returns=None),
    "miss": Seen(a_get, returns=None),
    "AUTH_ERROR": told_by(MemcacheClientError, "unauthenticated", a_get),
    "authentication-failure": told_by(MemcacheClientError, "authentication failure", a_set),
    "flush-not-allowed": told_by(
        MemcacheClientError, "flush_all not allowed", lambda client: client.flush_all()
    ),
    "backend-failure": told_by(MemcacheServerError, "backend failure", a_get),
    "proxy-write-failed": told_by(MemcacheServerError, "proxy write to backend failed", a_set),
    "NOT_SUPPORTED": told_by(MemcacheServerError, "not supported", a_get),
    "EINTERNAL": told_by(MemcacheServerError, "internal", a_get),
    "ETMPFAIL": told_by(MemcacheServerError, "temporary failure", a_set),
    "too-many-connections": told_by(MemcacheUnknownCommandError, "get", a_get),
}
"""As pymemcache sees them; it has no class of its own for each."""
BINARY = {
    "error": told_by(MemcachedException, "code 129", a_get),
    "CLIENT_ERROR": told_by(MemcachedException, "Invalid arguments", a_get),
    "SERVER_ERROR": told_by(MemcachedException, "Out of memory", a_set),
    "UNKNOWN_COMMAND": told_by(MemcachedException, "Unknown command", a_get),
    "EINVAL": told_by(MemcachedException, "Invalid arguments", a_get),
    "DELTA_BADVAL": told_by(MemcachedException, "Non-numeric", an_incr),
    "E2BIG": told_by(MemcachedException, "Too large", a_set),
    "ENOMEM": told_by(MemcachedException, "Out of memory allocating item", a_set),
    "NOT_STORED": Seen(lambda client: client.add("key", "value"), returns=False),
    "EXISTS": Seen(lambda client: client.cas("key", "value", 1), returns=False),
    "NOT_FOUND": Seen(lambda client: client.cas("key", "value", 1), returns=False),
    "miss": Seen(a_get, returns=None),
    "AUTH_ERROR": told_by(MemcachedException, "Auth failure", a_get),
    "flush-not-allowed": told_by(
        MemcachedException, "Auth failure", lambda client: client.flush_all()
    ),
    "backend-failure": told_by(MemcachedException, "Internal error", a_get),
    "NOT_SUPPORTED": told_by(MemcachedException, "Not supported", a_get),
    "EINTERNAL": told_by(MemcachedException, "Internal error", a_get),
    "EBUSY": told_by(MemcachedException, "Server too busy", a_get),
    "ETMPFAIL": told_by(MemcachedException, "Temporary failure", a_set),
}
"""As bmemcached sees them."""
BY_SOCKET = {"refcount-overflow"}
"""Those of commands that no client here has."""


def test_every_fault_is_tried_with_a_client() -> None:
    assert {*TEXT, *BINARY, *BY_SOCKET} == {fault.name for fault in CATALOGUE}


def check(client: Any, seen: Seen) -> None:
    if seen.raises is None:
        assert seen.call(client) == seen.returns
    else:
        with pytest.raises(seen.raises, match=seen.match):
            seen.call(client)


@pytest.mark.parametrize("fault", TEXT)
def test_pymemcache_understands(start: Callable[..., RunningProxy], fault: str) -> None:
    proxy = start(f"error fault={fault} times=1")
    with closing(text_client(proxy.address)) as client:
        check(client, TEXT[fault])
        assert client.set("next", "works")
        assert client.get("next") == b"works"


@pytest.mark.parametrize("fault", BINARY)
def test_bmemcached_understands(start: Callable[..., RunningProxy], fault: str) -> None:
    proxy = start(f"error fault={fault} times=1")
    client = binary_client(proxy.address)
    try:
        check(client, BINARY[fault])
        client.set("next", "works")  # where it was hung up on, this one notices
        assert client.set("next", "works")
        assert client.get("next") == "works"
    finally:
        client.disconnect_all()


def test_what_a_pool_gives_out_after_a_fault_works(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=ENOMEM command=set times=1")
    address = (proxy.address.host, proxy.address.port)
    with closing(PooledClient(address, timeout=PATIENCE, default_noreply=False)) as client:
        with pytest.raises(MemcacheServerError, match="out of memory"):
            client.set("key", "value")
        assert client.set("key", "value")
        assert client.get("key") == b"value"


def test_a_server_with_a_failure_is_not_dead_to_a_hash_client(
    start: Callable[..., RunningProxy],
) -> None:
    proxy = start("error fault=backend-failure times=1")
    servers = [(proxy.address.host, proxy.address.port)]
    client = HashClient(servers, timeout=PATIENCE, retry_attempts=0, dead_timeout=3600)
    with closing(client):
        with pytest.raises(MemcacheServerError, match="backend failure"):
            client.set("key", "value", noreply=False)
        assert client.set("key", "value", noreply=False)


def test_a_server_that_does_not_answer_is_dead_to_a_hash_client_for_a_while(
    start: Callable[..., RunningProxy],
) -> None:
    proxy = start("hang")
    servers = [(proxy.address.host, proxy.address.port)]
    client = HashClient(servers, timeout=0.2, retry_attempts=0, dead_timeout=0)
    with closing(client):
        with pytest.raises(TimeoutError):
            client.get("key")
        proxy.change()
        wait_until(lambda: client.set("key", "value", noreply=False), "it is tried again")


# Bytes.

PROVOKED = {
    "UNKNOWN_COMMAND": [(b"get key\r\n", b"nosuch\r\n")],
    "EINVAL": [
        (b"incr key 1\r\n", b"incr " + 300 * b"k" + b" 1\r\n"),
        (b"get key\r\n", b"get " + 300 * b"k" + b"\r\n"),
        (request(0x00, b"key"), request(0x00)),
    ],
    "bad-data-chunk": [
        (b"set key 0 0 3\r\nabc\r\n", b"set key 0 0 3\r\nabcXX"),
        (b"ms key 3 q O1\r\nabc\r\n", b"ms key 3 q O1\r\nabcXX"),
    ],
    "invalid-exptime": [
        (b"touch text 10\r\n", b"touch text x\r\n"),
        (b"gat 10 text\r\n", b"gat x text\r\n"),
        (b"flush_all 10\r\n", b"flush_all x\r\n"),
    ],
    "invalid-delta": [(b"incr number 1\r\n", b"incr number x\r\n")],
    "DELTA_BADVAL": [
        (b"incr number 1\r\n", b"incr text 1\r\n"),
        (b"decr number 1\r\n", b"decr text 1\r\n"),
        (b"ma number O1 k q\r\n", b"ma text O1 k q\r\n"),
        (
            request(0x05, b"number", extras=DELTA_EXTRAS),
            request(0x05, b"text", extras=DELTA_EXTRAS),
        ),
    ],
    "E2BIG": [
        (b"set key 0 0 1\r\nx\r\n", b"set key 0 0 2000000\r\n%b\r\n" % TOO_LARGE),
        (b"append key 0 0 1\r\nx\r\n", b"append key 0 0 2000000\r\n%b\r\n" % TOO_LARGE),
        (b"ms key 1 O1 k\r\nx\r\n", b"ms key 2000000 O1 k\r\n%b\r\n" % TOO_LARGE),
        (
            request(0x01, b"key", extras=SET_EXTRAS, value=b"x"),
            request(0x01, b"key", extras=SET_EXTRAS, value=TOO_LARGE),
        ),
        (
            request(0x12, b"key", extras=SET_EXTRAS, value=b"x"),
            request(0x12, b"key", extras=SET_EXTRAS, value=TOO_LARGE),
        ),
        (
            request(0x11, b"key", extras=SET_EXTRAS, value=b"x"),
            request(0x11, b"key", extras=SET_EXTRAS, value=TOO_LARGE),
        ),
    ],
    "NOT_STORED": [
        (b"add key 0 0 1\r\nx\r\n", b"add text 0 0 1\r\nx\r\n"),
        (b"append text 0 0 1\r\nx\r\n", b"append nokey 0 0 1\r\nx\r\n"),
        (b"ms text 1 O1 k MA\r\nx\r\n", b"ms text 1 O1 k ME\r\nx\r\n"),
        (b"ms dGV4dA== 1 k b MA\r\nx\r\n", b"ms dGV4dA== 1 k b ME\r\nx\r\n"),
        (
            request(0x02, b"key", extras=SET_EXTRAS, value=b"x"),
            request(0x02, b"text", extras=SET_EXTRAS, value=b"x"),
        ),
        (
            request(0x03, b"text", extras=SET_EXTRAS, value=b"x"),
            request(0x03, b"nokey", extras=SET_EXTRAS, value=b"x"),
        ),
        (request(0x0E, b"text", value=b"x"), request(0x0E, b"nokey", value=b"x")),
    ],
    "EXISTS": [
        (b"cas text 0 0 1 1\r\nx\r\n", b"cas text 0 0 1 1\r\nx\r\n"),
        (b"ms text 1 C1 O1 c\r\nx\r\n", b"ms text 1 C1 O1\r\nx\r\n"),
        (b"md text C1 q k O1\r\n", b"md text C1 q k O1\r\n"),
        (
            request(0x01, b"text", extras=SET_EXTRAS, value=b"x", cas=1),
            request(0x01, b"text", extras=SET_EXTRAS, value=b"x", cas=1),
        ),
    ],
    "NOT_FOUND": [
        (b"delete text\r\n", b"delete nokey\r\n"),
        (b"incr number 1\r\n", b"incr nokey 1\r\n"),
        (b"touch text 0\r\n", b"touch nokey 0\r\n"),
        (b"cas text 0 0 1 1\r\nx\r\n", b"cas nokey 0 0 1 1\r\nx\r\n"),
        (b"md nokey q k O1\r\n", b"md nokey q k O1\r\n"),
        (b"ma nokey O1 q\r\n", b"ma nokey O1 q\r\n"),
        (request(0x04, b"text"), request(0x04, b"nokey")),
        (request(0x14, b"text"), request(0x14, b"nokey")),
        (request(0x1C, b"text", extras=bytes(4)), request(0x1C, b"nokey", extras=bytes(4))),
    ],
    "miss": [
        (b"get text\r\n", b"get nokey\r\n"),
        (b"gets text number\r\n", b"gets nokey nokey\r\n"),
        (b"gat 0 text\r\n", b"gat 0 nokey\r\n"),
        (b"mg bm9rZXk= v O1 k b\r\n", b"mg bm9rZXk= v O1 k b\r\n"),
        (b"mg text v q\r\n", b"mg nokey v q\r\n"),
        (b"me text\r\n", b"me nokey\r\n"),
        (request(0x00, b"text"), request(0x00, b"nokey")),
        (request(0x09, b"text"), request(0x09, b"nokey")),
        (request(0x0C, b"nokey"), request(0x0C, b"nokey")),
        (request(0x0D, b"text"), request(0x0D, b"nokey")),
        (request(0x23, b"nokey", extras=bytes(4)), request(0x23, b"nokey", extras=bytes(4))),
    ],
}
"""Fault -> pairs of requests: one that the fault falls upon, one that memcached answers so."""
CASES = [(fault, *pair) for fault, pairs in PROVOKED.items() for pair in pairs]
PREPARE = b"set text 0 0 4\r\ntext\r\nset number 0 0 1\r\n1\r\ndelete key\r\ndelete nokey\r\n"


@pytest.mark.parametrize(("fault", "asked", "provokes"), CASES)
def test_memcached_says_the_same(
    start: Callable[..., RunningProxy],
    memcached_address: Address,
    fault: str,
    asked: bytes,
    provokes: bytes,
) -> None:
    told(memcached_address, PREPARE)
    proxy = start(f"error fault={fault} times=1")
    injected = told(proxy.address, asked)
    assert injected == told(memcached_address, provokes)
    assert len(proxy.fired) == 1


LARGE = b"x" * 400_000
REFUSED = [
    ("ENOMEM", b"set key 0 0 400000\r\n%b\r\n" % LARGE),
    ("ENOMEM", b"ms key 400000 O1\r\n%b\r\n" % LARGE),
    ("ENOMEM", request(0x02, b"key", extras=SET_EXTRAS, value=LARGE)),
    ("flush-not-allowed", b"flush_all\r\n"),
    ("flush-not-allowed", request(0x08)),
]


@pytest.fixture(scope="session")
def full_memcached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """One that has no memory left, may not evict anything, and may not be flushed."""
    words = ("-M", "-m", "2", "-F", "-c", "40")
    with memcached(tmp_path_factory.mktemp("memcached"), *words) as address:
        with connect(address) as sock:
            for number in range(250):
                sock.sendall(b"set %d 0 0 400000\r\n%b\r\n" % (number, LARGE))
            sock.sendall(b"quit\r\n")
            assert b"out of memory" in receive_until_fin(sock)
        yield address


@pytest.mark.parametrize(("fault", "asked"), REFUSED)
def test_a_full_memcached_says_the_same(
    start: Callable[..., RunningProxy], full_memcached: Address, fault: str, asked: bytes
) -> None:
    proxy = start(f"error fault={fault} times=1")
    assert told(proxy.address, asked) == told(full_memcached, asked)


def test_a_memcached_without_connections_says_the_same(
    start: Callable[..., RunningProxy], full_memcached: Address
) -> None:
    proxy = start("error fault=too-many-connections")
    with ExitStack() as stack:
        socks = [stack.enter_context(connect(full_memcached)) for _ in range(50)]
        said = receive_until_fin(socks[-1])
    for asked in (b"get key\r\n", b"mg key\r\n", request(NOOP)):
        with connect(proxy.address) as sock:
            sock.sendall(asked)
            assert receive_until_fin(sock) == said


def test_a_memcached_with_users_says_the_same(
    start: Callable[..., RunningProxy], tmp_path: Path
) -> None:
    users = tmp_path / "users"
    users.write_text("user:secret\n")
    asked = {
        "AUTH_ERROR": b"get keykey\r\n",
        "authentication-failure": b"set auth 0 0 9\r\nuser nope\r\n",
    }
    with memcached(tmp_path, "-Y", str(users)) as address:
        for fault, data in asked.items():
            injected = told(start(f"error fault={fault} times=1").address, data)
            with connect(address) as sock:
                sock.sendall(data)
                assert receive(sock, len(injected)) == injected
