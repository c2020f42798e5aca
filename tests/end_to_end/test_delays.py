"""Delays with the real clock: never too short, and never out of order."""

from __future__ import annotations

import itertools
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from end_to_end.proxies import StartProxy
from peers import PATIENCE, Listening, Scripted, connect, echo, receive

SLEEPS = (0.0003, 0.001, 0.0025, 0.01, 0.05)


@pytest.mark.parametrize("sleep", SLEEPS)
@pytest.mark.parametrize("before", ["true", "false"])
def test_a_delay_is_never_shorter_than_it_says(
    start_proxy: StartProxy, sleep: float, before: str, portable: bool
) -> None:
    with Scripted(echo) as backend:
        rule = f"delay sleep={sleep} before={before}"
        proxy = start_proxy(backend.address, rule, portable=portable)
        with connect(proxy.address) as client:
            for _ in range(10):
                begun = time.monotonic()
                client.sendall(b"x")
                receive(client, 1)
                assert time.monotonic() - begun >= sleep


def test_many_delays_at_once_are_never_shorter_than_they_say(
    start_proxy: StartProxy, portable: bool
) -> None:
    with Scripted(echo) as backend, ExitStack() as stack:
        proxy = start_proxy(backend.address, "delay sleep=0.02", portable=portable)
        clients = [stack.enter_context(connect(proxy.address)) for _ in range(100)]
        begun = {}
        for client in clients:
            begun[client] = time.monotonic()
            client.sendall(b"x")
        waiting = set(clients)
        while waiting:
            answered, _, _ = select.select(waiting, (), (), PATIENCE)
            now = time.monotonic()
            for client in answered:
                assert now - begun[client] >= 0.02
                receive(client, 1)
            waiting.difference_update(answered)


def test_two_delays_add_up(start_proxy: StartProxy) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(
            backend.address, "delay sleep=0.03", "delay sleep=0.04", "delay sleep=0.05 before=false"
        )
        with connect(proxy.address) as client:
            begun = time.monotonic()
            client.sendall(b"x")
            receive(client, 1)
            assert time.monotonic() - begun >= 0.12


def test_bytes_that_arrive_together_wait_together(start_proxy: StartProxy) -> None:
    """A delay is no throttle: it counts from when each chunk arrived."""
    with Listening() as backend:
        proxy = start_proxy(backend.address, "delay sleep=0.5")
        with connect(proxy.address) as client, backend.accept() as server:
            begun = time.monotonic()
            for number in range(100):
                client.sendall(b"%3d" % number)
            assert receive(server, 300) == b"".join(b"%3d" % number for number in range(100))
            # One after the other they would take 50 s.
            assert 0.5 <= time.monotonic() - begun < 20


# Any bytes, in any chunking, with any plan that only delays.

chunks = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda byte, size: bytes([byte]) * size, st.integers(0, 255), st.integers(0, 400_000)
        ),
    ),
    max_size=12,
)
delays = st.lists(
    st.builds(
        lambda sleep, way, percent, scope: (
            f"delay sleep={sleep} {way} percent={percent} scope={scope}"
        ),
        st.sampled_from([0, 0.0005, 0.001, 0.003]),
        st.sampled_from(
            [
                "before=true",
                "before=false",
                "before=true direction=to_backend",
                "before=false direction=to_client",
            ]
        ),
        st.sampled_from([100, 50, 12.5]),
        st.sampled_from(["exchange", "connection"]),
    ),
    max_size=3,
)
passing = st.one_of(delays, st.sampled_from([["hang"], ["hang percent=50"], ["delay sleep=3600"]]))
"""Plans that let everything through once they are lifted."""
PACE = 5
"""Steps from one change to the next ..."""
LULL = 0.01
"""... or seconds in which nothing moves."""


class Talker:
    """Says its chunks, one send each, hears what the other says, then half-closes."""

    def __init__(self, sock: socket.socket, said: list[bytes]) -> None:
        self.sock = sock
        self.heard = bytearray()
        self.finished = False
        self._rest = [chunk for chunk in said if chunk]
        self._closed = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def speaks(self) -> bool:
        return not self._closed

    def speak(self) -> None:
        if self._rest:
            sent = self.sock.send(self._rest[0])
            self._rest[0] = self._rest[0][sent:]
            if not self._rest[0]:
                del self._rest[0]
        else:
            self.sock.shutdown(socket.SHUT_WR)
            self._closed = True

    def hear(self) -> None:
        data = self.sock.recv(100_000)
        self.heard += data
        self.finished = not data


def talk(*talkers: Talker, meanwhile: Iterable[Callable[[], None]] = ()) -> None:
    """Let all of them speak and hear until each has heard the end.

    ``meanwhile``: what is to be done in between, a call each few steps.
    """
    by_socket = {talker.sock: talker for talker in talkers}
    calls = deque(meanwhile)
    for step in itertools.count(1):
        if all(talker.finished for talker in talkers):
            return
        if calls and not step % PACE:
            calls.popleft()()
        hearing = [talker.sock for talker in talkers if not talker.finished]
        speaking = [talker.sock for talker in talkers if talker.speaks]
        patience = LULL if calls else PATIENCE
        readable, writable, _ = select.select(hearing, speaking, (), patience)
        if not readable and not writable:
            assert calls, "nothing moves any more"
            calls.popleft()()
        for sock in readable:
            by_socket[sock].hear()
        for sock in writable:
            by_socket[sock].speak()


def test_any_bytes_arrive_identical_and_in_order(start_proxy: StartProxy, portable: bool) -> None:
    with Listening() as backend:
        proxy = start_proxy(backend.address, portable=portable)

        @given(questions=chunks, answers=chunks, rules=delays)
        @settings(max_examples=60, deadline=None)
        def check(questions: list[bytes], answers: list[bytes], rules: list[str]) -> None:
            proxy.change(*rules)
            with connect(proxy.address) as client, backend.accept() as server:
                talkers = Talker(client, questions), Talker(server, answers)
                talk(*talkers)
                assert talkers[0].heard == b"".join(answers)
                assert talkers[1].heard == b"".join(questions)

        check()


def test_any_bytes_arrive_whatever_plans_come_and_go(
    start_proxy: StartProxy, portable: bool
) -> None:
    with Listening() as backend:
        proxy = start_proxy(backend.address, portable=portable)

        @given(questions=chunks, answers=chunks, plans=st.lists(passing, min_size=1, max_size=6))
        @settings(max_examples=60, deadline=None)
        def check(questions: list[bytes], answers: list[bytes], plans: list[list[str]]) -> None:
            changes = [partial(proxy.change, *rules) for rules in (*plans, [])]
            changes.pop(0)()
            with connect(proxy.address) as client, backend.accept() as server:
                talkers = Talker(client, questions), Talker(server, answers)
                talk(*talkers, meanwhile=changes)
                assert talkers[0].heard == b"".join(answers)
                assert talkers[1].heard == b"".join(questions)

        check()
