"""Signals that end what a command does, so that it can tell what was done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Have signals stop an exploration; yield a list that gets their number.

    The second one has its default action: it ends this process at once.
    """
    caught: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        caught.append(number)
        stop()

    before = {each: signal.getsignal(each) for each in STOPPING}
    ignored = [each for each, handler in before.items() if handler is signal.SIG_IGN]
    for each in before.keys() - ignored:
        signal.signal(each, handle)
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
