"""The reactor, over the real system and both of its pollers."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from random import Random
from types import FrameType

import pytest

from peers import PATIENCE
from reactors import POLLERS, real_reactor, run_until
from vaurien.net.reactor import Alarm, Reactor, Timer
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.system import READ, WRITE


@pytest.fixture(params=POLLERS)
def reactor(request: pytest.FixtureRequest) -> Iterator[Reactor]:
    with real_reactor(request.param) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


class Recorder:
    """A handler that does what the test says on an event."""

    def __init__(self, act: Callable[[int], object]) -> None:
        self.act = act
        self.events: list[int] = []
        self.failures: list[str] = []

    def on_event(self, events: int) -> None:
        self.events.append(events)
        self.act(events)

    def on_failure(self, report: str) -> None:
        self.failures.append(report)


# Timers.


def test_timers_are_never_early_and_in_order(reactor: Reactor) -> None:
    random = Random(1)
    called: list[tuple[float, float, int]] = []

    def schedule(number: int) -> None:
        when = reactor.clock() + random.choice([0.0, random.random() * 0.05, 0.03])
        reactor.call_at(when, lambda: called.append((when, reactor.clock(), number)))

    for number in range(300):
        schedule(number)
    run_until(reactor, lambda: len(called) == 300, "all timers are called")
    assert all(at >= when for when, at, _ in called)
    assert [when for when, *_ in called] == sorted(when for when, *_ in called)


def test_cancelled_timers_do_not_pile_up_until_their_time_comes(reactor: Reactor) -> None:
    called: list[int] = []
    soon = [reactor.call_later(0.01, partial(called.append, number)) for number in range(2000)]
    for _ in range(20_000):
        reactor.call_later(86_400, lambda: None).cancel()
    assert len(reactor._timers) <= 2 * len(soon) + 1
    run_until(reactor, lambda: len(called) == len(soon), "all timers to be called")
    assert called == list(range(2000))


def test_many_timers_that_wait_are_not_looked_through_for_each_that_is_set(
    reactor: Reactor,
) -> None:
    """Each look takes time in proportion to their number, and finds none that is cancelled."""
    looks = 0

    def count_looks(frame: FrameType, event: str, _: object) -> None:
        nonlocal looks
        looks += event == "call" and frame.f_code is Reactor._purge_cancelled.__code__

    sys.setprofile(count_looks)
    try:
        for _ in range(5_000):
            reactor.call_later(86_400, lambda: None)
    finally:
        sys.setprofile(None)
    assert 0 < looks <= 3


def test_timers_of_one_moment_are_called_in_the_order_they_were_made(reactor: Reactor) -> None:
    called: list[int] = []
    when = reactor.clock() + 0.001
    for number in range(20):
        reactor.call_at(when, partial(called.append, number))
    run_until(reactor, lambda: len(called) == 20, "all timers are called")
    assert called == list(range(20))


def test_a_timer_that_lies_in_the_past_is_called_at_once(reactor: Reactor) -> None:
    called: list[str] = []
    reactor.call_at(reactor.clock() - 10, lambda: called.append("late"))
    reactor.run_once()
    assert called == ["late"]


def test_a_cancelled_timer_is_not_called(reactor: Reactor) -> None:
    called: list[str] = []
    when = reactor.clock()
    late: Timer

    def cancel_late() -> None:  # which is due in the same batch
        late.cancel()

    reactor.call_at(when, cancel_late)
    late = reactor.call_at(when, lambda: called.append("cancelled"))
    early = reactor.call_at(when, lambda: called.append("cancelled before"))
    early.cancel()
    last = reactor.call_at(when, lambda: called.append("last"))
    run_until(reactor, lambda: called, "the last timer is called")
    assert called == ["last"]
    last.cancel()  # too late, and harmless


@pytest.mark.parametrize("seconds", [3e6, 1e12, float("inf")])
def test_a_timer_may_be_further_away_than_the_system_can_wait(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket], seconds: float
) -> None:
    timer = reactor.call_later(seconds, lambda: None)
    handler = Recorder(lambda _: pair[0].recv(10))
    reactor.add(pair[0].fileno(), handler, READ)
    pair[1].send(b"x")
    reactor.run_once()
    assert handler.events == [READ]
    assert timer.call is not None


# The end of a batch.


def test_what_is_called_soon_comes_at_the_end_of_the_batch(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    order: list[str] = []

    def on_event(events: int) -> None:
        reactor.call_soon(lambda: order.append("first soon"))
        reactor.call_soon(lambda: reactor.call_soon(lambda: order.append("soon from soon")))
        reactor.call_soon(lambda: order.append("last soon"))
        order.append("event")
        pair[0].recv(10)

    reactor.add(pair[0].fileno(), Recorder(on_event), READ)
    reactor.call_at(0, lambda: order.append("timer"))
    pair[1].send(b"x")
    run_until(reactor, lambda: len(order) == 5, "all is called")
    assert order == ["event", "timer", "first soon", "last soon", "soon from soon"]


def test_a_discarded_socket_is_heard_no_more_and_closed_after_the_batch(reactor: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    mine = [one for one, _ in pairs]
    heard: list[int] = []

    def discard_both(which: int) -> Callable[[int], None]:
        def on_event(events: int) -> None:
            heard.append(which)
            for sock in mine:
                reactor.discard(sock)
            assert all(sock.fileno() >= 0 for sock in mine)

        return on_event

    for which, (one, other) in enumerate(pairs):
        reactor.add(one.fileno(), Recorder(discard_both(which)), READ)
        other.send(b"x")
    reactor.run_once()
    assert len(heard) == 1
    assert all(sock.fileno() < 0 for sock in mine)
    for _, other in pairs:
        other.close()


# Descriptors.


def test_a_handler_hears_what_it_is_interested_in(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    fd = pair[0].fileno()
    reader, writer = Recorder(lambda _: pair[0].recv(10)), Recorder(lambda _: reactor.unwatch(fd))
    reactor.add(fd, reader, READ)
    pair[1].send(b"x")
    run_until(reactor, lambda: reader.events, "it can be read")
    reactor.unwatch(fd)
    reactor.add(fd, writer, WRITE)
    pair[1].send(b"y")
    run_until(reactor, lambda: writer.events, "it can be written")
    assert (reader.events, writer.events) == ([READ], [WRITE])
    reactor.submit(lambda: None)
    reactor.run_once()
    assert (reader.events, writer.events) == ([READ], [WRITE])
    reactor.unwatch(fd)  # once more, and harmless
    reactor.add(fd, reader, READ)
    run_until(reactor, lambda: len(reader.events) == 2, "it can be read again")


def test_a_handler_that_raises_is_told_and_the_others_go_on(reactor: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(3)]

    def fail(events: int) -> None:
        reactor.unwatch(pairs[0][0].fileno())
        raise RuntimeError("a handler's mistake")

    def read_from(sock: socket.socket) -> Callable[[int], object]:
        return lambda events: sock.recv(10)

    failing = Recorder(fail)
    well = [Recorder(read_from(one)) for one, _ in pairs[1:]]
    for (one, other), handler in zip(pairs, [failing, *well], strict=True):
        reactor.add(one.fileno(), handler, READ)
        other.send(b"x")
    run_until(reactor, lambda: all(handler.events for handler in well), "the others hear")
    assert "RuntimeError: a handler's mistake" in failing.failures[0]
    assert all(not handler.failures for handler in well)
    for sock in (sock for pair in pairs for sock in pair):
        sock.close()


def test_calls_that_raise_are_reported_and_the_others_go_on(reactor: Reactor) -> None:
    reports: list[str] = []
    called: list[str] = []
    reactor.report = reports.append

    def fail() -> None:
        raise RuntimeError("a call's mistake")

    when = reactor.clock()
    for call in (fail, lambda: called.append("timer")):
        reactor.call_at(when, call)
    for call in (fail, lambda: called.append("soon")):
        reactor.call_soon(call)
    for call in (fail, lambda: called.append("posted")):
        reactor.post(call)
    run_until(reactor, lambda: len(called) == 3, "all is called")
    assert called == ["timer", "posted", "soon"]
    assert [report.splitlines()[-1] for report in reports] == ["RuntimeError: a call's mistake"] * 3


# Other threads, and signals.


@pytest.fixture
def running(reactor: Reactor) -> Iterator[Reactor]:
    """A reactor that runs in a thread of its own."""
    thread = threading.Thread(target=reactor.run, name="reactor")
    thread.start()
    yield reactor
    reactor.post(reactor.stop)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_other_threads_get_what_a_call_returns(running: Reactor) -> None:
    where = running.submit(lambda: threading.current_thread().name)
    assert where.result(PATIENCE) == "reactor"


def test_other_threads_get_what_a_call_raises(running: Reactor) -> None:
    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        running.submit(fail).result(PATIENCE)
    assert running.submit(lambda: 1).result(PATIENCE) == 1


def test_nobody_waits_for_ever_for_a_call_that_was_cut_short(reactor: Reactor) -> None:
    def end() -> None:
        raise KeyboardInterrupt

    asked = reactor.submit(end)
    with pytest.raises(KeyboardInterrupt):
        reactor.run_once()
    with pytest.raises(RuntimeError, match="cut short by KeyboardInterrupt"):
        asked.result(0)


def test_a_call_that_was_cancelled_in_time_is_not_made(reactor: Reactor) -> None:
    called: list[str] = []
    cancelled = reactor.submit(lambda: called.append("cancelled"))
    assert cancelled.cancel()
    reactor.submit(lambda: called.append("other"))
    run_until(reactor, lambda: called, "the other is called")
    assert called == ["other"]


def test_nobody_waits_for_a_reactor_that_has_stopped(reactor: Reactor) -> None:
    asked: list[Future[None]] = []
    reactor.post(reactor.stop)
    reactor.post(lambda: asked.append(reactor.submit(lambda: None)))
    reactor.run()
    assert asked[0].result(0) is None  # it came before the end
    late = reactor.submit(lambda: None)
    assert late.cancelled()
    reactor.post(reactor.stop)
    reactor.run()  # once more
    assert not reactor._cancels


def test_a_call_that_a_stopping_reactor_does_not_make_is_cancelled(reactor: Reactor) -> None:
    asked: list[Future[None]] = []
    end_batch = reactor._end_batch

    def end_and_ask() -> None:
        end_batch()
        asked.append(reactor.submit(lambda: None))

    reactor._end_batch = end_and_ask  # type: ignore[method-assign]  # between two batches
    reactor.post(reactor.stop)
    reactor.run()
    assert asked[-1].cancelled()


def test_calls_of_many_threads_are_all_made_and_each_threads_in_order(running: Reactor) -> None:
    made: list[tuple[int, int]] = []
    asked: list[Future[None]] = []

    def ask(thread: int) -> None:
        asked.extend(running.submit(partial(made.append, (thread, n))) for n in range(200))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for future in asked:
        future.result(PATIENCE)
    assert len(made) == 8 * 200
    for number in range(8):
        assert [count for thread, count in made if thread == number] == list(range(200))


@pytest.mark.parametrize("interrupts", [True, False])
def test_a_signal_handler_may_post(reactor: Reactor, interrupts: bool) -> None:
    """The signal ends the wait, even if another thread got it, or it came just before."""
    running = threading.Event()
    handled = signal.signal(signal.SIGUSR1, lambda *_: reactor.post(reactor.stop))

    def send() -> None:
        assert running.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGUSR1)

    sender = threading.Thread(target=send)
    sender.start()
    if not interrupts:  # it goes to the sender, who has begun without this mask
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        reactor.call_soon(running.set)
        too_late = reactor.call_later(PATIENCE / 6, reactor.stop)
        reactor.run()
        assert too_late.call is not None, "the signal was not noticed"
        too_late.cancel()
        sender.join()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        signal.signal(signal.SIGUSR1, handled)


# Its life.


def test_it_stops_after_the_batch_and_can_run_again(reactor: Reactor) -> None:
    called: list[str] = []
    for name in ("first", "second"):
        reactor.call_at(0, reactor.stop)
        reactor.call_at(0, partial(called.append, name))
        reactor.run()
    assert called == ["first", "second"]


def test_it_gives_back_its_descriptors() -> None:
    def descriptors() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    for poller in POLLERS:
        with real_reactor(poller):
            pass  # what is imported or opened for good, at the first time
        before = descriptors()
        with real_reactor(poller) as reactor:
            reactor.pipes.give_back(reactor.pipes.take(), empty=True)
            one, other = socket.socketpair()
            reactor.discard(one)
            reactor.discard(other)
            assert len(descriptors()) > len(before)
        assert descriptors() == before


def test_the_time_that_it_computes_is_known_while_it_runs() -> None:
    with real_reactor() as reactor:
        assert reactor.cpu_seconds() == 0
        seen: list[float] = []
        reactor.call_soon(lambda: seen.append(reactor.cpu_seconds()))
        reactor.call_soon(reactor.stop)
        reactor.run()
        assert seen[0] > 0
        assert reactor.cpu_seconds() == 0


@pytest.mark.parametrize(("last", "called_at"), [(3.0, [3.0]), (None, [])])
def test_an_alarm_rings_only_when_it_was_set_for_last(
    last: float | None, called_at: list[float]
) -> None:
    system = SimulatedSystem()
    reactor = Reactor(system)
    called: list[float] = []
    alarm = Alarm(reactor, lambda: called.append(system.time))
    alarm.set(1.0)
    alarm.set(last)
    reactor.call_at(5.0, reactor.stop)
    reactor.run()
    assert called == called_at
