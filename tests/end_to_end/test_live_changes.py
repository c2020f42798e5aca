"""Plans replaced under traffic: what is held comes out whole, nothing is lost, nobody waits."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from end_to_end.proxies import RunningProxy, StartProxy, make_plan
from peers import (
    PATIENCE,
    Listening,
    Scripted,
    connect,
    echo,
    half_close,
    is_silent,
    receive,
    receive_until_fin,
    send_until_stuck,
    wait_until,
)
from servers import redis_benchmark
from vaurien.net.address import Address

BLOCK = random.Random(7).randbytes(1_000_003)
HANGING = 100
CHANGES = 1000
LONGEST = 0.1
"""Seconds that a change may take."""
HOLDING = {
    "hang": ("hang",),
    "hang in one direction": ("hang direction=to_backend",),
    "delay": ("delay sleep=3600",),
    "both": ("delay sleep=3600", "hang"),
}


@pytest.mark.parametrize("rules", HOLDING.values(), ids=HOLDING)
def test_what_was_held_comes_in_order_once_the_rule_is_lifted(
    start_proxy: StartProxy, backend: Listening, rules: tuple[str, ...], portable: bool
) -> None:
    proxy = start_proxy(backend.address, *rules, portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        for position in range(0, 100_000, 1000):
            client.sendall(BLOCK[position : position + 1000])
        half_close(client)
        wait_until(lambda: proxy.totals.bytes_to_backend == 100_000, "the proxy has it all")
        assert is_silent(server)
        proxy.change()
        assert receive_until_fin(server) == BLOCK[:100_000]
        server.sendall(b"and back")
        server.close()
        assert receive_until_fin(client) == b"and back"


def test_answers_that_were_held_come_once_the_rule_is_lifted(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address, "hang direction=to_client")
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"?")
        assert receive(server, 1) == b"?"
        server.sendall(BLOCK[:50_000])
        half_close(server)
        wait_until(lambda: proxy.totals.bytes_to_client == 50_000, "the proxy has it all")
        assert is_silent(client)
        proxy.change()
        assert receive_until_fin(client) == BLOCK[:50_000]


def test_a_hang_holds_a_bounded_number_of_bytes_and_loses_none(
    start_proxy: StartProxy, backend: Listening, portable: bool
) -> None:
    proxy = start_proxy(backend.address, "hang", portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        taken = send_until_stuck(client, BLOCK)
        assert proxy.totals.bytes_to_backend < 2 * 1024 * 1024
        assert is_silent(server)
        proxy.change()
        half_close(client)
        whole = BLOCK * (taken // len(BLOCK) + 1)
        assert receive_until_fin(server) == whole[:taken]


def test_a_hang_can_be_put_on_an_open_connection_and_lifted_again(
    start_proxy: StartProxy, portable: bool
) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(backend.address, portable=portable)
        with connect(proxy.address) as client:
            for number in range(20):
                client.sendall(b"free %2d" % number)
                assert receive(client, 7) == b"free %2d" % number
                proxy.change("hang")
                client.sendall(b"held %2d" % number)
                proxy.wait_for_firings(number + 1)
                assert is_silent(client)
                proxy.change()
                assert receive(client, 7) == b"held %2d" % number


def test_an_unrelated_change_lifts_nothing(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address, "hang")
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"held")
        proxy.wait_for_firings(1)
        for sleep in range(10):
            proxy.change("hang", f"delay sleep={sleep}")
            assert is_silent(server)
        proxy.change("delay sleep=0.01")
        assert receive(server, 4) == b"held"


def test_a_rule_whose_time_to_live_ends_lets_go(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address, "hang ttl=0.3")
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"held")
        assert receive(server, 4) == b"held"
        assert proxy.call(lambda: proxy.proxy.expired) == {"hang"}


def test_a_new_backend_is_for_new_connections(start_proxy: StartProxy) -> None:
    def say(word: bytes) -> Callable[[socket.socket], None]:
        def script(sock: socket.socket) -> None:
            while sock.recv(1):
                sock.sendall(word)

        return script

    with Scripted(say(b"one")) as first, Scripted(say(b"two")) as second:
        proxy = start_proxy(first.address)
        with connect(proxy.address) as early:
            early.sendall(b"?")
            assert receive(early, 3) == b"one"
            proxy.use_backend(second.address)
            with connect(proxy.address) as late:
                late.sendall(b"?")
                assert receive(late, 3) == b"two"
            early.sendall(b"?")
            assert receive(early, 3) == b"one"


def durations_of_changes(proxy: RunningProxy, count: int, keep: str = "") -> list[float]:
    """Change the plan this many times, keeping one rule; return the seconds of each change."""
    plans = [
        (),
        ("delay sleep=0.001 percent=20",),
        ("hang percent=5",),
        ("delay sleep=0.001 before=false", "delay sleep=0.002 percent=10"),
    ]
    durations = []
    for number in range(count):
        rules = (*([keep] if keep else []), *plans[number % len(plans)])
        plan = make_plan(*rules, generation=proxy.proxy.plan.generation + 1)
        begun = time.monotonic()
        proxy.call(lambda plan=plan: proxy.proxy.apply(plan))  # type: ignore[misc]  # no inference
        durations.append(time.monotonic() - begun)
    return durations


def test_changes_during_a_redis_benchmark_lose_nothing(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address)
    lines: list[str] = []

    def run() -> None:
        while not done.is_set():
            lines.extend(redis_benchmark(proxy.address, "-n", "10000", "-c", "50", "-t", "get,set"))

    done = threading.Event()
    running = threading.Thread(target=run, daemon=True)
    running.start()
    try:
        proxy.wait_for_connections(50)
        durations_of_changes(proxy, CHANGES)
        proxy.change()
    finally:
        done.set()
        running.join(PATIENCE)
    assert not running.is_alive()
    assert len(lines) >= 2
    assert proxy.totals.fired > 100


def test_no_change_waits_while_a_hundred_connections_hang(start_proxy: StartProxy) -> None:
    with Scripted(echo) as backend, ExitStack() as stack:
        proxy = start_proxy(backend.address, "hang")
        clients = [stack.enter_context(connect(proxy.address)) for _ in range(HANGING)]
        for client in clients:
            client.sendall(b"held")
        proxy.wait_for_firings(HANGING)
        # On a machine with other things to do, one round in three must be undisturbed.
        longest = [max(durations_of_changes(proxy, CHANGES // 3, "hang")) for _ in range(3)]
        assert min(longest) < LONGEST
        assert all(map(is_silent, clients))
        proxy.change()
        for client in clients:
            assert receive(client, 4) == b"held"


def test_a_plan_without_rules_quiets_links_again(start_proxy: StartProxy) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(backend.address, "delay sleep=0.001")
        with connect(proxy.address) as client:
            client.sendall(b"slow")
            assert receive(client, 4) == b"slow"
            proxy.change()
            client.sendall(b"fast")
            assert receive(client, 4) == b"fast"
            fired = proxy.totals.fired
            client.sendall(b"fast")
            assert receive(client, 4) == b"fast"
            assert proxy.totals.fired == fired
