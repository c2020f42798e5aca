"""tcp: each chunk is a message."""

from __future__ import annotations

from vaurien.protocols.tcp import Tcp
from vaurien.values.options import options_of


def test_it_has_no_framing_and_no_labels() -> None:
    assert not Tcp.framed
    assert Tcp.labels == {}


def test_it_is_named_tcp_and_has_no_options() -> None:
    assert Tcp.name == "tcp"
    assert options_of(Tcp) == {}
