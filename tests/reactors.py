"""Real reactors that run in the test's own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from peers import PATIENCE
from vaurien.net.reactor import Reactor
from vaurien.net.system import EpollPoller, Poller, SelectorPoller, System

POLLERS: dict[str, Callable[[], Poller]] = {"epoll": EpollPoller, "portable": SelectorPoller}


@contextmanager
def real_reactor(poller: str = "epoll", system: System | None = None) -> Iterator[Reactor]:
    """A reactor over the operating system; what it has to report fails the test."""
    reactor = Reactor(system or System(POLLERS[poller]()))
    reports: list[str] = []
    reactor.report = reports.append
    try:
        yield reactor
    finally:
        reactor.close()
    assert not reports, "\n".join(reports)


def run_until(reactor: Reactor, condition: Callable[[], object], what: str) -> None:
    """Let events happen until a condition holds.

    Raises:
        TimeoutError: it does not.
    """
    too_late = reactor.call_later(PATIENCE, lambda: None)
    while not condition():
        if too_late.call is None:
            raise TimeoutError(f"{what}: not within {PATIENCE:g} s")
        reactor.run_once()
    too_late.cancel()
