"""What proxies have counted at one moment."""

from __future__ import annotations

from live import live
from vaurien.control.counted import counted
from vaurien.net.turns import PORTION


def test_those_that_do_not_run_are_left_out() -> None:
    names = [f"p{number}" for number in range(PORTION + 2)]
    with live(names=names) as running:
        assert list(counted(running.control, [*names, "gone"])) == names


def test_what_open_connections_carry_is_counted_with_what_closed_ones_did() -> None:
    with live(names=["cache"]) as running:
        running.ask(b"12")
        with running.connect() as client:
            client.sendall(b"345")
            assert client.recv(3) == b"345"
            totals = counted(running.control, ["cache"])["cache"].totals()
    assert (totals.bytes_to_backend, totals.bytes_to_client) == (5, 5)
