"""The protocols around old behaviors."""

from __future__ import annotations

import random
import socket
import threading

import pytest

from legacy.plugins import hooks
from legacy.running import RunningLegacy, protocol
from peers import (
    PATIENCE,
    Scripted,
    connect,
    half_close,
    receive,
    receive_until_fin,
)
from vaurien.legacy.forms import Dummy
from vaurien.legacy.protocols import TCP

PAYLOAD = random.Random(1).randbytes(3_000_000)


class Quiet(Dummy):
    name = "quiet"


class Sucking(TCP):
    name = "sucking"

    def _handle(self, source: socket.socket, dest: socket.socket, to_backend: bool) -> object:  # type: ignore[override] # as in the versions before 2.0
        return super()._handle(source, dest, to_backend)


def answer_after_the_end(sock: socket.socket) -> None:
    """Answer when the client has said all it has to say."""
    sock.sendall(receive_until_fin(sock)[::-1])


def test_half_close_and_both_directions_at_once() -> None:
    with (
        Scripted(answer_after_the_end) as backend,
        RunningLegacy(backend.address, Quiet) as running,
        connect(running.address) as client,
    ):

        def say_all() -> None:
            client.sendall(PAYLOAD)
            half_close(client)

        sender = threading.Thread(target=say_all)
        sender.start()
        assert receive_until_fin(client) == PAYLOAD[::-1]
        sender.join(PATIENCE)
        running.wait_for_connections(0)
        assert not running.failures


def test_a_server_that_speaks_first() -> None:
    def greet(sock: socket.socket) -> None:
        sock.sendall(b"welcome")
        assert receive(sock, 5) == b"hello"
        sock.sendall(b"bye")

    with (
        Scripted(greet) as backend,
        RunningLegacy(backend.address, Quiet) as running,
        connect(running.address) as client,
    ):
        assert receive(client, 7) == b"welcome"
        client.sendall(b"hello")
        assert receive_until_fin(client) == b"bye"


@pytest.mark.parametrize("cls", [TCP, Sucking])
def test_one_request_and_all_that_is_answered(cls: type) -> None:
    def answer_and_close(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(PAYLOAD)

    with (
        Scripted(answer_and_close) as backend,
        RunningLegacy(backend.address, protocol=protocol(cls)) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive_until_fin(client) == PAYLOAD
        assert not running.failures


def test_cut_by_a_behavior_in_between() -> None:
    with (
        Scripted(answer_after_the_end) as backend,
        RunningLegacy(backend.address, hooks.Cut, protocol=protocol(TCP)) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive_until_fin(client) == b""
