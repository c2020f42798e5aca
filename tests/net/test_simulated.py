"""The simulated system behaves as Linux does: the same calls have the same outcomes on both."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time
from collections.abc import Iterator
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import Listening, connect

from vaurien.net.simulated import CAPACITY, SimulatedSocket, SimulatedSystem
from vaurien.net.system import ERROR, HANGUP, READ, WRITE, Endpoint, Socket, System

HERE: Endpoint = (int(socket.AF_INET), ("here", 80))
SOON = 2.0
"""Seconds within which the kernel must come to say the same."""

Outcome = str | bytes
Step = tuple[str, str]
"""What is done, and at which end: "client" or "server"."""


class Pair(Protocol):
    """Two ends of a connection, of one kind or the other."""

    system: System
    ends: dict[str, Socket]

    def events(self, end: str) -> int: ...


class SimulatedPair:
    def __init__(self) -> None:
        simulated = self.system = SimulatedSystem(whole=True)
        listener = simulated.listen(HERE, 1)
        client = simulated.connect(HERE)
        self.ends = {"client": client, "server": simulated.accept(listener, HERE[0])}

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
            self.ends = {"client": client, "server": listening.accept()}
            self.ends["server"].setblocking(False)

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


def perform(pair: Pair, step: Step) -> Outcome:
    """What comes of a call: what it returns, in words, or the name of the error."""
    what, end = step
    sock = pair.ends[end]
    try:
        match what:
            case "send":
                return f"{sock.send(b'hello')} sent"
            case "fill":
                while True:
                    sock.send(bytes(CAPACITY))
            case "receive":
                buffer = bytearray(CAPACITY)
                return bytes(buffer[: sock.recv_into(buffer)])
            case "drain":
                while sock.recv_into(bytearray(CAPACITY)):
                    pass
            case "finish":
                sock.shutdown(socket.SHUT_WR)
            case "reset":
                pair.system.reset_on_close(sock)
                sock.close()
            case "close":
                sock.close()
    except OSError as error:
        return errno.errorcode[error.errno or errno.EAGAIN]
    return "done"


def play(steps: list[Step]) -> list[tuple[Step, Outcome]]:
    """Take the steps with sockets of both kinds, and compare; gives the outcomes."""
    simulated, real = SimulatedPair(), RealPair()
    open_ends = ["client", "server"]
    told: list[tuple[Step, Outcome]] = []
    with contextlib.closing(real):
        for step in steps:
            if step[1] not in open_ends:
                continue
            told.append((step, perform(simulated, step)))
            assert perform(real, step) == told[-1][1], told
            if step[0] in ("close", "reset"):
                open_ends.remove(step[1])
            for end in open_ends:
                compare_events(simulated, real, end, told)
    return told


def compare_events(simulated: Pair, real: Pair, end: str, told: object) -> None:
    """Both pollers would say the same of an end; the kernel may take a moment."""
    deadline = time.monotonic() + SOON
    while simulated.events(end) != real.events(end):
        assert time.monotonic() < deadline, (
            f"{end}: {simulated.events(end)} and not {real.events(end)} after {told}"
        )
