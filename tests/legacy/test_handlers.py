"""The handlers that once were built in, as bases of old handlers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from legacy.running import RunningLegacy
from peers import Scripted, connect, echo, half_close, is_silent, receive, receive_until_fin
from vaurien.handlers.blackout import Blackout
from vaurien.handlers.delay import Delay
from vaurien.handlers.dummy import Dummy
from vaurien.handlers.error import Error
from vaurien.handlers.hang import Hang
from vaurien.legacy.behaviors import GARBAGE

KEPT = {"keep_alive": True}


@pytest.fixture
def backend() -> Iterator[Scripted]:
    with Scripted(echo) as backend:
        yield backend


class Relative(Dummy):
    name = "relative"
    handled = 0

    def on_before_handler(self) -> None:
        self.handled += 1

    def __call__(self, source: object, dest: object, to_backend: bool) -> object:
        return super().__call__(source, dest, to_backend)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [Dummy, Relative, Delay])
def test_passes_on(backend: Scripted, cls: type) -> None:
    options = {**KEPT, "sleep": 0} if cls is Delay else KEPT
    with (
        RunningLegacy(backend.address, (cls, options)) as running,
        connect(running.address) as client,
    ):
        for word in (b"one", b"two"):
            client.sendall(word)
            assert receive(client, 3) == word
        half_close(client)
        assert receive_until_fin(client) == b""
        assert not running.failures


def test_blackout(backend: Scripted) -> None:
    with RunningLegacy(backend.address, Blackout) as running, connect(running.address) as client:
        client.sendall(b"hi")
        with contextlib.suppress(ConnectionResetError):
            assert receive_until_fin(client) == b""


def test_hang_ends_with_the_client(backend: Scripted) -> None:
    with RunningLegacy(backend.address, Hang) as running, connect(running.address) as client:
        client.sendall(b"hi")
        running.wait_for_firings(1)
        assert is_silent(client)
        half_close(client)
        assert receive_until_fin(client) == b""


def test_error(backend: Scripted) -> None:
    with (
        RunningLegacy(backend.address, (Error, {"warmup": 2, **KEPT})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 2) == b"hi"
        client.sendall(b"hi")
        assert len(receive(client, GARBAGE)) == GARBAGE


def test_http_error(backend: Scripted) -> None:
    with (
        RunningLegacy(backend.address, (Error, {"http": True})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert receive_until_fin(client).startswith(b"HTTP/1.1 50")
