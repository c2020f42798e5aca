"""The last events, numbered."""

from __future__ import annotations

from scenario import World, echo
from vaurien.net.recent import Numbered, Recent, numbered
from vaurien.values.events import Fired, Trouble


def test_numbers_begin_above_those_of_earlier_processes() -> None:
    before = Recent.of_process()
    assert before.newest == before.first - 1
    assert 1.7e15 < before.first < 2**53  # an integer in JavaScript, too


def test_events_are_numbered_and_the_oldest_are_forgotten() -> None:
    recent = Recent(3, clock=lambda: 12.5)
    assert (recent.newest, recent.after(0)) == (0, [])
    events = [Trouble("proxy", str(number)) for number in range(5)]
    for event in events:
        recent.add(event)
    assert recent.newest == 5
    assert [numbered(each) for each in recent.after(0)] == [
        Numbered(number, 12.5, events[number - 1]) for number in (3, 4, 5)
    ]
    assert [number for number, *_ in recent.after(4)] == [5]
    assert recent.after(5) == recent.after(6) == []


def firings(*rules: str, seed: int = 0) -> tuple[list[Fired], list[Fired]]:
    """The firings of three exchanges, as they were emitted and as they were kept."""
    world = World(*rules, on_data=echo, whole=True, seed=seed)
    world.proxy.recent = Recent(clock=lambda: 0.0)
    client = world.client()
    for _ in range(3):
        client.say(b"hello")
        world.run(seconds=1)
    kept = [numbered(each).event for each in world.proxy.recent.after(0)]
    emitted = [event for event in world.events if isinstance(event, Fired)]
    return emitted, [event for event in kept if isinstance(event, Fired)]


def test_a_firing_is_kept_as_it_is_emitted() -> None:
    for rules in (["delay sleep=0"], ["delay sleep=0 percent=50", "slow-close delay=1"]):
        emitted, kept = firings(*rules, seed=3)
        assert emitted == kept
        assert emitted


def test_it_is_kept_though_nobody_is_told() -> None:
    world = World("delay sleep=0", on_data=echo, whole=True)
    world.proxy.recent = Recent()
    world.proxy.emits_firings = False
    world.client().say(b"hello")
    world.run(seconds=1)
    assert world.events == []
    assert world.proxy.recent.newest == 1


def test_an_event_of_a_firing_is_not_kept_twice() -> None:
    world = World("delay sleep=0", on_data=echo, whole=True)
    recent = world.proxy.recent = Recent()
    world.proxy.emit = recent.add
    world.client().say(b"hello")
    world.run(seconds=1)
    assert recent.newest == 1
