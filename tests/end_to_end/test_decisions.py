"""The same seed and the same requests give the same decisions, however they interleave."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from end_to_end.proxies import RunningProxy
from peers import Scripted, connect, echo, receive
from vaurien.net.address import Address

CONNECTIONS = 50
EXCHANGES = 20
RULES = (
    "delay mix=one name=slow percent=10 sleep=0.001",
    "delay mix=one name=slower percent=5.5 sleep=0.002",
    "delay name=late percent=33.3 sleep=0 before=false",
    "delay name=session percent=40 scope=connection sleep=0",
)
Decisions = set[tuple[int, int, str, float]]
"""Connection, exchange, rule, draw."""


def say(address: Address, count: int) -> None:
    """This many exchanges on a new connection."""
    with connect(address) as client:
        for number in range(count):
            client.sendall(b"%8d" % number)
            assert receive(client, 8) == b"%8d" % number


def one_connection(address: Address) -> None:
    say(address, CONNECTIONS * EXCHANGES)


def one_after_the_other(address: Address) -> None:
    for _ in range(CONNECTIONS):
        say(address, EXCHANGES)


def all_at_once(address: Address) -> None:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(say, address, EXCHANGES) for _ in range(CONNECTIONS)]:
            done.result()


def shuffled(address: Address) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(CONNECTIONS)]
        for _ in range(EXCHANGES):
            random.shuffle(clients)
            for client in clients:
                client.sendall(b"shuffled")
            random.shuffle(clients)
            for client in clients:
                assert receive(client, 8) == b"shuffled"


def decisions(traffic: Callable[[Address], None], seed: int = 11, *, rules: int = 4) -> Decisions:
    """What is decided on some traffic."""
    with (
        Scripted(echo) as backend,
        RunningProxy(backend.address, *RULES[:rules], seed=seed) as proxy,
    ):
        traffic(proxy.address)
        fired = list(proxy.fired)
    found = {(each.connection, each.exchange, each.rule, each.draw) for each in fired}
    assert len(found) == len(fired)
    return found


def test_one_connection_twice() -> None:
    found = decisions(one_connection)
    assert found == decisions(one_connection)
    by_rule = Counter(rule for _, _, rule, _ in found)
    assert 60 < by_rule["slow"] < 140
    assert 20 < by_rule["slower"] < 90
    assert 270 < by_rule["late"] < 400
    assert {connection for connection, _, _, _ in found} == {1}


@pytest.mark.parametrize("interleaved", [all_at_once, shuffled])
def test_fifty_connections_interleaved_and_one_after_the_other(
    interleaved: Callable[[Address], None],
) -> None:
    found = decisions(one_after_the_other)
    assert found == decisions(interleaved)
    assert found == decisions(interleaved)


def test_rules_of_a_mix_exclude_each_other() -> None:
    found = decisions(one_after_the_other, rules=2)
    exchanges = [(connection, exchange) for connection, exchange, _, _ in found]
    assert len(exchanges) == len(set(exchanges))


def test_a_rule_does_not_move_the_draws_of_another() -> None:
    alone = decisions(one_after_the_other, rules=3)
    both = decisions(one_after_the_other, rules=4)
    assert alone == {each for each in both if each[2] != "session"}


def test_another_seed_decides_otherwise() -> None:
    assert decisions(one_connection, seed=1) != decisions(one_connection, seed=2)
