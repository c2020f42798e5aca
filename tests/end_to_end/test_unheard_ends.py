"""Ends that peers hear of late or never: slow-close and half-open, on real sockets."""

from __future__ import annotations

import random
import socket
import time
from contextlib import closing

import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeout

from end_to_end.proxies import StartProxy
from end_to_end.test_redis import redis_client
from peers import (
    Listening,
    connect,
    half_close,
    is_silent,
    receive,
    receive_until_fin,
    receive_until_reset,
    reset,
    wait_until,
)
from vaurien.net.address import Address

BLOCK = random.Random(11).randbytes(1000)
LONG = 0.2
"""Seconds that a rule takes, where a test waits for it."""


def get(address: Address, path: str) -> bytes:
    """A request for a file, after which the server closes."""
    return f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()


# slow-close


def test_the_end_is_late_and_the_bytes_are_not(
    start_proxy: StartProxy, nginx_address: Address, portable: bool
) -> None:
    proxy = start_proxy(nginx_address, "slow-close delay=3600", portable=portable)
    with connect(proxy.address) as client:
        client.sendall(get(nginx_address, "/hello"))
        assert receive(client, 15) == b"HTTP/1.1 200 OK"
        wait_until(lambda: client.recv(65536, socket.MSG_PEEK).endswith(b"hello\n"), "all is here")
        client.recv(65536)
        proxy.wait_for_firings(1)
        assert is_silent(client)
        proxy.change()
        assert receive_until_fin(client) == b""


@pytest.mark.parametrize("from_client", [True, False])
def test_a_fin_comes_after_the_delay(
    start_proxy: StartProxy, backend: Listening, from_client: bool
) -> None:
    proxy = start_proxy(backend.address, f"slow-close delay={LONG}")
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        sender.sendall(BLOCK)
        begun = time.monotonic()
        half_close(sender)
        assert receive(receiver, 1000) == BLOCK
        receiver.sendall(b"go on")
        assert receive(sender, 5) == b"go on"
        assert receive_until_fin(receiver) == b""
        assert time.monotonic() - begun >= LONG


def test_a_reset_comes_after_the_delay(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address, f"slow-close delay={LONG}")
    with connect(proxy.address) as client, backend.accept() as server:
        server.sendall(b"good bye")
        assert receive(client, 8) == b"good bye"
        begun = time.monotonic()
        reset(server)
        assert receive_until_reset(client) == b""
        assert time.monotonic() - begun >= LONG


# half-open


@pytest.mark.parametrize("by_reset", [True, False])
@pytest.mark.parametrize("rule", ["half-open", "half-open direction=to_client"])
def test_the_client_never_hears_that_the_backend_is_gone(
    start_proxy: StartProxy, backend: Listening, rule: str, by_reset: bool, portable: bool
) -> None:
    proxy = start_proxy(backend.address, rule, portable=portable)
    with connect(proxy.address) as client:
        server = backend.accept()
        server.sendall(b"good bye")
        assert receive(client, 8) == b"good bye"
        if by_reset:
            reset(server)
        else:
            server.close()
        proxy.wait_for_firings(1)
        for said in range(1, 4):
            client.sendall(b"hello?")
            wait_until(
                lambda said=said: proxy.totals.bytes_to_backend == 6 * said,  # type: ignore[misc]  # no inference
                "the proxy has it",
            )
            assert is_silent(client)
        assert proxy.totals.open == 1
        proxy.change()
        with pytest.raises(ConnectionResetError):
            receive_until_fin(client)
    proxy.wait_for_connections(0)


def test_who_says_nothing_hears_a_fin_in_the_end(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address, "half-open direction=to_client")
    with connect(proxy.address) as client:
        backend.accept().close()
        proxy.wait_for_firings(1)
        assert is_silent(client)
        proxy.change()
        assert receive_until_fin(client) == b""


def test_a_redis_client_that_was_killed_does_not_know(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "half-open direction=to_client")
    with (
        redis_client(proxy.address, timeout=LONG) as client,
        redis_client(redis_address) as direct,
    ):
        me = client.client_id()
        assert direct.client_kill_filter(_id=str(me)) == 1
        with pytest.raises(RedisTimeout):
            client.ping()
    proxy.change()
    proxy.wait_for_connections(0)


def test_the_backend_never_hears_that_the_client_is_gone(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "half-open direction=to_backend")
    with closing(Redis(redis_address.host, redis_address.port)) as direct:
        with connect(proxy.address) as client:
            client.sendall(b"CLIENT SETNAME ghost\r\n")
            assert receive(client, 5) == b"+OK\r\n"
        proxy.wait_for_firings(1)
        assert "ghost" in names(direct)
        proxy.change()
        wait_until(lambda: "ghost" not in names(direct), "redis knows that its client is gone")


def names(client: Redis) -> set[str]:
    """The names of the clients that redis believes it has."""
    return {str(known["name"]) for known in client.client_list()}
