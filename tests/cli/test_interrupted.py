"""Signals that end what a command does."""

from __future__ import annotations

import signal

import pytest

from vaurien.cli.interrupted import STOPPING, stopped_by_signals


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_stops_it(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in STOPPING]
    stopped: list[bool] = []
    with stopped_by_signals(lambda: stopped.append(True)) as caught:
        signal.raise_signal(number)
        assert {signal.getsignal(each) for each in STOPPING} == {signal.SIG_DFL}
    assert (caught, stopped) == ([number], [True])
    assert [signal.getsignal(each) for each in STOPPING] == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped_by_signals(lambda: None) as caught:
            signal.raise_signal(signal.SIGINT)
        assert caught == []
    finally:
        signal.signal(signal.SIGINT, before)
