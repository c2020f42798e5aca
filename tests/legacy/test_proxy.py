"""Old plugins, unchanged, between real peers."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from end_to_end.proxies import NO_LIMITS
from legacy.plugins import documented, handlers, hooks, unruly
from legacy.running import RunningLegacy, plugin_threads, protocol
from peers import (
    Listening,
    Scripted,
    connect,
    echo,
    half_close,
    receive,
    receive_until_fin,
    reset,
    wait_until,
)
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.error import Error
from vaurien.net.tls.spec import Tls
from vaurien.values.events import Cut


def ask(running: RunningLegacy, data: bytes = b"hello") -> bytes:
    """Say something on a connection of its own; gives all that comes until the end."""
    with connect(running.address) as client:
        client.sendall(data)
        return receive_until_fin(client)


def is_refused(running: RunningLegacy) -> bool:
    """Whether a client that says nothing is closed."""
    with connect(running.address) as client:
        return receive_until_fin(client) == b""


def answer_and_close(sock: socket.socket) -> None:
    """A backend that answers one request, at some length, and closes."""
    request = sock.recv(65536)
    sock.sendall(b"you said " + request)
    sock.sendall(b"." * 5000)


@pytest.fixture
def echoing() -> Iterator[Scripted]:
    with Scripted(echo) as backend:
        yield backend


@pytest.fixture
def answering() -> Iterator[Scripted]:
    with Scripted(answer_and_close) as backend:
        yield backend


# The documented examples.


def test_documented_example(answering: Scripted) -> None:
    with RunningLegacy(answering.address, documented.Dummy) as running:
        assert ask(running) == b"you said hello" + b"." * 5000
        assert ask(running) == b"you said hello" + b"." * 5000
        assert not running.failures


def test_documented_example_keeps_alive(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, (documented.Dummy, {"keep_alive": True})) as running,
        connect(running.address) as client,
    ):
        for word in (b"one", b"two", b"three"):
            client.sendall(word)
            assert receive(client, len(word)) == word
        half_close(client)
        assert receive_until_fin(client) == b""


def test_documented_example_ends_with_the_backend(backend: Listening) -> None:
    with (
        RunningLegacy(backend.address, (documented.Dummy, {"keep_alive": True})) as running,
        connect(running.address) as client,
        backend.accept() as server,
    ):
        server.sendall(b"bye")
        server.close()
        assert receive_until_fin(client) == b"bye"


def test_documented_handler_that_does_nothing(backend: Listening) -> None:
    with (
        RunningLegacy(backend.address, documented.MySuperHandler) as running,
        connect(running.address) as client,
        backend.accept(),
    ):
        client.sendall(b"never read")
        wait_until(plugin_threads, "its thread is there")
        reset(client)
        wait_until(lambda: not plugin_threads(), "the thread has ended")
        assert not running.failures


# The ways to call.


def test_handler_called_with_the_ends(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, (handlers.Stamp, {"mark": "#"})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 3) == b"#hi"


def test_handler_called_with_source_and_destination(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, handlers.Relative) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 4) == b"<>hi"


def test_handler_without_a_base(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, handlers.Plain) as running,
        connect(running.address) as client,
    ):
        host, port = client.getsockname()
        client.sendall(b"hi")
        expected = f"hello {echoing.address} {host}:{port}"
        assert receive_until_fin(client) == expected.encode()


def test_handler_derived_from_a_built_in_one(answering: Scripted) -> None:
    with RunningLegacy(answering.address, handlers.Loud) as running:
        assert ask(running).startswith(b"loud you said hello")


def test_hooks_around_a_protocol_of_today(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, hooks.Announce) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        said = b"[tcp hi]"
        assert receive(client, len(said)) == said
        half_close(client)
        assert receive_until_fin(client) in (b"", b"[tcp ]")  # the end is an event, too


@pytest.mark.parametrize(("cls", "mark"), [(hooks.Three, b"3"), (hooks.Four, b"4")])
def test_protocol_without_a_behavior(echoing: Scripted, cls: type, mark: bytes) -> None:
    with (
        RunningLegacy(echoing.address, protocol=protocol(cls)) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 3) == mark + b"hi"
        half_close(client)
        assert receive_until_fin(client) == b""


@pytest.mark.parametrize(("cls", "mark"), [(hooks.Three, b"3"), (hooks.Four, b"4")])
def test_protocol_with_a_behavior(echoing: Scripted, cls: type, mark: bytes) -> None:
    with (
        RunningLegacy(echoing.address, hooks.Announce, protocol=protocol(cls)) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        said = f"[{cls.__name__.lower()} ".encode() + mark + b"hi]"
        assert receive(client, len(said)) == said


def test_before_skips_the_handling(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, (hooks.Refuse, {"word": "never"})) as running,
        connect(running.address) as client,
    ):
        for _ in range(3):
            client.sendall(b"hi")
            assert receive(client, 5) == b"never"


@pytest.mark.parametrize("old", [None, hooks.Four])
def test_between_cuts_before_the_response(backend: Listening, old: type | None) -> None:
    moving = protocol(old) if old else None
    with (
        RunningLegacy(backend.address, hooks.Cut, protocol=moving) as running,
        connect(running.address) as client,
        backend.accept() as server,
    ):
        client.sendall(b"hi")
        assert receive_until_fin(server) == (b"4hi" if old else b"hi")
        assert receive_until_fin(client) == b""
        assert not running.failures


def test_behavior_derived_from_one_that_does_something(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, hooks.Later) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 8) == b"later hi"
        assert not running.failures


def test_protocol_derived_from_the_built_in_one(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, protocol=protocol(hooks.Kept)) as running,
        connect(running.address) as client,
    ):
        for word in (b"one", b"two"):
            client.sendall(word)
            assert receive(client, 3) == word


# Drawing, and what is around.


def test_share_of_connections(echoing: Scripted) -> None:
    stamp = (handlers.Stamp, {"percent": 50, "mix": "m"})
    with RunningLegacy(echoing.address, stamp) as running:
        stamped = 0
        for _ in range(40):
            with connect(running.address) as client:
                client.sendall(b"hi")
                first = receive(client, 2)
                stamped += first == b"*h"
                assert first in (b"*h", b"hi")
        assert 8 <= stamped <= 32
        assert len(running.fired) == stamped


def test_members_of_a_mix_exclude_each_other(echoing: Scripted) -> None:
    stamp = (handlers.Stamp, {"percent": 50, "mix": "m"})
    error = (Error, {"percent": 50, "mix": "m"})
    with RunningLegacy(echoing.address, stamp, error) as running:
        for _ in range(20):
            with connect(running.address) as client:
                client.sendall(b"hi")
                first = receive(client, 3)
                assert (first == b"*hi") is (running.fired[-1].behavior == "stamp")
        assert len(running.fired) == 20


def test_the_same_seed_draws_the_same_connections(echoing: Scripted) -> None:
    def drawn() -> list[int]:
        stamp = (handlers.Stamp, {"percent": 30})
        with RunningLegacy(echoing.address, stamp, seed=5) as running:
            for _ in range(20):
                with connect(running.address) as client:
                    client.sendall(b"hi")
                    receive(client, 2)
            return [fired.connection for fired in running.fired]

    assert drawn() == drawn() != []


def test_behaviors_of_today_stack_around(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, handlers.Stamp, (Delay, {"sleep": 0})) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        assert receive(client, 3) == b"*hi"
        assert {fired.behavior for fired in running.fired} == {"stamp", "delay"}


def test_change_affects_new_connections_only(echoing: Scripted) -> None:
    with RunningLegacy(echoing.address, handlers.Stamp) as running:
        with connect(running.address) as early:
            early.sendall(b"hi")
            assert receive(early, 3) == b"*hi"
            running.use()
            early.sendall(b"hi")
            assert receive(early, 3) == b"*hi"
            with connect(running.address) as late:
                late.sendall(b"hi")
                assert receive(late, 2) == b"hi"
                running.use(handlers.Stamp)
                late.sendall(b"hi")
                assert receive(late, 2) == b"hi"
        assert len(running.fired) == 1


def test_instance_counts_over_connections_and_changes(echoing: Scripted) -> None:
    with RunningLegacy(echoing.address, handlers.Counting) as running:
        assert [ask(running) for _ in range(3)] == [b"1", b"2", b"3"]
        running.use(handlers.Counting, (Delay, {"percent": 0}))
        assert ask(running) == b"4"
        running.use((handlers.Counting, {"after": 5}))
        with connect(running.address) as client:
            client.sendall(b"hi")
            assert receive(client, 2) == b"hi"  # the fifth is left alone
        assert ask(running) == b"5"


def test_stay_connected(backend: Listening) -> None:
    with (
        RunningLegacy(
            backend.address, handlers.Plain, settings={"stay_connected": True}
        ) as running,
        connect(running.address) as client,
        backend.accept(),
    ):
        host, port = client.getsockname()
        said = f"hello {backend.address} {host}:{port}".encode()
        for _ in range(2):
            client.sendall(b"hi")
            assert receive(client, len(said)) == said


def test_idle_connection_ends(backend: Listening) -> None:
    with (
        RunningLegacy(backend.address, handlers.Stamp, settings={"timeout": 0.05}) as running,
        connect(running.address) as client,
        backend.accept(),
    ):
        assert receive_until_fin(client) == b""
        assert not running.failures
        what = "connection 1 was idle for 0.05 s, and was closed"
        cut = Cut(running.proxy.name, what, connection=1)
        wait_until(lambda: cut in running.events, "why is told")


def test_unreachable_backend() -> None:
    with Listening() as gone:
        address = gone.address
    with RunningLegacy(address, handlers.Stamp) as running:
        assert is_refused(running)
        assert running.troubles
        wait_until(lambda: not plugin_threads(), "no thread is left")


def test_tls_is_not_for_old_plugins(echoing: Scripted) -> None:
    with RunningLegacy(echoing.address, handlers.Stamp, tls=Tls(mode="pass")) as running:
        assert is_refused(running)
        (trouble,) = running.troubles
        assert trouble.endswith("old plugins cannot be used where there is TLS")


# Isolation.


@pytest.mark.parametrize("cls", [unruly.Raising, unruly.Exiting, unruly.Unmakeable])
def test_failure_ends_its_own_connection(echoing: Scripted, cls: type) -> None:
    with RunningLegacy(echoing.address, (cls, {"times": 1})) as running:
        with connect(running.address) as client:
            client.sendall(b"hi")
            with contextlib.suppress(ConnectionResetError):
                assert receive_until_fin(client) == b""
        wait_until(lambda: running.failures, "the failure is told")
        (failure,) = running.failures
        assert "connection 1" in failure.what
        assert cls.__name__.lower() in failure.what
        assert "Traceback" in failure.traceback
        with connect(running.address) as client:
            client.sendall(b"hi")
            assert receive(client, 2) == b"hi"


def test_both_sockets_closed(echoing: Scripted) -> None:
    with (
        RunningLegacy(echoing.address, unruly.ClosePolicy) as running,
        connect(running.address) as client,
    ):
        client.sendall(b"hi")
        with contextlib.suppress(ConnectionResetError):
            assert receive_until_fin(client) == b""
        running.wait_for_connections(0)
        assert not running.failures


def test_marked_as_closed(echoing: Scripted) -> None:
    with RunningLegacy(echoing.address, unruly.Marking) as running:
        assert ask(running) == b"marked"


def test_blocked_handler_ends_with_its_client(backend: Listening) -> None:
    with (
        RunningLegacy(backend.address, unruly.Deaf) as running,
        connect(running.address) as client,
        backend.accept(),
    ):
        client.sendall(b"hi")
        assert unruly.Deaf.entered.acquire(timeout=10)
        reset(client)
        assert unruly.Deaf.left.acquire(timeout=10)
        running.wait_for_connections(0)
        assert not running.failures


def test_blocked_handler_ends_at_shutdown(backend: Listening) -> None:
    with (
        RunningLegacy(backend.address, unruly.Deaf) as running,
        connect(running.address) as client,
        backend.accept(),
    ):
        client.sendall(b"hi")
        assert unruly.Deaf.entered.acquire(timeout=10)
    assert unruly.Deaf.left.acquire(timeout=10)


def test_stuck_handlers_are_capped(echoing: Scripted) -> None:
    unruly.Stuck.released.clear()
    try:
        with RunningLegacy(echoing.address, unruly.Stuck, max_threads=2) as running:
            with connect(running.address) as one, connect(running.address) as two:
                for client in (one, two):
                    client.sendall(b"hi")
                    assert unruly.Stuck.entered.acquire(timeout=10)
                assert is_refused(running)
                (trouble,) = running.troubles
                assert "2 others" in trouble
                assert "--max-plugin-threads" in trouble
                reset(one)
                reset(two)
                running.wait_for_connections(0)
            assert is_refused(running)  # the threads are still there
            unruly.Stuck.released.set()
            wait_until(lambda: not plugin_threads(), "the threads have ended")
            running.use(handlers.Stamp)
            with connect(running.address) as client:
                client.sendall(b"hi")
                assert receive(client, 3) == b"*hi"
    finally:
        unruly.Stuck.released.set()


def test_shutdown_does_not_wait_for_stuck_handlers(echoing: Scripted) -> None:
    unruly.Stuck.released.clear()
    try:
        with (
            RunningLegacy(echoing.address, unruly.Stuck) as running,
            connect(running.address) as client,
        ):
            client.sendall(b"hi")
            assert unruly.Stuck.entered.acquire(timeout=10)
        assert plugin_threads()
    finally:
        unruly.Stuck.released.set()
    wait_until(lambda: not plugin_threads(), "the thread has ended")


def test_connection_of_a_busy_handler_is_not_idle(echoing: Scripted) -> None:
    unruly.Stuck.released.clear()
    limits = replace(NO_LIMITS, timeout=0.05)
    try:
        with (
            RunningLegacy(echoing.address, unruly.Stuck, limits=limits) as running,
            connect(running.address) as client,
        ):
            client.sendall(b"hi")
            assert unruly.Stuck.entered.acquire(timeout=10)
            assert not select.select([client], [], [], 0.3)[0]
            half_close(client)  # it has gone, as far as one can tell
            running.wait_for_connections(0)
    finally:
        unruly.Stuck.released.set()


def test_nothing_leaks(echoing: Scripted) -> None:
    with RunningLegacy(echoing.address, handlers.Stamp) as running:
        first = True
        for number in range(1000):
            with connect(running.address) as client:
                client.sendall(b"hi")
                assert receive(client, 3) == b"*hi"
                if number % 2:
                    reset(client)
            if first:
                running.wait_for_connections(0)
                wait_until(lambda: not plugin_threads(), "the threads have ended")
                before = len(os.listdir("/proc/self/fd"))
                first = False
        running.wait_for_connections(0)
        wait_until(lambda: not plugin_threads(), "the threads have ended")
        wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before, "all descriptors are closed")
        assert threading.active_count() < 20
        assert not running.failures
