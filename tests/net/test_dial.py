"""Reaching a backend: one endpoint after the other, in time, and not ourselves."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path

import pytest

from peers import Listening, deaf_backend
from reactors import real_reactor, run_until
from vaurien.net.address import Address
from vaurien.net.dial import RETRY_DELAY, Dial
from vaurien.net.reactor import Reactor
from vaurien.net.resolver import Resolved, Resolver
from vaurien.net.simulated import SimulatedSocket, SimulatedSystem, SimulationOver
from vaurien.net.system import Endpoint, Socket

INET, INET6 = int(socket.AF_INET), int(socket.AF_INET6)
FIRST: Endpoint = (INET, ("first", 80))
SECOND: Endpoint = (INET, ("second", 80))


class Backends(SimulatedSystem):
    """A name that stands for the endpoints the test says; and a lack of descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Endpoint] = [FIRST, SECOND]
        self.dialled: list[Endpoint] = []
        self.lacks = 0
        self.full = 0

    def resolve(self, host: str, port: int) -> list[Endpoint]:
        return self.found if host == "backend" else super().resolve(host, port)

    def dial(self, endpoint: Endpoint) -> tuple[Socket, int]:
        self.dialled.append(endpoint)
        if self.lacks:
            self.lacks -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if self.full:
            self.full -= 1
            return SimulatedSocket(self, "full"), errno.EAGAIN
        return super().dial(endpoint)


class Attempt:
    """A dial in the simulated system, and what came of it."""

    def __init__(self, timeout: float = 5.0, forbidden: Sequence[Endpoint] = ()) -> None:
        self.system = Backends()
        self.reactor = Reactor(self.system)
        self.resolver = Resolver(self.reactor)
        self.outcomes: list[tuple[float, Socket | OSError]] = []
        self.timeout = timeout
        self.forbidden = forbidden

    def dial(self, host: str = "backend") -> Dial:
        return Dial(
            self.reactor,
            self.resolver,
            Address(host, 80),
            timeout=self.timeout,
            check=self._check,
            then=lambda outcome: self.outcomes.append((self.system.time, outcome)),
        )

    def _check(self, endpoint: Endpoint) -> None:
        if endpoint in self.forbidden:
            raise OSError(errno.EACCES, f"{endpoint} is forbidden")

    def run(self) -> None:
        """Until nothing can happen any more."""
        try:
            while True:
                self.reactor.run_once()
        except SimulationOver:
            pass

    @property
    def socket(self) -> SimulatedSocket:
        ((_, outcome),) = self.outcomes
        assert isinstance(outcome, SimulatedSocket)
        return outcome

    @property
    def error(self) -> tuple[float, int | None, str]:
        """When it failed, and why."""
        ((moment, outcome),) = self.outcomes
        assert isinstance(outcome, OSError)
        assert self.system.open_sockets == 0
        return moment, outcome.errno, str(outcome.strerror)


def test_it_arrives() -> None:
    attempt = Attempt()
    listener = attempt.system.listen(FIRST, 1)
    dial = attempt.dial()
    attempt.run()
    assert attempt.socket.peer is attempt.system.accept(listener, INET)
    assert attempt.system.dialled == [FIRST]
    assert dial.done


def test_it_tries_one_endpoint_after_the_other() -> None:
    attempt = Attempt()
    attempt.system.listen(SECOND, 1)
    attempt.dial()
    attempt.run()
    assert attempt.socket.getpeername() == SECOND[1]
    assert attempt.system.dialled == [FIRST, SECOND]


