"""Closing so that the peer hears what was meant for it, and how it ended."""

from __future__ import annotations

import socket

import pytest

from peers import (
    Listening,
    connect,
    receive_until_fin,
    receive_until_reset,
    wait_until_delivered,
)
from reactors import real_reactor, run_until
from vaurien.net.closing import LONGEST_PAUSE, RESET_LIMIT, close_socket, read_unread
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSocket, SimulatedSystem, SimulationOver
from vaurien.net.system import READ, Endpoint, Socket

HERE: Endpoint = (int(socket.AF_INET), ("here", 80))


class Slow(SimulatedSystem):
    """A kernel that needs some time to send what it holds."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until

    def unsent(self, sock: Socket) -> int:
        return 1000 if self.time < self.until else 0


def closed_after(until: float) -> tuple[float, SimulatedSocket]:
    """When a socket is closed with a reset, and its peer; the kernel is done at this time."""
    system = Slow(until)
    reactor = Reactor(system)
    listener = system.listen(HERE, 1)
    peer = system.connect(HERE)
    sock = system.accept(listener, HERE[0])
    assert isinstance(sock, SimulatedSocket)
    reactor.add(sock.fileno(), Deaf(), READ)
    close_socket(reactor, sock, reset=True)
    while not sock.closed:
        reactor.run_once()
    with pytest.raises(SimulationOver):
        reactor.run_once()  # nothing is left to wait for
    return system.time, peer


class Deaf:
    """Must hear nothing any more."""

    def on_event(self, events: int) -> None:
        raise AssertionError(events)

    def on_failure(self, report: str) -> None:
        raise AssertionError(report)


def test_a_reset_is_sent_at_once_where_nothing_waits_to_be_sent() -> None:
    moment, peer = closed_after(0.0)
    assert moment == 0.0
    with pytest.raises(ConnectionResetError):
        peer.recv_into(bytearray(10))


@pytest.mark.parametrize("until", [0.001, 0.5, 10.0])
def test_a_reset_waits_for_what_the_kernel_still_has_to_send(until: float) -> None:
    moment, peer = closed_after(until)
    assert until <= moment <= until + LONGEST_PAUSE
    assert peer.reset


def test_a_reset_does_not_wait_for_ever() -> None:
    moment, peer = closed_after(1e9)
    assert RESET_LIMIT <= moment <= RESET_LIMIT + LONGEST_PAUSE
    assert peer.reset


# In the real system.


@pytest.mark.parametrize("reset", [True, False])
def test_a_socket_is_closed_as_asked(reset: bool) -> None:
    with (
        real_reactor() as reactor,
        Listening() as listening,
        connect(listening.address) as client,
    ):
        server = listening.accept()
        server.sendall(b"last words")
        close_socket(reactor, server, reset=reset)
        run_until(reactor, lambda: server.fileno() < 0, "it is closed")
        hear = receive_until_reset if reset else receive_until_fin
        assert hear(client) == b"last words"


@pytest.mark.parametrize("size", [1, 60_000])
def test_bytes_that_nobody_read_do_not_make_a_close_a_reset(size: int) -> None:
    with (
        real_reactor() as reactor,
        Listening() as listening,
        connect(listening.address) as client,
    ):
        server = listening.accept()
        client.sendall(bytes(size))
        wait_until_delivered(client)
        server.sendall(b"last words")
        server.setblocking(False)
        read_unread(reactor, server)
        close_socket(reactor, server, reset=False)
        run_until(reactor, lambda: server.fileno() < 0, "it is closed")
        assert receive_until_fin(client) == b"last words"


def test_there_may_be_nothing_to_read_or_nobody() -> None:
    with real_reactor() as reactor:
        one, other = socket.socketpair()
        one.setblocking(False)
        read_unread(reactor, one)
        other.close()
        read_unread(reactor, one)
        one.close()
        read_unread(reactor, one)
