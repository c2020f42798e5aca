"""Control, over a real proxy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from live import LIMIT, Live, echo, live
from vaurien import registry
from vaurien.behavior import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.control import server
from vaurien.errors import AddressError, OptionError, UnknownNameError
from vaurien.net.address import Address
from vaurien.options import option
from vaurien.plan import Plan, Rule

RULE = {"behavior": "delay", "sleep": 3.0, "before": False, "percent": 10.0, "name": "slow"}


@pytest.fixture
def running() -> Iterator[Live]:
    with live() as started:
        yield started


def sleep_of(running: Live) -> object:
    (entry,) = running.control.plan()
    return entry["sleep"]


def test_behaviors_are_sorted(running: Live) -> None:
    names = running.control.behaviors()
    assert names == sorted(names)
    assert {"abort", "blackout", "delay", "dummy", "error", "hang", "transient"} <= {*names}


def test_a_registered_behavior_is_listed_and_can_be_set(
    running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Custom(Behavior):
        name = "custom"

    monkeypatch.setitem(registry.behaviors._plugins, "custom", Custom)
    assert "custom" in running.control.behaviors()
    running.control.set_behavior("custom")
    assert running.control.behavior() == "custom"


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([], "dummy"),
        ([RULE], "dummy"),
        ([{"behavior": "dummy", "mix": "behavior"}], "dummy"),
        ([{"behavior": "hang", "mix": "behavior"}], "hang"),
        ([{"behavior": "hang", "mix": "behavior", "percent": 20}], "20:hang"),
        (
            [
                {"behavior": "error", "mix": "behavior", "percent": 0.1},
                {"behavior": "delay", "mix": "behavior", "percent": 0.2},
            ],
            "0.1:error,0.2:delay",
        ),
    ],
)
def test_behavior_names_what_has_the_mix(entries: list[dict[str, object]], text: str) -> None:
    with live(entries) as running:
        assert running.control.behavior() == text


def test_set_behavior_replaces_the_mix_and_leaves_the_rules() -> None:
    mix = [{"behavior": name, "mix": "behavior", "percent": 5} for name in ("error", "hang")]
    last = {"behavior": "abort", "percent": 1.0, "name": "last"}
    with live([RULE, *mix, last]) as running:
        running.control.set_behavior("blackout")
        first, *middle, third = running.control.plan()
        assert (first, third) == (RULE, last)
        assert middle == [{"behavior": "blackout", "name": "blackout", "mix": "behavior"}]


def test_rules_that_stay_keep_what_they_have_counted() -> None:
    with live([{"behavior": "delay", "sleep": 0}]) as running:
        running.ask()
        before = running.proxy.enactment.rules[0]
        running.control.set_behavior("transient", {"agitate": 0})
        assert before.fired == 1
        assert running.proxy.enactment.rules == (running.proxy.enactment.rules[0], before)


def test_the_generation_grows_by_one_and_the_seed_stays(running: Live) -> None:
    for generation in (1, 2, 3):
        running.control.set_behavior("delay")
        assert running.proxy.plan.generation == generation
        assert running.proxy.plan.seed == 7


def test_options_do_not_leak_into_later_calls(running: Live) -> None:
    running.control.set_behavior("delay", {"sleep": 0.25})
    assert sleep_of(running) == 0.25
    running.control.set_behavior("delay")
    assert sleep_of(running) == 1.0


def test_options_not_given_are_as_configured_at_start() -> None:
    class Configured(Delay):
        sleep: float = option(4.0, "as a flag would have it")

    def find(name: str) -> type[Behavior]:
        return Configured if name == "delay" else registry.behaviors.get(name)

    with live(find_behavior=find) as running:
        running.control.set_behavior("delay", {"sleep": 0.25, "before": False})
        running.control.set_behavior("delay", {"before": False})
        assert sleep_of(running) == 4.0
        running.control.set_behavior("50:delay")
        assert sleep_of(running) == 4.0


@pytest.mark.parametrize(
    ("name", "options", "error", "text"),
    [
        ("nope", {}, UnknownNameError, "'nope' is an unknown behavior"),
        ("", {}, UnknownNameError, "'' is an unknown behavior"),
        ("os.path", {}, UnknownNameError, "'os.path' is an unknown behavior"),
        ("5:nope", {}, UnknownNameError, "'nope' is an unknown behavior"),
        ("60:delay,60:hang", {}, OptionError, "total needs to be 100 or less"),
        ("5:delay,hang", {}, OptionError, "percentage:name"),
        ("5:delay", {"sleep": 1}, OptionError, "takes no options: sleep"),
        ("delay", {"slep": 1}, OptionError, "no option 'slep'; its options: sleep, before"),
        ("delay", {"percent": 50}, OptionError, "no option 'percent'"),
        ("delay", {"sleep": "soon"}, OptionError, "sleep='soon' is not allowed"),
        ("delay", {"sleep": [1]}, OptionError, "is not allowed: it takes a number"),
    ],
)
def test_a_refused_behavior_changes_nothing(
    name: str, options: dict[str, object], error: type[Exception], text: str
) -> None:
    with live([RULE]) as running:
        before = running.proxy.plan
        with pytest.raises(error, match=text):
            running.control.set_behavior(name, options)
        assert running.proxy.plan is before


def test_a_mix_can_be_set_as_it_is_told(running: Live) -> None:
    running.control.set_behavior("5.5:error,10:delay")
    text = running.control.behavior()
    assert text == "5.5:error,10:delay"
    before = running.proxy.plan.rules
    running.control.set_behavior("hang")
    running.control.set_behavior(text)
    assert running.proxy.plan.rules == before


def test_the_mix_gives_way_to_the_names_of_rules() -> None:
    taken: list[dict[str, object]] = [{**RULE, "name": name} for name in ("delay", "delay-2")]
    with live(taken) as running:
        running.control.set_behavior("delay")
        assert [entry["name"] for entry in running.control.plan()] == [
            "delay-3",
            "delay",
            "delay-2",
        ]


def test_a_plan_comes_back_as_it_was() -> None:
    with live([RULE, {"behavior": "hang", "after": 2, "direction": "to_client"}]) as running:
        before, entries = running.proxy.plan, running.control.plan()
        running.control.set_plan([])
        assert running.control.plan() == []
        running.control.set_plan(entries)
        assert running.proxy.plan == Plan(before.rules, before.generation + 2, before.seed)


def test_a_plan_with_one_wrong_rule_changes_nothing() -> None:
    with live([RULE]) as running:
        before = running.proxy.plan
        with pytest.raises(OptionError, match="'slep' is unknown here"):
            running.control.set_plan([{"behavior": "hang"}, {"behavior": "delay", "slep": 1}])
        with pytest.raises(UnknownNameError):
            running.control.set_plan([{"behavior": "hang"}, {"behavior": "nope"}])
        assert running.proxy.plan is before


def test_a_new_behavior_reaches_open_connections(running: Live) -> None:
    with running.connect() as sock:
        running.control.set_behavior("hang")
        sock.sendall(b"held")
        running.control.set_behavior("dummy")
        assert sock.recv(100) == b"held"
        running.control.set_behavior("blackout")
        sock.sendall(b"lost")
        assert sock.recv(100) == b""


def test_set_backend_is_for_new_connections(running: Live) -> None:
    with echo(b"other ") as other, running.connect() as sock:
        sock.sendall(b"1")
        assert sock.recv(100) == b"1"
        running.control.set_backend(str(other))
        assert running.control.backend() == str(other)
        assert running.ask(b"hello") == b"other hello"
        sock.sendall(b"2")
        assert sock.recv(100) == b"2"


@pytest.mark.parametrize("text", ["", "nowhere", "localhost:http", "localhost:0", "::1:80"])
def test_a_bad_backend_changes_nothing(running: Live, text: str) -> None:
    before = running.control.backend()
    with pytest.raises(AddressError, match=repr(text)):
        running.control.set_backend(text)
    assert running.control.backend() == before


def test_a_unix_socket_is_a_backend(running: Live) -> None:
    running.control.set_backend("unix:/run/some.sock")
    assert running.proxy.backend == Address("", 0, "/run/some.sock")


def test_a_change_that_was_overtaken_starts_from_what_is_there(running: Live) -> None:
    """As when a rule's time to live ends while a new plan is made."""
    overtaking = Plan(generation=10, seed=7)
    seen: list[tuple[Rule, ...]] = []

    def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if not seen:
            running.in_reactor(lambda: running.proxy.apply(overtaking))
        seen.append(rules)
        return rules

    running.control._change_rules(change)
    assert len(seen) == 2
    assert running.proxy.plan.generation == 11