def test_it_fails_as_the_last_endpoint_does() -> None:
    attempt = Attempt()
    attempt.dial()
    attempt.run()
    assert attempt.error == (0.0, errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def test_a_name_may_have_no_address() -> None:
    attempt = Attempt()
    attempt.system.found = []
    attempt.dial()
    attempt.run()
    assert attempt.error == (0.0, errno.EADDRNOTAVAIL, "the name has no address")


def test_a_name_may_be_unknown() -> None:
    attempt = Attempt()
    attempt.dial("nowhere.invalid")
    attempt.run()
    assert attempt.error == (0.0, errno.ENOENT, "name not known")


def test_the_time_limit_is_for_all_of_it_and_shared_by_the_endpoints() -> None:
    attempt = Attempt(timeout=5.0)
    attempt.system.blackhole(FIRST)
    attempt.system.blackhole(SECOND)
    attempt.dial()
    attempt.run()
    assert attempt.error == (5.0, errno.ETIMEDOUT, "no answer within 5 s")


def test_a_silent_endpoint_leaves_time_for_the_next() -> None:
    attempt = Attempt(timeout=5.0)
    attempt.system.blackhole(FIRST)
    attempt.dial()
    attempt.run()
    assert attempt.error == (2.5, errno.ECONNREFUSED, "Connection refused")


def test_there_may_be_no_time_limit() -> None:
    attempt = Attempt(timeout=inf)
    attempt.system.blackhole(FIRST)
    dial = attempt.dial()
    attempt.run()
    assert attempt.outcomes == []
    assert not dial.done


def test_cancelled_it_calls_nobody_and_leaves_nothing() -> None:
    attempt = Attempt()
    attempt.system.blackhole(FIRST)
    dial = attempt.dial()
    attempt.reactor.run_once()
    assert attempt.system.open_sockets == 1
    dial.cancel()
    attempt.run()
    assert attempt.outcomes == []
    assert attempt.system.open_sockets == 0


def test_cancelled_before_the_name_is_known_it_dials_nobody() -> None:
    attempt = Attempt()
    attempt.dial().cancel()
    attempt.run()
    assert (attempt.outcomes, attempt.system.dialled) == ([], [])


class NeverResolves(Resolver):
    """Of a name server that does not answer."""

    def resolve(self, address: Address, then: Callable[[Resolved], None]) -> None:
        pass


def test_a_name_that_is_not_resolved_in_time() -> None:
    attempt = Attempt(timeout=3.0)
    attempt.resolver = NeverResolves(attempt.reactor)
    attempt.dial()
    attempt.run()
    assert attempt.error == (3.0, errno.ETIMEDOUT, "no answer within 3 s")


@pytest.mark.parametrize("lacking", ["lacks", "full"])
def test_what_is_lacking_may_come_back(lacking: str) -> None:
    attempt = Attempt()
    attempt.system.listen(FIRST, 1)
    setattr(attempt.system, lacking, 3)
    attempt.dial()
    attempt.run()
    assert attempt.socket.getpeername() == FIRST[1]
    assert attempt.system.dialled == [FIRST] * 4
    assert attempt.outcomes[0][0] == pytest.approx(3 * RETRY_DELAY)
    assert attempt.system.open_sockets == 3  # the connection's two ends, and the listener


@pytest.mark.parametrize("lacking", ["lacks", "full"])
def test_what_is_lacking_may_not_come_back_in_time(lacking: str) -> None:
    attempt = Attempt(timeout=1.0)
    setattr(attempt.system, lacking, 1_000_000)
    attempt.dial()
    attempt.run()
    lack = (errno.EMFILE, os.strerror(errno.EMFILE))
    expected = lack if lacking == "lacks" else (errno.ETIMEDOUT, "no answer within 1 s")
    assert attempt.error == (1.0, *expected)


def test_a_lack_after_a_silent_endpoint_is_in_time_too() -> None:
    attempt = Attempt(timeout=1.0)
    attempt.system.blackhole(FIRST)
    attempt.dial()
    attempt.reactor.run_once()
    attempt.system.lacks = 1_000_000
    attempt.run()
    assert attempt.error == (1.0, errno.EMFILE, os.strerror(errno.EMFILE))


def test_it_does_not_dial_what_is_forbidden() -> None:
    attempt = Attempt(forbidden=[FIRST, SECOND])
    attempt.dial()
    attempt.run()
    assert attempt.error == (0.0, errno.EACCES, f"{SECOND} is forbidden")
    assert attempt.system.dialled == []


def test_it_dials_what_is_not_forbidden_and_tells_why_that_was_not_enough() -> None:
    attempt = Attempt(forbidden=[FIRST])
    attempt.dial()
    attempt.run()
    assert attempt.error == (0.0, errno.EACCES, f"{FIRST} is forbidden")
    assert attempt.system.dialled == [SECOND]


# In the real system.


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with real_reactor() as made:
        yield made


def reach(reactor: Reactor, address: Address, timeout: float = 5.0) -> Socket | OSError:
    outcomes: list[Socket | OSError] = []
    Dial(
        reactor,
        Resolver(reactor),
        address,
        timeout=timeout,
        check=lambda _: None,
        then=outcomes.append,
    )
    run_until(reactor, lambda: outcomes, "the dial is over")
    reactor.submit(lambda: None)
    reactor.run_once()  # sockets are closed after the batch
    return outcomes[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_real_backend(reactor: Reactor, host: str) -> None:
    with Listening() as backend:
        reached = reach(reactor, Address(host, backend.address.port))
        assert not isinstance(reached, OSError)
        with backend.accept() as accepted:
            assert accepted.getpeername() == reached.getsockname()
        reached.close()


def test_a_real_unix_socket(reactor: Reactor, tmp_path: Path) -> None:
    with Listening(Address.parse(f"unix:{tmp_path}/backend")) as backend:
        reached = reach(reactor, backend.address)
        assert not isinstance(reached, OSError)
        reached.close()


def test_a_real_backend_that_is_not_there(reactor: Reactor, tmp_path: Path) -> None:
    with Listening() as backend:
        nobody = backend.address
    for address, code in (
        (nobody, errno.ECONNREFUSED),
        (Address.parse(f"unix:{tmp_path}/nothing"), errno.ENOENT),
        (Address("", 0, "x" * 200), errno.EINVAL),
    ):
        reached = reach(reactor, address)
        assert isinstance(reached, OSError)
        assert reached.errno == code


def test_a_real_backend_that_does_not_answer(reactor: Reactor) -> None:
    begun = reactor.clock()
    with deaf_backend() as address:
        reached = reach(reactor, address, timeout=0.05)
    assert isinstance(reached, OSError)
    assert reached.errno == errno.ETIMEDOUT
    assert reactor.clock() >= begun + 0.05
