"""The loop around the calls of old plugins."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from peers import PATIENCE, wait_until
from vaurien.legacy.forms import Call
from vaurien.legacy.session import Session
from vaurien.legacy.sockets import ClientSocket, HandedSocket


class Between:
    """A session between two peers, the test's."""

    def __init__(self) -> None:
        self.client, theirs = socket.socketpair()
        self.backend, other = socket.socketpair()
        self._taken = (theirs, other)
        self.calls: list[bool] = []
        self.session: Session | None = None

    def run(
        self, call: Call, *, timeout: float = PATIENCE, stay_connected: bool = False
    ) -> threading.Thread:
        """Run a session in a thread, which closes it."""
        theirs, other = self._taken
        client = ClientSocket(theirs, ("192.0.2.1", 1), ("192.0.2.2", 2))
        session = Session(client, other, timeout=timeout, stay_connected=stay_connected)
        self.session = session

        def counted(client: HandedSocket, backend: HandedSocket, to_backend: bool) -> object:
            self.calls.append(to_backend)
            return call(client, backend, to_backend)

        def run() -> None:
            try:
                session.run(counted)
            finally:
                session.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        for sock in (self.client, self.backend, *self._taken):
            sock.close()


@pytest.fixture
def between() -> Iterator[Between]:
    made = Between()
    yield made
    made.close()


def ends(thread: threading.Thread) -> bool:
    thread.join(PATIENCE)
    return not thread.is_alive()


def move(client: HandedSocket, backend: HandedSocket, to_backend: bool) -> object:
    source, dest = (client, backend) if to_backend else (backend, client)
    data = source.recv(100)
    dest.sendall(data)
    return data != ""


def test_calls_for_each_readable_side(between: Between) -> None:
    between.client.sendall(b"from the client")
    between.backend.sendall(b"from the backend")
    thread = between.run(move)
    between.client.settimeout(PATIENCE)
    between.backend.settimeout(PATIENCE)
    assert between.client.recv(100) == b"from the backend"
    assert between.backend.recv(100) == b"from the client"
    assert sorted(between.calls) == [False, True]
    between.client.close()
    assert ends(thread)


def test_false_ends_it(between: Between) -> None:
    between.client.sendall(b"hi")
    assert ends(between.run(lambda client, backend, to_backend: None))
    assert len(between.calls) == 1


def test_stays_connected_until_both_have_ended(between: Between) -> None:
    def read(client: HandedSocket, backend: HandedSocket, to_backend: bool) -> object:
        (client if to_backend else backend).recv(100)
        return False

    thread = between.run(read, stay_connected=True)
    between.client.sendall(b"hi")
    wait_until(lambda: len(between.calls) == 1, "the first call")
    between.client.close()
    wait_until(lambda: len(between.calls) == 2, "the end of one side")
    between.backend.close()
    assert ends(thread)
    assert between.calls == [True, True, False]


@pytest.mark.parametrize("side", [0, 1])
def test_a_closed_socket_ends_it(between: Between, side: int) -> None:
    def close(*sides: object) -> object:
        sock = sides[side]
        assert isinstance(sock, HandedSocket)
        sock.close()
        return True

    between.client.sendall(b"hi")
    between.backend.sendall(b"hi")
    assert ends(between.run(close))
    assert len(between.calls) == 2 - (side == 1)


def test_timeout_ends_it(between: Between) -> None:
    assert ends(between.run(move, timeout=0.01))
    assert not between.calls


def test_sever_ends_a_blocked_call(between: Between) -> None:
    entered = threading.Event()

    def wait_for_the_backend(
        client: HandedSocket, backend: HandedSocket, to_backend: bool
    ) -> object:
        entered.set()
        backend.recv(1)
        return True

    between.client.sendall(b"hi")
    thread = between.run(wait_for_the_backend)
    assert entered.wait(PATIENCE)
    assert between.session is not None
    assert between.session.calling
    between.session.sever()
    assert ends(thread)
    assert between.session.severed
    assert not between.session.calling


def test_sever_ends_a_plugin_that_does_nothing(between: Between) -> None:
    between.client.sendall(b"hi")
    thread = between.run(lambda client, backend, to_backend: True)
    wait_until(lambda: len(between.calls) > 2, "some calls")
    assert between.session is not None
    between.session.sever()
    assert ends(thread)
