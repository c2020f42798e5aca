"""Names are resolved elsewhere, once for all who ask, and remembered for a moment."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable

import pytest

from reactors import real_reactor, run_until
from vaurien.net.address import Address
from vaurien.net.reactor import Reactor
from vaurien.net.resolver import CACHE_TIME, Resolved, Resolver
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.system import Endpoint, System

NAME = Address("backend.test", 80)
FOUND: list[Endpoint] = [(int(socket.AF_INET), ("192.0.2.1", 80))]


class SlowNames(SimulatedSystem):
    """Threads that do their work when the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[Callable[[], None]] = []
        self.asked: list[str] = []
        self.found: list[Endpoint] | OSError = FOUND

    def run_in_thread(self, work: Callable[[], None]) -> None:
        self.threads.append(work)

    def resolve(self, host: str, port: int) -> list[Endpoint]:
        self.asked.append(host)
        if isinstance(self.found, OSError):
            raise self.found
        return self.found

    def work(self, reactor: Reactor) -> None:
        """Let the threads do what they have to do, and the reactor hear of it."""
        while self.threads:
            self.threads.pop()()
        reactor.run_once()


class Asker:
    """A resolver, and what it answered."""

    def __init__(self) -> None:
        self.system = SlowNames()
        self.reactor = Reactor(self.system)
        self.resolver = Resolver(self.reactor)
        self.answers: list[Resolved] = []

    def ask(self, address: Address = NAME) -> None:
        self.resolver.resolve(address, self.answers.append)


def test_many_who_ask_get_one_answer() -> None:
    asker = Asker()
    for _ in range(3):
        asker.ask()
    assert (asker.answers, len(asker.system.threads)) == ([], 1)
    asker.system.work(asker.reactor)
    assert asker.answers == [FOUND] * 3
    assert asker.system.asked == ["backend.test"]


def test_names_are_told_apart_by_their_ports_too() -> None:
    asker = Asker()
    asker.ask(Address("backend.test", 80))
    asker.ask(Address("backend.test", 81))
    assert len(asker.system.threads) == 2


@pytest.mark.parametrize("found", [FOUND, OSError(errno.ENOENT, "name not known")])
def test_an_answer_is_remembered_for_a_moment(found: list[Endpoint] | OSError) -> None:
    asker = Asker()
    asker.system.found = found
    asker.ask()
    asker.system.work(asker.reactor)
    asker.system.time += CACHE_TIME / 2
    asker.ask()
    assert asker.answers == [found, found]
    asker.system.time += CACHE_TIME / 2
    asker.ask()
    assert len(asker.answers) == 2
    asker.system.work(asker.reactor)
    assert asker.system.asked == ["backend.test"] * 2
    assert len(asker.answers) == 3


def test_what_is_no_address_is_not_looked_up() -> None:
    asker = Asker()
    asker.ask(Address.unusable("foo"))
    (answer,) = asker.answers
    assert isinstance(answer, OSError)
    assert (answer.strerror, asker.system.threads) == ("it is no address", [])


def test_a_unix_socket_needs_no_name() -> None:
    asker = Asker()
    asker.ask(Address.parse("unix:/run/backend"))
    assert asker.answers == [[(int(socket.AF_UNIX), "/run/backend")]]


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("127.0.0.1", (int(socket.AF_INET), ("127.0.0.1", 80))),
        ("::1", (int(socket.AF_INET6), ("::1", 80, 0, 0))),
    ],
)
def test_a_numeric_address_is_known_at_once(host: str, endpoint: Endpoint) -> None:
    answers: list[Resolved] = []
    with real_reactor() as reactor:
        resolver = Resolver(reactor)
        for _ in range(2):
            resolver.resolve(Address(host, 80), answers.append)
    assert answers == [[endpoint]] * 2


def test_a_name_is_resolved_in_another_thread_and_answered_in_the_reactors() -> None:
    threads: list[threading.Thread] = []
    answers: list[tuple[threading.Thread, Resolved]] = []

    class Watched(System):
        def resolve(self, host: str, port: int) -> list[Endpoint]:
            threads.append(threading.current_thread())
            return super().resolve(host, port)

    with real_reactor(system=Watched()) as reactor:
        Resolver(reactor).resolve(
            Address("localhost", 80),
            lambda answer: answers.append((threading.current_thread(), answer)),
        )
        assert answers == []
        run_until(reactor, lambda: answers, "the name is resolved")
    ((answered_in, endpoints),) = answers
    assert answered_in is threading.current_thread() is not threads[0]
    assert isinstance(endpoints, list)
    assert {where[0] for _, where in endpoints} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["x" * 70, "a..b", "no\ud800name"])
def test_a_name_that_cannot_be_one_is_an_error(host: str) -> None:
    answers: list[Resolved] = []
    with real_reactor() as reactor:
        Resolver(reactor).resolve(Address(host, 80), answers.append)
        run_until(reactor, lambda: answers, "it is answered")
    (answer,) = answers
    assert isinstance(answer, OSError)
    assert "is not a host name" in str(answer)
