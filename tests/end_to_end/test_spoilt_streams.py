"""Streams that arrive otherwise than they were sent: bits flipped, chunks twice or out of order."""

from __future__ import annotations

import socket
import time
from math import sqrt

import pytest

from end_to_end.proxies import RunningProxy, StartProxy, make_plan
from end_to_end.test_redis import PING, PONG, redis_client
from peers import (
    Listening,
    connect,
    half_close,
    is_silent,
    receive,
    receive_until_fin,
    wait_until,
)
from servers import LARGE_FILE
from vaurien.errors import OptionError
from vaurien.net.address import Address
from vaurien.protocols.http.parser import Http

LONG = 0.2
"""Seconds that a rule takes, where a test waits for it."""


def ping(sock: socket.socket) -> None:
    """See that redis answers on a connection."""
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG


def get(address: Address, path: str) -> bytes:
    """A request for a file, after which the server closes."""
    return f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()


# corrupt


def test_so_many_bits_of_a_download_are_flipped(
    start_proxy: StartProxy, nginx_address: Address
) -> None:
    rate = 0.0001
    seen = []
    for portable in (False, True):  # which reads in other chunks
        proxy = start_proxy(
            nginx_address,
            f"corrupt rate={rate} direction=to_client",
            seed=5,
            portable=portable,
        )
        with connect(proxy.address) as client:
            client.sendall(get(nginx_address, "/large"))
            whole = receive_until_fin(client)
        seen.append(whole[-len(LARGE_FILE) :])
    assert seen[0] == seen[1]
    flips = (int.from_bytes(seen[0], "big") ^ int.from_bytes(LARGE_FILE, "big")).bit_count()
    expected = 8 * len(LARGE_FILE) * rate
    assert abs(flips - expected) < 5 * sqrt(expected)


def test_a_client_notices_that_bits_were_flipped(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "corrupt rate=1 direction=to_client")
    with connect(proxy.address) as client:
        client.sendall(PING)
        assert receive(client, len(PONG)) == bytes(byte ^ 0xFF for byte in PONG)
        proxy.change()
        ping(client)


# duplicate and reorder


def say(proxy: RunningProxy, sock: socket.socket, *chunks: bytes) -> None:
    """Say them so that each is read by itself."""
    for chunk in chunks:
        end = proxy.totals.bytes_to_backend + len(chunk)
        sock.sendall(chunk)
        wait_until(
            lambda end=end: proxy.totals.bytes_to_backend == end,  # type: ignore[misc]  # no inference
            "the proxy has it",
        )


def test_chunks_arrive_twice(start_proxy: StartProxy, backend: Listening, portable: bool) -> None:
    proxy = start_proxy(backend.address, "duplicate", portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        say(proxy, client, b"one ", b"two ", b"three ")
        half_close(client)
        assert receive_until_fin(server) == b"one one two two three three "
        server.sendall(b"and back ")
        server.close()
        assert receive_until_fin(client) == b"and back and back "


def test_redis_does_twice_what_it_is_told_twice(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "duplicate direction=to_backend")
    with connect(proxy.address) as client, redis_client(redis_address) as direct:
        direct.delete("counter")
        client.sendall(b"INCR counter\r\n")
        assert receive(client, 8) == b":1\r\n:2\r\n"


def test_chunks_change_places(start_proxy: StartProxy, backend: Listening, portable: bool) -> None:
    rule = "reorder patience=3600 direction=to_backend"
    proxy = start_proxy(backend.address, rule, portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        say(proxy, client, b"a", b"b")
        assert receive(server, 2) == b"ba"
        say(proxy, client, b"c")
        assert is_silent(server)
        say(proxy, client, b"d", b"e")
        assert receive(server, 2) == b"dc"
        assert is_silent(server)
        half_close(client)
        assert receive_until_fin(server) == b"e"


def test_a_chunk_that_nobody_follows_waits_for_its_patience(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, f"reorder patience={LONG} direction=to_client")
    with connect(proxy.address) as client:
        begun = time.monotonic()
        ping(client)
        assert time.monotonic() - begun >= LONG
        proxy.change()
        proxy.change("reorder patience=3600")
        client.sendall(PING)
        proxy.wait_for_firings(2)
        assert is_silent(client)
        proxy.change()
        assert receive(client, len(PONG)) == PONG


@pytest.mark.parametrize("rule", ["duplicate", "reorder"])
def test_messages_are_not_torn(rule: str) -> None:
    with pytest.raises(OptionError, match="protocol 'http'"):
        make_plan(rule, protocol=Http)
