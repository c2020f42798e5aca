"""Connections that break: reset, cut off, and given up after a time; on real sockets."""

from __future__ import annotations

import errno
import random
import socket
import subprocess
import time
from contextlib import ExitStack

import httpx
import pytest
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as RedisTimeout

from end_to_end.proxies import RunningProxy, StartProxy
from end_to_end.test_redis import PING, PONG, redis_client
from end_to_end.web import client_of
from peers import (
    PATIENCE,
    Listening,
    connect,
    is_silent,
    receive,
    receive_until_fin,
    receive_until_reset,
    wait_until,
)
from servers import LARGE_FILE, require
from vaurien.net.address import Address
from vaurien.protocols.redis.parser import Redis as RedisProtocol

PARTIAL_FILE, TIMED_OUT, EMPTY_REPLY, RECEIVE_ERROR = 18, 28, 52, 56
"""Exit statuses of curl."""
BLOCK = random.Random(11).randbytes(300_000)
LONG = 0.2
"""Seconds that a rule takes, where a test waits for it."""


def curl(proxy: RunningProxy, path: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [require("curl"), "-sS", *words, f"http://{proxy.address}{path}"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)


def ping(sock: socket.socket) -> None:
    """See that redis answers on a connection."""
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG


def get(address: Address, path: str) -> bytes:
    """A request for a file, after which the server closes."""
    return f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()


# reset


def test_idle_connections_are_reset_at_once(
    start_proxy: StartProxy, backend: Listening, portable: bool
) -> None:
    proxy = start_proxy(backend.address, portable=portable)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(proxy.address)) for _ in range(10)]
        servers = [stack.enter_context(backend.accept()) for _ in range(10)]
        proxy.change("reset")
        for peer in (*clients, *servers):
            with pytest.raises(ConnectionResetError) as seen:
                peer.recv(1)
            assert seen.value.errno == errno.ECONNRESET
    proxy.wait_for_connections(0)
    assert proxy.totals.fired == 10


def test_an_idle_redis_client_finds_its_connection_reset(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address)
    with redis_client(proxy.address) as client:
        connection = client.connection_pool.get_connection()
        connection.send_command("PING")  # type: ignore[no-untyped-call]  # redis has no types there
        assert connection.read_response() == b"PONG"
        proxy.change("reset")
        proxy.wait_for_connections(0)
        proxy.change()
        with pytest.raises(LostConnection, match="reset by peer"):
            connection.read_response()
        client.connection_pool.release(connection)
        assert client.ping()


