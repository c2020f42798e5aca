"""What a link sends: at once, gathered, or when the sink takes more."""

from __future__ import annotations

import socket

from vaurien.net.outlet import Outlet
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import CAPACITY, SimulatedSocket, SimulatedSystem


class Noted(Outlet):
    """An outlet that notes what becomes of its sink."""

    __slots__ = ("notes",)

    def __init__(self, reactor: Reactor, sink: SimulatedSocket) -> None:
        super().__init__(reactor, sink.send)
        self.notes: list[str] = []

    def _block(self) -> None:
        self.notes.append("blocked")

    def _on_broken(self) -> None:
        self.notes.append("broken")


def outlet() -> tuple[Noted, SimulatedSocket]:
    """An outlet, and the socket of the peer that it sends to."""
    system = SimulatedSystem(whole=True)
    listener = system.listen((int(socket.AF_INET), ("here", 1)), 1)
    sink = system.connect((int(socket.AF_INET), ("here", 1)))
    peer = system.accept(listener, int(socket.AF_INET))
    assert isinstance(peer, SimulatedSocket)
    return Noted(Reactor(system), sink), peer


def test_what_is_written_leaves_at_once() -> None:
    out, peer = outlet()
    out.write(b"abc")
    assert bytes(peer.inbox) == b"abc"


def test_what_is_gathered_leaves_in_one_send() -> None:
    out, peer = outlet()
    out.gathers = True
    out.write(b"abc")
    out.write(memoryview(b"def"))
    assert not peer.inbox
    out.flush()
    assert (bytes(peer.inbox), peer.system.sends) == (b"abcdef", 1)
    out.write(b"g")  # it gathers still
    assert bytes(peer.inbox) == b"abcdef"


def test_what_is_gathered_of_a_buffer_is_kept_when_the_buffer_changes() -> None:
    out, peer = outlet()
    out.gathers = True
    buffer = bytearray(b"abc")
    out.write(memoryview(buffer))
    buffer[:] = b"xyz"
    out.flush()
    assert bytes(peer.inbox) == b"abc"


def test_what_the_sink_does_not_take_is_held() -> None:
    out, peer = outlet()
    out.gathers = True
    out.write(bytes(CAPACITY))
    out.write(b"rest")
    out.flush()
    assert (out.blocked, out.notes) == (True, ["blocked"])
    peer.inbox.clear()
    out.gathers = False
    out._send_pending()
    assert (out.blocked, bytes(peer.inbox)) == (False, b"rest")


def test_a_sink_that_is_gone_is_noticed_when_what_is_gathered_is_sent() -> None:
    out, peer = outlet()
    out.gathers = True
    out.write(b"abc")
    peer.linger = False
    peer.close()
    out.flush()
    assert out.notes == ["broken"]
    out.flush()
    assert out.notes == ["broken"]


def test_releasing_drops_what_is_gathered_and_held() -> None:
    out, peer = outlet()
    out.write(bytes(CAPACITY + 1))
    out.gathers = True
    out.write(b"abc")
    out.drop_unsent()
    out.flush()
    assert (out.blocked, len(peer.inbox)) == (False, CAPACITY)
