"""The simulated system behaves as Linux does: the same calls have the same outcomes on both."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from typing import TypeGuard

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers import Listening, connect, wait_until
from vaurien.net.simulated import CAPACITY, SimulatedSocket, SimulatedSystem, SimulationOver
from vaurien.net.system import ERROR, HANGUP, READ, WRITE, Endpoint, Socket, System

HERE: Endpoint = (int(socket.AF_INET), ("here", 80))
SOON = 2.0
"""Seconds within which the kernel must come to say the same."""

Step = tuple[str, str]
"""What is done, and at which end: "client" or "server"."""
Outcome = str | bytes
"""What was received, or what came of it in a word."""


class SimulatedPair:
    def __init__(self, system: SimulatedSystem | None = None) -> None:
        simulated = self.system = system or SimulatedSystem(whole=True)
        listener = simulated.listen(HERE, 1)
        client = simulated.connect(HERE)
        self.ends: dict[str, Socket] = {
            "client": client,
            "server": simulated.accept(listener, HERE[0]),
        }

    def events(self, end: str) -> int:
        sock = self.ends[end]
        assert isinstance(sock, SimulatedSocket)
        return sock.events()


class RealPair:
    def __init__(self) -> None:
        self.system = System()
        with Listening() as listening:
            client = connect(listening.address)
            client.setblocking(False)
            server = listening.accept()
            server.setblocking(False)
            self.ends: dict[str, Socket] = {"client": client, "server": server}
        for sock in (client, server):  # or a reset loses what was held back for the last ACK
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def events(self, end: str) -> int:
        poll = select.poll()
        poll.register(self.ends[end].fileno(), select.POLLIN | select.POLLOUT)
        ((_, events),) = poll.poll(0) or ((0, 0),)
        return (
            (READ if events & select.POLLIN else 0)
            | (WRITE if events & select.POLLOUT else 0)
            | (ERROR if events & select.POLLERR else 0)
            | (HANGUP if events & select.POLLHUP else 0)
        )

    def close(self) -> None:
        for sock in self.ends.values():
            sock.close()
        self.system.close()


Pair = SimulatedPair | RealPair


def perform(pair: Pair, step: Step) -> Outcome:
    """What comes of a call: what was received, or a word, or the name of the error."""
    what, end = step
    sock = pair.ends[end]
    try:
        match what:
            case "send":
                assert sock.send(b"hello") == 5
            case "receive":
                buffer = bytearray(CAPACITY)
                return bytes(buffer[: sock.recv_into(buffer)])
            case "finish":
                sock.shutdown(socket.SHUT_WR)
            case "reset":
                pair.system.reset_on_close(sock)
                sock.close()
            case "close":
                sock.close()
            case _:
                raise AssertionError(what)
    except OSError as error:
        return errno.errorcode[error.errno or errno.EAGAIN]
    return "done"


def play(steps: list[Step]) -> list[Outcome]:
    """Take these steps with sockets of both kinds, and compare; gives the outcomes.

    An end that is closed already takes no more of them.
    """
    told: list[tuple[Step, Outcome]] = []
    open_ends = ["client", "server"]
    simulated, real = SimulatedPair(), RealPair()
    with contextlib.closing(real):
        for step in steps:
            what, end = step
            if end in open_ends:
                expected = perform(simulated, step)
                told.append((step, expected))
                outcome = perform(real, step)
                deadline = time.monotonic() + SOON
                while is_beginning(outcome, expected):  # the kernel may give it in pieces
                    more = perform(real, step)
                    outcome += more if isinstance(more, bytes) else b""
                    assert time.monotonic() < deadline, (outcome, told)
                assert outcome == expected, told
                if what in ("close", "reset"):
                    open_ends.remove(end)
                for left in open_ends:
                    compare(simulated, real, left, told)
    return [outcome for _, outcome in told]


def is_beginning(outcome: Outcome, expected: Outcome) -> TypeGuard[bytes]:
    return (
        isinstance(outcome, bytes)
        and isinstance(expected, bytes)
        and b"" != outcome != expected
        and expected.startswith(outcome)
    )


def compare(simulated: Pair, real: Pair, end: str, told: object) -> None:
    """Both kinds of end see the same; the kernel may take a moment."""
    deadline = time.monotonic() + SOON
    while look(simulated, end) != look(real, end):
        late = time.monotonic() > deadline
        assert not late, f"{end}: {look(simulated, end)} and {look(real, end)} after {told}"


def look(pair: Pair, end: str) -> tuple[int, bool]:
    """Its events, and whether its peer is gone."""
    return pair.events(end), pair.system.peer_gone(pair.ends[end])


C, S = "client", "server"


@pytest.mark.parametrize(
    ("steps", "outcomes"),
    [
        (
            [("send", S), ("receive", C), ("receive", C)],
            ["done", b"hello", "EAGAIN"],
        ),
        (
            [("send", S), ("finish", S), ("send", S), ("receive", C), ("receive", C), ("send", C)],
            ["done", "done", "EPIPE", b"hello", b"", "done"],
        ),
        (  # the last words, and then the reset
            [("send", S), ("reset", S), ("receive", C), ("receive", C), ("receive", C)],
            ["done", "done", b"hello", "ECONNRESET", b""],
        ),
        (  # the error is told once, even to a call that was about something else
            [("send", S), ("reset", S), ("send", C), ("receive", C), ("receive", C)],
            ["done", "done", "ECONNRESET", b"hello", b""],
        ),
        (
            [("reset", S), ("send", C), ("send", C), ("finish", C)],
            ["done", "ECONNRESET", "EPIPE", "ENOTCONN"],
        ),
        (  # what a closed socket is told, it answers with a reset
            [("close", S), ("send", C), ("receive", C), ("send", C), ("send", C)],
            ["done", "done", b"", "EPIPE", "EPIPE"],
        ),
        (  # closing with bytes unread is a reset
            [("send", C), ("close", S), ("receive", C)],
            ["done", "done", "ECONNRESET"],
        ),
        (  # a reset that follows a FIN is not read
            [("send", S), ("finish", S), ("reset", S), ("receive", C), ("receive", C)],
            ["done", "done", "done", b"hello", b""],
        ),
        (  # after both have finished there is nothing to reset
            [("finish", S), ("finish", C), ("reset", S), ("receive", C), ("finish", C)],
            ["done", "done", "done", b"", "ENOTCONN"],
        ),
    ],
)
def test_known_stories(steps: list[Step], outcomes: list[Outcome]) -> None:
    assert play(steps) == outcomes


calls = st.sampled_from(["send", "receive", "finish", "reset", "close"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(calls, st.sampled_from([C, S])), max_size=8))
def test_any_story(steps: list[Step]) -> None:
    play(steps)


@pytest.mark.parametrize("kind", [SimulatedPair, RealPair])
def test_a_socket_that_is_full_takes_more_when_its_peer_has_read(
    kind: type[SimulatedPair | RealPair],
) -> None:
    pair = kind()
    sender, receiver = pair.ends[C], pair.ends[S]
    sent = received = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += sender.send(bytes(100_000))
    wait_until(lambda: pair.events(C) == 0, "it is full")
    with pytest.raises(BlockingIOError):
        sender.send(b"x")
    buffer = bytearray(100_000)
    while received < sent:
        with contextlib.suppress(BlockingIOError):
            received += receiver.recv_into(buffer)
    wait_until(lambda: pair.events(C) == WRITE, "it is not full any more")
    assert sender.send(b"x") == 1
    if isinstance(pair, RealPair):
        pair.close()


@pytest.mark.parametrize("kind", [SimulatedSystem, System])
def test_nobody_listens(kind: type[System]) -> None:
    system = kind()
    with Listening() as listening:
        nobody: Endpoint = (int(socket.AF_INET), ("127.0.0.1", listening.address.port))
    sock, code = system.dial(nobody)
    if code == errno.EINPROGRESS:
        wait_until(lambda: select.select((), (sock,), (), 0)[1], "it is decided")
        code = system.pending_error(sock)
    assert code == errno.ECONNREFUSED
    assert not system.is_connected(sock)
    sock.close()
    system.close()


@pytest.mark.parametrize("kind", [SimulatedSystem, System])
def test_two_do_not_listen_in_one_place(kind: type[System]) -> None:
    system = kind()
    with Listening() as listening:
        pass
    here: Endpoint = (int(socket.AF_INET), ("127.0.0.1", listening.address.port))
    first = system.listen(here, 1)
    with pytest.raises(OSError, match="in use") as caught:
        system.listen(here, 1)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(BlockingIOError):
        system.accept(first, here[0])
    first.close()
    system.listen(here, 1).close()
    system.close()


@pytest.mark.parametrize("kind", [SimulatedSystem, System])
def test_a_reserved_address_refuses_and_is_kept(kind: type[System]) -> None:
    system = kind()
    with Listening() as listening:
        pass
    here: Endpoint = (int(socket.AF_INET), ("127.0.0.1", listening.address.port))
    reserved = system.reserve(here)
    sock, code = system.dial(here)
    if code == errno.EINPROGRESS:
        wait_until(lambda: select.select((), (sock,), (), 0)[1], "it is decided")
        code = system.pending_error(sock)
    assert code == errno.ECONNREFUSED
    with pytest.raises(OSError, match="in use"):
        system.listen(here, 1)
    with pytest.raises(OSError, match="in use"):
        system.reserve(here)
    sock.close()
    reserved.close()
    system.listen(here, 1).close()
    system.close()


def test_who_waits_in_a_queue_that_is_closed_is_reset() -> None:
    system = SimulatedSystem()
    listener = system.listen(HERE, 1)
    client = system.connect(HERE)
    assert client.events() == WRITE
    listener.close()
    assert client.events() & (READ | WRITE) == READ | WRITE
    assert system.open_sockets == 1
    with pytest.raises(ConnectionResetError):
        client.recv_into(bytearray(10))


# Time and chance.


def test_waiting_moves_the_clock_and_nothing_else() -> None:
    system = SimulatedSystem()
    assert system.wait(3600.0) == []
    assert system.clock() == 3600.0
    with pytest.raises(SimulationOver):
        system.wait(None)


def test_the_clock_stands_still_while_something_is_ready() -> None:
    system = SimulatedSystem()
    listener = system.listen(HERE, 1)
    system.register(listener.fileno(), READ)
    system.connect(HERE)
    assert system.wait(3600.0) == [(listener.fileno(), READ)]
    assert system.clock() == 0.0


def test_chance_is_repeated_by_its_seed() -> None:
    def run(seed: int) -> list[object]:
        pair = SimulatedPair(SimulatedSystem(seed))
        buffer = bytearray(CAPACITY)
        seen: list[object] = []
        for end in (C, S):
            pair.system.register(pair.ends[end].fileno(), READ | WRITE)
        for _ in range(20):
            seen.append(pair.ends[C].send(bytes(1000)))
            seen.append(pair.ends[S].recv_into(buffer))
            seen.append([fd for fd, _ in pair.system.wait(0)])
        return seen

    assert run(1) == run(1) != run(2)


def test_turns_take_the_time_that_they_are_told_to() -> None:
    system = SimulatedSystem()
    system.turn = 0.5
    system.poller.wait(2.0)
    system.poller.wait(0.0)
    assert system.time == 3.0