def test_a_reset_after_a_time(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(redis_address, f"reset seconds={LONG}")
    begun = time.monotonic()
    with connect(proxy.address) as client:
        ping(client)
        assert receive_until_reset(client) == b""
    assert time.monotonic() - begun >= LONG


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_exactly_so_many_bytes_and_then_a_reset(
    start_proxy: StartProxy, nginx_address: Address, size: int, portable: bool
) -> None:
    whole = start_proxy(nginx_address, portable=portable)
    with connect(whole.address) as client:
        client.sendall(get(nginx_address, "/large"))
        expected = receive_until_fin(client)
    proxy = start_proxy(nginx_address, f"reset bytes={size} direction=to_client", portable=portable)
    with connect(proxy.address) as client:
        client.sendall(get(nginx_address, "/large"))
        heard = receive_until_reset(client)
    assert len(heard) == size
    head = expected.index(b"\r\n\r\n")  # the dates in it differ
    assert heard[head:] == expected[head:size]


def test_the_backend_gets_exactly_so_many_and_then_a_reset(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address, "reset bytes=100000 direction=to_backend")
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(BLOCK[:150_000])
        assert receive_until_reset(server) == BLOCK[:100_000]
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            receive_until_fin(client)


def test_web_clients_see_a_reset(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "reset bytes=5000 direction=to_client")
    fetched = curl(proxy, "/large")
    assert fetched.returncode == RECEIVE_ERROR
    with client_of(proxy) as browser, pytest.raises(httpx.ReadError):
        browser.get("/large")


def test_one_exchange_is_reset(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(
        redis_address, "reset scope=exchange command=SET times=1", protocol=RedisProtocol()
    )
    with redis_client(proxy.address) as client:
        assert client.get("nothing") is None
        with pytest.raises(LostConnection, match="reset by peer"):
            client.set("key", "value")
        assert client.set("key", "value")


# limit-data


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_exactly_so_many_bytes_and_then_a_fin(
    start_proxy: StartProxy, nginx_address: Address, size: int, portable: bool
) -> None:
    proxy = start_proxy(
        nginx_address, f"limit-data bytes={size} direction=to_client", portable=portable
    )
    with connect(proxy.address) as client:
        client.sendall(get(nginx_address, "/large"))
        assert len(receive_until_fin(client)) == size
    proxy.wait_for_connections(0)


def test_a_download_ends_early(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "limit-data bytes=5000 direction=to_client")
    fetched = curl(proxy, "/large")
    assert fetched.returncode == PARTIAL_FILE
    assert fetched.stdout == LARGE_FILE[: len(fetched.stdout)]
    assert 4000 < len(fetched.stdout) < 5000
    with client_of(proxy) as browser, pytest.raises(httpx.RemoteProtocolError, match="complete"):
        browser.get("/large")
    assert curl(proxy, "/hello").returncode == 0


def test_the_backend_gets_exactly_so_many_and_then_a_fin(
    start_proxy: StartProxy, backend: Listening, portable: bool
) -> None:
    proxy = start_proxy(
        backend.address, "limit-data bytes=100000 direction=to_backend", portable=portable
    )
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(BLOCK[:100_000])
        assert receive_until_fin(server) == BLOCK[:100_000]
        assert receive_until_fin(client) == b""


def test_nothing_at_all_is_an_empty_reply(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "limit-data bytes=0 direction=to_client")
    assert curl(proxy, "/hello").returncode == EMPTY_REPLY


# timeout


def test_nothing_gets_through_and_the_connection_closes_in_the_end(
    start_proxy: StartProxy, redis_address: Address, portable: bool
) -> None:
    proxy = start_proxy(redis_address, f"timeout lifetime={LONG}", portable=portable)
    begun = time.monotonic()
    with connect(proxy.address) as client:
        client.sendall(PING)
        assert receive_until_fin(client) == b""
    assert time.monotonic() - begun >= LONG
    with redis_client(proxy.address) as other, pytest.raises(LostConnection):
        other.ping()


def test_what_passes_passes_until_the_lifetime_is_over(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, f"timeout lifetime={LONG} data=pass")
    begun = time.monotonic()
    with connect(proxy.address) as client:
        for _ in range(10):
            ping(client)
        assert receive_until_fin(client) == b""
    assert time.monotonic() - begun >= LONG


def test_who_is_idle_is_closed_and_who_is_not_is_not(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, f"timeout idle={2 * LONG} data=pass")
    with connect(proxy.address) as idle, connect(proxy.address) as busy:
        begun = time.monotonic()
        ping(idle)
        while is_silent(idle):
            ping(busy)
        assert time.monotonic() - begun >= 2 * LONG
        assert receive_until_fin(idle) == b""
        ping(busy)


def test_without_a_time_clients_wait_for_ever(
    start_proxy: StartProxy, redis_address: Address, nginx_address: Address
) -> None:
    proxy = start_proxy(redis_address, "timeout")
    with redis_client(proxy.address, timeout=LONG) as client, pytest.raises(RedisTimeout):
        client.ping()
    web = start_proxy(nginx_address, "timeout direction=to_client")
    assert curl(web, "/hello", "--max-time", str(LONG)).returncode == TIMED_OUT


def test_lifting_it_closes_connections_that_miss_something(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "timeout")
    with connect(proxy.address) as missing, connect(proxy.address) as quiet:
        missing.sendall(PING)
        wait_until(lambda: proxy.totals.bytes_to_backend == len(PING), "it was swallowed")
        assert is_silent(missing)
        proxy.change()
        assert receive_until_fin(missing) == b""
        ping(quiet)
