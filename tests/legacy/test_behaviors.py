"""The built-in behaviors in their old form, as bases of old behaviors."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator

import pytest

from legacy.running import RunningLegacy
from peers import Scripted, connect, echo, half_close, is_silent, receive, receive_until_fin
from vaurien.behaviors.abort import Abort
from vaurien.behaviors.blackout import Blackout
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.error import Error
from vaurien.behaviors.hang import Hang
from vaurien.behaviors.transient import Transient
from vaurien.legacy.behaviors import GARBAGE, NOISE


class Hooked:
    """What makes a class derived from a built-in behavior an old one."""

    def on_after_handle(
        self, protocol: object, source: object, dest: object, to_backend: bool
    ) -> object:
        return True


class OldAbort(Hooked, Abort):
    name = "old-abort"


class OldBlackout(Hooked, Blackout):
    name = "old-blackout"


class OldDelay(Hooked, Delay):
    name = "old-delay"


class OldError(Hooked, Error):
    name = "old-error"


class OldHang(Hooked, Hang):
    name = "old-hang"


class OldTransient(Hooked, Transient):
    name = "old-transient"


@pytest.fixture
def backend() -> Iterator[Scripted]:
    with Scripted(echo) as backend:
        yield backend


@pytest.mark.parametrize("cls", [OldAbort, OldBlackout])
def test_no_response(backend: Scripted, cls: type) -> None:
    with RunningLegacy(backend.address, cls) as running, connect(running.address) as client:
        client.sendall(b"hi")
        with contextlib.suppress(ConnectionResetError):
            assert receive_until_fin(client) == b""
        assert not running.failures


def test_delay(backend: Scripted) -> None:
    with (
        RunningLegacy(backend.address, (OldDelay, {"sleep": 0})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 2) == b"hi"
        assert not running.failures


def test_hang_ends_with_the_client(backend: Scripted) -> None:
    with RunningLegacy(backend.address, OldHang) as running, connect(running.address) as client:
        client.sendall(b"hi")
        running.wait_for_firings(1)
        assert is_silent(client)
        half_close(client)
        assert receive_until_fin(client) == b""


def test_error_puts_garbage_in_place_of_the_response(backend: Scripted) -> None:
    with (
        RunningLegacy(backend.address, (OldError, {"warmup": 2})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 2) == b"hi"
        client.sendall(b"hi")
        assert len(receive(client, GARBAGE)) == GARBAGE


def test_error_puts_noise_into_the_response(backend: Scripted) -> None:
    with (
        RunningLegacy(backend.address, (OldError, {"inject": True})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"1234")
        answer = receive(client, 4 + NOISE)
        assert answer[:2] + answer[-2:] == b"1234"


def test_transient_error_passes(backend: Scripted) -> None:
    with (
        RunningLegacy(backend.address, (OldTransient, {"agitate": 2})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        receive(client, GARBAGE)
        client.sendall(b"hi")
        assert receive(client, 2) == b"hi"
        assert not select.select([client], [], [], 0)[0]


def test_error_speaks_http(backend: Scripted) -> None:
    from vaurien.legacy.behaviors import Error as OldForm

    class Http:
        name = "http"

    ours, theirs = socket.socketpair()
    with theirs, ours:
        theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert not OldForm().on_before_handle(Http(), ours, ours, True)
        assert receive_until_fin(theirs).startswith(b"HTTP/1.1 50")
