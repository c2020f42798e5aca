"""Framed links: messages that are rewritten, hidden, counted, or no messages any more."""

from __future__ import annotations

import pytest

from lines import Lines
from scenario import Peer, World
from vaurien.events import PluginFailed, Trouble


def answer(peer: Peer, data: bytes) -> None:
    """A backend that answers each line with its own words."""
    answered = getattr(peer, "answered", 0)
    lines = bytes(peer.heard).splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    for line in whole[answered:]:
        if not line.startswith((b"QUIET", b"AND")):
            peer.say(line)
    peer.answered = len(whole)  # type: ignore[attr-defined]


@pytest.mark.parametrize("rules", [(), ("hang command=NEVER",)])
@pytest.mark.parametrize("seed", range(8))
def test_after_turning_opaque_both_directions_are_bytes(rules: tuple[str, ...], seed: int) -> None:
    world = World(*rules, protocol=Lines(), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"GET a\nOPAQUE\n")
    world.run(lambda: bytes(client.heard) == b"GET a\nOPAQUE\n")
    client.say(b"\n\nno line at all")
    world.run(lambda: bytes(world.backends[0].heard).endswith(b"at all"))
    world.backends[0].say(b"\0\1\2")
    world.run(lambda: bytes(client.heard).endswith(b"\0\1\2"))
    assert bytes(world.backends[0].heard) == b"GET a\nOPAQUE\n\n\nno line at all"
    assert world.proxy.gave_up == 0
    assert not [event for event in world.events if isinstance(event, PluginFailed)]


def test_rules_go_on_with_chunks_after_turning_opaque() -> None:
    world = World("delay sleep=5 after=2", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\nOPAQUE\n")
    world.run(lambda: bytes(client.heard) == b"GET a\nOPAQUE\n")
    began = world.system.time
    client.say(b"bytes")
    world.run(lambda: bytes(world.backends[0].heard).endswith(b"bytes"))
    assert world.system.time - began >= 5
    assert world.fired == [(1, 3, "delay")]


@pytest.mark.parametrize("seed", range(8))
def test_a_protocol_may_adjust_what_peers_see(seed: int) -> None:
    world = World(protocol=Lines(hides="TLS"), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"GET TLS\nGET a\nPUT 6\nno, no")
    world.run(lambda: len(client.heard) >= 19)
    assert bytes(client.heard) == b"HIDDEN\nGET a\nPUT 6\n"
    world.backends[0].say(b"!TLS offered\n")
    world.run(lambda: bytes(client.heard).endswith(b"offered\n"))
    assert bytes(client.heard).endswith(b"\n! offered\n")
    told = [event.text() for event in world.events if isinstance(event, Trouble)]
    assert told == ["TLS is hidden"]


def test_what_was_adjusted_is_what_rules_see() -> None:
    world = World("delay sleep=5", protocol=Lines(hides="x"), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET x\nGET a\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"HIDDEN\nGET a\n"
    assert [exchange for _, exchange, _ in world.fired] == [2]


@pytest.mark.parametrize("rules", [(), ("delay sleep=0.5",)])
@pytest.mark.parametrize("seed", range(4))
def test_exchanges_are_counted(rules: tuple[str, ...], seed: int) -> None:
    world = World(*rules, protocol=Lines(), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"GET a\nGET b\nERROR\nPUT 3\nabcQUIET z\nAND more\n")
    world.run(lambda: bytes(client.heard).endswith(b"PUT 3\n") and bool(world.backends[0].heard))
    world.run(seconds=2)
    tally = world.proxy.tally
    assert tally.exchanges == {"GET": 2, "ERROR": 1, "PUT": 1, "QUIET": 1}
    assert tally.errors == {"ERROR": 1}
    assert tally.latency.count == 4
    assert sum(tally.latency.buckets) == 4


def test_latency_is_the_backends_alone() -> None:
    world = World("delay sleep=10", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(client.heard))
    assert world.proxy.tally.latency.longest < 1


def test_injected_faults_are_counted_by_name() -> None:
    world = World("error fault=17 times=2", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nGET b\nGET c\n")
    world.run(lambda: bytes(client.heard).count(b"\n") == 3)
    assert bytes(client.heard) == b"BUSY no\nBUSY no\nGET c\n"
    assert world.proxy.tally.injected == {"BUSY": 2}


def test_a_message_that_the_end_of_the_stream_ends_is_answered() -> None:
    world = World("delay before=false sleep=1", protocol=Lines(), on_data=lambda *_: None)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(world.backends and world.backends[0].heard))
    world.backends[0].say(b"BODY 100\nshort", finish=True)
    world.run(lambda: bool(client.ended))
    assert bytes(client.heard) == b"BODY 100\nshort"
    assert world.proxy.tally.latency.count == 1
