"""A redis that is spoken to message by message: nothing changes, and all is understood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy, command_line
from peers import connect, receive, receive_until_fin, wait_until
from redis_talk import Client, ask, command
from servers import redis_benchmark, redis_server
from vaurien.net.address import Address
from vaurien.protocols.redis.parser import Redis

MIB = 1024 * 1024


@pytest.fixture(params=HARMLESS)
def proxy(
    request: pytest.FixtureRequest, start_proxy: StartProxy, redis_address: Address
) -> Iterator[RunningProxy]:
    """A proxy that does no harm; whatever passes, it must understand."""
    with Client(redis_address) as redis:
        redis.does("FLUSHALL")
    proxy = start_proxy(redis_address, *HARMLESS[request.param], protocol=Redis())
    yield proxy
    assert proxy.totals.gave_up == 0


def pending(proxy: RunningProxy) -> int:
    """How many responses the proxy waits for."""

    def count() -> int:
        found = [connection.decisions.exchanges for connection in proxy.proxy.connections]
        return sum(len(exchanges.pending) for exchanges in found if exchanges is not None)

    return proxy.call(count)


TALK = [
    ("SET key value", b"+OK\r\n"),
    ("GET key", b"$5\r\nvalue\r\n"),
    ("LPUSH key value", b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ("RPUSH list a b c", b":3\r\n"),
    ("LRANGE list 0 -1", b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
    ("EVAL return{1,{2,{'x'}}} 0", b"*2\r\n:1\r\n*2\r\n:2\r\n*1\r\n$1\r\nx\r\n"),
    ("MULTI", b"+OK\r\n"),
    ("INCR number", b"+QUEUED\r\n"),
    ("LRANGE list 0 0", b"+QUEUED\r\n"),
    ("EXEC", b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n"),
    ("BLPOP nothing 0.01", b"*-1\r\n"),
    ("CONFIG GET databases", b"*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n"),
    ("XREAD STREAMS stream 0", b"*-1\r\n"),
    ("PING", b"+PONG\r\n"),
]


def test_each_command_has_its_answer(proxy: RunningProxy) -> None:
    requests = [command(words) for words, _ in TALK]
    answers = [answer for _, answer in TALK]
    with connect(proxy.address) as sock:
        assert ask(sock, *requests) == answers
        assert [ask(sock, request)[0] for request in requests[6:10]] == [
            *answers[6:9][:1],
            b"+QUEUED\r\n",
            b"+QUEUED\r\n",
            b"*2\r\n:2\r\n*1\r\n$1\r\na\r\n",
        ]
        wait_until(lambda: not pending(proxy), "no response is pending")
    tally = proxy.proxy.tally
    assert tally.exchanges["LRANGE"] == 3
    assert tally.errors == {"WRONGTYPE": 1}


def test_subscribers_in_both_versions(proxy: RunningProxy, redis_address: Address) -> None:
    for version, kind in (("2", b"*"), ("3", b">")):
        with Client(proxy.address) as client, Client(redis_address) as direct:
            client.told(f"HELLO {version}")
            client.sock.sendall(command("SUBSCRIBE a b") + command("PSUBSCRIBE c*"))
            client.hear(b":3\r\n")
            direct.does("PUBLISH a 1", "PUBLISH cd 2")
            expected = [
                kind + b"3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n",
                kind + b"4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\ncd\r\n$1\r\n2\r\n",
            ]
            assert client.hear(b"cd\r\n$1\r\n2\r\n") == b"".join(expected)
            client.sock.sendall(command("UNSUBSCRIBE") + command("PUNSUBSCRIBE"))
            client.hear(b":0\r\n")
            assert client.told("ECHO x") == b"$1\r\nx\r\n"
            wait_until(lambda: not pending(proxy), "no response is pending")


def test_invalidations(proxy: RunningProxy, redis_address: Address) -> None:
    with Client(proxy.address) as client, Client(redis_address) as direct:
        client.does("HELLO 3", "CLIENT TRACKING ON", "SET key value", "GET key")
        direct.does("SET key other")
        push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n"
        assert client.hear(b"key\r\n") == push
        assert client.told("GET key") == b"$5\r\nother\r\n"
        assert pending(proxy) == 0


def test_a_monitor(proxy: RunningProxy, redis_address: Address) -> None:
    with Client(proxy.address) as client, Client(redis_address) as direct:
        client.does("MONITOR")
        direct.does("SET key value", "GET key")
        assert client.hear(b'"GET" "key"\r\n').count(b"\r\n") == 2
        assert client.told("RESET") == b"+RESET\r\n"
        assert client.told("GET key") == b"$5\r\nvalue\r\n"


def test_a_replica(proxy: RunningProxy, redis_address: Address, tmp_path: Path) -> None:
    with Client(redis_address) as direct, redis_server(tmp_path) as address:
        direct.told("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        direct.told("SET", "large", "x" * MIB)
        with Client(address) as replica:
            replica.does(f"REPLICAOF {proxy.address.host} {proxy.address.port}")
            wait_until(lambda: len(replica.told("GET large")) > MIB, "the replica has all of it")
            direct.does("SET key value")
            wait_until(lambda: replica.told("GET key") == b"$5\r\nvalue\r\n", "and goes on")
            replica.does("REPLICAOF NO ONE")


def test_inline_commands(proxy: RunningProxy) -> None:
    with connect(proxy.address) as sock:
        sock.sendall(b"\r\nSET key value\r\n  get key \nPING\r\n*0\r\n*-1\r\nQUIT\r\n")
        assert receive_until_fin(sock) == b"+OK\r\n$5\r\nvalue\r\n+PONG\r\n+OK\r\n"
    assert proxy.proxy.tally.exchanges == {"": 3, "SET": 1, "GET": 1, "PING": 1, "QUIT": 1}


def test_benchmarks(proxy: RunningProxy) -> None:
    words = ["-n", "800", "-c", "20", "-d", "100", "-t", "set,get,lrange_100,mset"]
    assert len(redis_benchmark(proxy.address, *words, "-P", "16")) >= 4
    assert len(redis_benchmark(proxy.address, *words, "-3")) >= 4
    tally = proxy.proxy.tally
    assert tally.exchanges["MSET"] == 1600
    assert not tally.errors


@pytest.mark.parametrize("rules", [(), ("--rule", "delay sleep=0 command=NOTHING")])
def test_a_large_value_takes_little_memory(
    rules: tuple[str, ...], redis_address: Address, tmp_path: Path
) -> None:
    value = bytes(100 * MIB)
    log = tmp_path / "log"
    with (
        command_line(redis_address, "--protocol", "redis", *rules, log=log) as proxy,
        connect(proxy.address) as sock,
    ):
        assert ask(sock, command("PING")) == [b"+PONG\r\n"]
        before = proxy.peak_memory
        sock.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n" % len(value))
        sock.sendall(value)
        sock.sendall(b"\r\n")
        assert receive(sock, 5) == b"+OK\r\n"
        sock.sendall(command("GET large") + command("DEL large"))
        assert receive(sock, 12) == b"$%d\r\n" % len(value)
        assert receive(sock, len(value)) == value
        assert receive(sock, 6) == b"\r\n:1\r\n"
        assert proxy.peak_memory - before < 16 * MIB