def test_writers_take_turns(running: Live) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = ["delay", "hang", "5:error,10:delay", "dummy"] * 25
        assert list(pool.map(running.control.set_behavior, names)) == [None] * 100
    assert running.proxy.plan.generation == 100


def test_a_stalled_proxy_is_not_waited_for(running: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.05)
    go_on, stalled = threading.Event(), threading.Event()

    def stall() -> None:
        stalled.set()
        go_on.wait(LIMIT)

    running.reactor.post(stall)
    try:
        assert stalled.wait(LIMIT)
        with pytest.raises(server.StalledError, match="withdrawn"):
            running.control.set_behavior("hang")
        assert running.control.behavior() == "dummy"
    finally:
        go_on.set()
    running.in_reactor(lambda: None)
    assert running.control.behavior() == "dummy"
    monkeypatch.undo()
    running.control.set_behavior("hang")
    assert running.control.behavior() == "hang"


def test_a_change_does_not_wait_for_ever_for_others(
    running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.05)
    with running.control._writing, pytest.raises(server.StalledError, match="other changes"):
        running.control.set_behavior("hang")


def test_a_fault_that_the_protocol_does_not_have_is_refused(running: Live) -> None:
    with pytest.raises(OptionError, match="the protocol 'tcp' has no faults of its own"):
        running.control.set_behavior("error", {"fault": "READONLY"})
    assert running.control.behavior() == "dummy"
