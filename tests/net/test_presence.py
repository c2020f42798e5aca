"""Peers that have closed, and peers that only send no more, on the real system."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from peers import reset, wait_until
from vaurien.net import presence
from vaurien.net.presence import has_closed, has_gone

Pair = tuple[socket.socket, socket.socket]


def over(family: int, host: str) -> Pair:
    with socket.create_server((host, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        return client, listener.accept()[0]


PAIRS = {
    "ipv4": lambda: over(socket.AF_INET, "127.0.0.1"),
    "ipv6": lambda: over(socket.AF_INET6, "::1"),
    "unix": socket.socketpair,
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A peer, and the socket that is connected with it."""
    make: Callable[[], Pair] = PAIRS[request.param]
    with ExitStack() as stack:
        peer, sock = make()
        sock.setblocking(False)
        yield stack.enter_context(peer), stack.enter_context(sock)


def test_who_is_there_has_neither_closed_nor_gone(pair: Pair) -> None:
    peer, sock = pair
    peer.sendall(b"hello")
    assert not has_closed(sock)
    assert not has_gone(sock)


def test_who_only_sends_no_more_has_not_gone(pair: Pair) -> None:
    peer, sock = pair
    peer.sendall(b"hello")
    peer.shutdown(socket.SHUT_WR)
    wait_until(lambda: has_closed(sock), "the end is known")
    assert not has_gone(sock)
    assert sock.recv(100) == b"hello"
    assert not has_gone(sock)


@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_who_has_closed_or_reset_has_gone(pair: Pair, end: Callable[[socket.socket], None]) -> None:
    peer, sock = pair
    peer.sendall(b"hello")
    end(peer)
    wait_until(lambda: has_gone(sock), "the end is known")
    assert has_closed(sock)


def test_our_own_end_is_not_the_peers(pair: Pair) -> None:
    _, sock = pair
    sock.shutdown(socket.SHUT_WR)
    assert not has_closed(sock)
    assert not has_gone(sock)


def test_a_peer_that_the_kernel_does_not_know_is_taken_to_be_there(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one on another machine; it is probed, and resets the connection if it is not."""
    peer, sock = pair
    if sock.family == socket.AF_UNIX:
        return
    monkeypatch.setattr(presence, "BY_FAMILY", 99)
    peer.close()
    wait_until(lambda: has_closed(sock), "the end is known")
    assert not has_gone(sock)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
