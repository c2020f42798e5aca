"""How a proxy treats TLS."""

from __future__ import annotations

import pytest

from vaurien.net.tls.spec import MODES, Mode, Tls


@pytest.mark.parametrize(
    ("mode", "with_clients", "with_backend"),
    [
        ("pass", False, False),
        ("terminate", True, False),
        ("originate", False, True),
        ("both", True, True),
    ],
)
def test_a_mode_says_on_which_side_there_is_tls(
    mode: Mode, with_clients: bool, with_backend: bool
) -> None:
    tls = Tls(mode=mode)
    assert (tls.with_clients, tls.with_backend) == (with_clients, with_backend)


def test_every_mode_is_listed() -> None:
    assert [Tls(mode=mode).mode for mode in MODES] == list(MODES)
