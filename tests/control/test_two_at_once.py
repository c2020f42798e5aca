"""Changes that meet: each wins or is refused, and nothing is lost without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from control.plane import Plane, spec
from vaurien import registry
from vaurien.config.state import State
from vaurien.control import writer
from vaurien.control.server import ChangedError, Control
from vaurien.errors import EndingError
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem

CHANGES: dict[str, Callable[[Control], object]] = {
    "plan": lambda control: control.set_plan([{"behavior": "hang"}], "a"),
    "behavior": lambda control: control.set_behavior("hang", proxy="a"),
    "backend": lambda control: control.set_backend("elsewhere:80", "a", moved=True),
    "disable": lambda control: control.disable("a"),
    "enable": lambda control: control.enable("off"),
    "add": lambda control: control.add(spec("c", 3)),
    "remove": lambda control: control.remove("a"),
}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    with closing(Plane(tmp_path, spec("a", 1), spec("off", 2, enabled=False))) as made:
        yield made


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_amid_the_end_is_refused_and_leaves_nothing(
    plane: Plane, change: Callable[[Control], object]
) -> None:
    plane.control.set_plan([{"behavior": "delay"}], "a")
    before, saved, plans = plane.control.state, plane.saved, plane.plans()
    plane.connect(1)
    plane.proxies.drain(lambda: None, 10)
    with pytest.raises(EndingError, match="the process is ending and takes no more changes"):
        change(plane.control)
    assert (plane.control.state, plane.saved, plane.plans()) == (before, saved, plans)
    assert plane.leftovers == set()


def test_a_state_that_has_changed_is_not_replaced(plane: Plane) -> None:
    seen = plane.control.state
    plane.control.set_plan([{"behavior": "hang"}], "a")
    now = plane.control.state
    with pytest.raises(ChangedError):
        plane.control.replace(seen, instead_of=seen)
    assert plane.control.state is now
    assert plane.plans() == {"a": ["hang"], "off": []}
    plane.control.replace(seen, instead_of=now)
    assert plane.plans() == {"a": [], "off": []}


def test_a_rule_that_expires_is_a_change_of_the_state(plane: Plane) -> None:
    plane.control.set_plan([{"behavior": "hang", "ttl": 5}], "a")
    seen = plane.control.state
    plane.pass_time(6)
    with pytest.raises(ChangedError):
        plane.control.replace(seen, instead_of=seen)
    plane.control.replace(seen, instead_of=plane.control.state)


def test_a_proxy_that_is_enabled_again_amid_its_drain_serves_on(plane: Plane) -> None:
    plane.connect(1)
    proxy = plane.proxies.get("a")
    assert proxy is not None
    plane.control.disable("a", drain=10)
    assert plane.system.listening == set()
    plane.control.enable("a")
    plane.pass_time(20)
    plane.connect(1)
    assert plane.proxies.get("a") is proxy
    assert len(proxy.connections) == 2


@pytest.mark.parametrize("drain", [0.0, 10.0])
def test_a_proxy_that_is_removed_and_added_again_serves_anew(plane: Plane, drain: float) -> None:
    plane.connect(1)
    old = plane.proxies.get("a")
    assert old is not None
    plane.control.remove("a", drain=drain)
    plane.control.add(spec("a", 1))
    plane.connect(1)
    new = plane.proxies.get("a")
    assert new is not None
    assert new is not old
    assert (len(old.connections), len(new.connections)) == (bool(drain), 1)
    plane.pass_time(0.2)
    plane.pass_time(20)
    assert (len(old.connections), len(new.connections)) == (0, 1)
    assert plane.system.listening == {1}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_after_the_end_is_refused_at_once(
    change: Callable[[Control], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 3600.0)
    with closing(Reactor(SimulatedSystem())) as reactor:
        state = State((spec("a", 1), spec("off", 2, enabled=False)))
        proxies = Proxies(reactor, partial(Proxy, reactor))
        proxies.apply(state.proxies)
        control = Control(reactor, proxies, state, find_behavior=registry.behaviors.get)
        reactor.post(reactor.stop)
        reactor.run()
        with pytest.raises(EndingError, match="the process is ending and takes no more changes"):
            change(control)
        assert control.state is state
        proxies.close()
