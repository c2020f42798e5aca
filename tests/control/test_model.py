"""Control, compared with a plain dictionary under random changes and failures.

After each step the reported state, the running proxies and the saved file agree with the
dictionary: a failed change leaves no trace in any of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.plane import HOST, SEED, Plane, spec
from vaurien.config.state import State
from vaurien.control.server import UnnamedError
from vaurien.control.store import StoreError
from vaurien.errors import ListenError, OptionError, UnknownNameError
from vaurien.net.address import Address
from vaurien.net.connection import Connection
from vaurien.net.spec import Limits, ProxySpec
from vaurien.rules.notation import Entry, describe

NAMES = st.sampled_from(["a", "b", "c", "d"])
PORTS = st.sampled_from([1, 2, 3, 4, 5])
BACKENDS = st.sampled_from(["there:80", "elsewhere:80"])
BEHAVIORS = st.sampled_from(["dummy", "hang", "abort"])
PLANS = st.lists(st.sampled_from(["hang", "abort", "blackout"]), max_size=3, unique=True)
FAULTS = st.sampled_from(["", "", "", "prepare", "commit"])
LIMITS = st.sampled_from([0.0, 60.0])


@dataclass
class Wanted:
    """The model of a proxy."""

    port: int
    backend: str = "there:80"
    enabled: bool = True
    timeout: float = 0.0
    mix: str = "dummy"
    rules: list[str] = field(default_factory=list)
    """The behaviors of the rules outside the mix."""

    @property
    def entries(self) -> list[Entry]:
        mix = {"behavior": self.mix, "name": self.mix, "mix": "behavior"}
        others = [{"behavior": name, "name": f"my-{name}"} for name in self.rules]
        return [*([mix] if self.mix != "dummy" else []), *others]

    def spec(self, name: str) -> ProxySpec:
        return spec(
            name,
            self.port,
            *self.entries,
            backend=Address.parse(self.backend),
            enabled=self.enabled,
            limits=Limits(timeout=self.timeout),
        )


WANTED = st.builds(
    Wanted,
    port=PORTS,
    backend=BACKENDS,
    enabled=st.booleans(),
    timeout=LIMITS,
    mix=BEHAVIORS,
    rules=PLANS,
)
Model = dict[str, Wanted]


class ControlMachine(RuleBasedStateMachine):
    """Makes random changes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.quick = mock.patch("os.fsync")  # the disk is not on trial
        self.quick.start()
        self.plane = Plane(Path(self.folder.name))
        self.control = self.plane.control
        self.model: Model = {}
        self.saved: Model = {}
        self.generation = 0

    def teardown(self) -> None:
        self.plane.close()
        self.quick.stop()
        self.folder.cleanup()

    # Changes.

    @rule(name=NAMES, wanted=WANTED, fault=FAULTS)
    def add(self, name: str, wanted: Wanted, fault: str) -> None:
        after = {**self.model, name: wanted}
        refusal = OptionError if name in self.model else None
        self.change(lambda: self.control.add(wanted.spec(name)), after, fault, refusal)

    @rule(name=NAMES, drain=st.sampled_from([0.0, 5.0]), fault=FAULTS)
    def remove(self, name: str, drain: float, fault: str) -> None:
        after = {key: wanted for key, wanted in self.model.items() if key != name}
        refusal = None if name in self.model else UnknownNameError
        self.change(lambda: self.control.remove(name, drain=drain), after, fault, refusal)

    @rule(name=NAMES, enabled=st.booleans(), fault=FAULTS)
    def turn(self, name: str, enabled: bool, fault: str) -> None:
        ask = self.control.enable if enabled else self.control.disable
        self.change_one(name, lambda wanted: setattr(wanted, "enabled", enabled), ask, fault)

    @rule(name=NAMES, backend=BACKENDS, moved=st.booleans(), fault=FAULTS)
    def set_backend(self, name: str, backend: str, moved: bool, fault: str) -> None:
        def ask(proxy: str) -> None:
            self.control.set_backend(backend, proxy, moved=moved)

        self.change_one(
            name, lambda wanted: setattr(wanted, "backend", backend), ask, fault, moved=moved
        )

    @rule(name=NAMES, behavior=BEHAVIORS, fault=FAULTS)
    def set_behavior(self, name: str, behavior: str, fault: str) -> None:
        """A mix of only ``dummy`` counts as none here, so it is set as the plan."""

        def ask(proxy: str) -> None:
            if behavior != "dummy":
                self.control.set_behavior(behavior, proxy=proxy)
            else:
                entries = self.control.plan(proxy)
                self.control.set_plan([each for each in entries if "mix" not in each], proxy)

        self.change_one(name, lambda wanted: setattr(wanted, "mix", behavior), ask, fault)

    @rule(name=NAMES, wanted=WANTED, fault=FAULTS)
    def set_plan(self, name: str, wanted: Wanted, fault: str) -> None:
        def change(known: Wanted) -> None:
            known.mix, known.rules = wanted.mix, wanted.rules

        def ask(proxy: str) -> None:
            self.control.set_plan(wanted.entries, proxy)

        self.change_one(name, change, ask, fault)

    @rule(after=st.dictionaries(NAMES, WANTED), keep=st.sets(NAMES), fault=FAULTS)
    def replace(self, after: Model, keep: set[str], fault: str) -> None:
        kept = {name: wanted for name, wanted in self.model.items() if name in keep}
        self.replace_by({**after, **kept}, fault)

    @rule(ports=st.permutations([1, 2, 3, 4, 5]), fault=FAULTS)
    def exchange_ports(self, ports: Sequence[int], fault: str) -> None:
        after = deepcopy(self.model)
        for wanted in after.values():
            wanted.port = ports[wanted.port - 1]
        self.replace_by(after, fault)

    @precondition(lambda self: len(self.model) > 1)
    @rule()
    def name_none_of_several(self) -> None:
        self.change(lambda: self.control.set_plan([]), self.model, "", UnnamedError)

    # Other events.

    @rule()
    def connect(self) -> None:
        for name, wanted in self.model.items():
            proxy = self.plane.proxies.get(name)
            assert proxy is not None
            before = len(proxy.connections)
            if wanted.enabled:
                self.plane.connect(wanted.port)
            assert len(proxy.connections) == before + wanted.enabled

    @rule(port=PORTS)
    def take_port(self, port: int) -> None:
        if port not in self.plane.system.listening:
            self.plane.system.taken.add(port)

    @rule(port=PORTS)
    def give_port_back(self, port: int) -> None:
        self.plane.system.taken.discard(port)

    @rule(seconds=st.sampled_from([0.1, 7.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self.plane.pass_time(seconds)

    # Checks.

    def replace_by(self, after: Model, fault: str) -> None:
        state = State(tuple(wanted.spec(name) for name, wanted in after.items()), seed=SEED)
        self.change(lambda: self.control.replace(state), after, fault)

    def change_one(
        self,
        name: str,
        change: Callable[[Wanted], None],
        ask: Callable[[str], None],
        fault: str,
        *,
        moved: bool = False,
    ) -> None:
        after = deepcopy(self.model)
        if name in after:
            change(after[name])
        refusal = None if name in after else UnknownNameError
        self.change(lambda: ask(name), after, fault, refusal, moved=moved)

    def change(
        self,
        ask: Callable[[], None],
        after: Model,
        fault: str,
        refusal: type[Exception] | None = None,
        *,
        moved: bool = False,
    ) -> None:
        """Attempt a change, and check that it is refused for the expected reason."""
        unchanged = list(after.items()) == list(self.model.items())
        if refusal is None and not unchanged:
            refusal = self.expected_failure(after, fault)
        listeners = self.listeners()
        connections = self.connections_to_keep(after, moved=moved)
        self.plane.store.fault = fault
        if refusal is not None:
            with pytest.raises(refusal):
                ask()
        else:
            ask()
        if refusal is None and not unchanged:
            self.model = self.saved = after
            self.generation += 1
        if not (refusal is StoreError and fault == "commit"):
            self.check_kept(listeners)
        assert connections <= self.connections()

    def expected_failure(self, after: Model, fault: str) -> type[Exception] | None:
        ports = [wanted.port for wanted in after.values() if wanted.enabled]
        if fault == "prepare":
            return StoreError
        if len(set(ports)) < len(ports) or self.plane.system.taken & set(ports):
            return ListenError
        return StoreError if fault == "commit" else None

    def listeners(self) -> dict[tuple[str, int], object]:
        """The listeners, by the proxy's name and port."""
        return {
            (proxy.name, proxy.listener.address.port): proxy.listener
            for proxy in self.plane.proxies
            if proxy.listener is not None
        }

    def connections(self) -> set[Connection]:
        return {each for proxy in self.plane.proxies for each in proxy.connections}

    def connections_to_keep(self, after: Model, *, moved: bool) -> set[Connection]:
        """The connections of proxies that keep them, if the change succeeds."""
        kept = set()
        for name, old in self.model.items():
            new = after.get(name, Wanted(0, enabled=False))
            same = old.timeout == new.timeout and (old.backend == new.backend or not moved)
            if same and new.enabled and (proxy := self.plane.proxies.get(name)) is not None:
                kept |= set(proxy.connections)
        return kept

    def check_kept(self, before: dict[tuple[str, int], object]) -> None:
        """Listeners whose place stays the same have never been closed."""
        after = self.listeners()
        assert {key: after[key] for key in before.keys() & after.keys()} == {
            key: before[key] for key in before.keys() & after.keys()
        }

    @invariant()
    def it_is_told(self) -> None:
        state = self.control.state
        assert [proxy.name for proxy in state.proxies] == [*self.model]
        assert {proxy.name: _seen(proxy) for proxy in state.proxies} == self.model
        assert state.generation == self.generation

    @invariant()
    def it_is_done(self) -> None:
        running = {proxy.name: proxy for proxy in self.plane.proxies}
        assert {*running} == {*self.model}
        for name, wanted in self.model.items():
            proxy = running[name]
            assert [describe(each) for each in proxy.plan.rules] == [
                describe(each) for each in wanted.spec(name).plan.rules
            ]
            assert str(proxy.backend) == wanted.backend
            assert proxy.limits.timeout == wanted.timeout
            assert (proxy.listener is not None) is wanted.enabled
            assert self.control.address(name) == Address(HOST, wanted.port)
        ports = {wanted.port for wanted in self.model.values() if wanted.enabled}
        assert self.plane.system.listening == ports

    @invariant()
    def it_is_saved(self) -> None:
        saved = self.plane.saved
        assert [*saved] == [*self.saved]
        for name, wanted in self.saved.items():
            document = saved[name]
            assert isinstance(document, dict)
            assert document["listen"] == f"{HOST}:{wanted.port}"
            assert document["backend"] == wanted.backend
            assert document["enabled"] is wanted.enabled
            assert [entry["name"] for entry in document["rules"]] == [
                entry["name"] for entry in wanted.entries
            ]
        assert self.plane.leftovers == set()


def _seen(proxy: ProxySpec) -> Wanted:
    mix = [each.behavior.name for each in proxy.plan.rules if each.mix]
    return Wanted(
        proxy.listen.port,
        str(proxy.backend),
        proxy.enabled,
        proxy.limits.timeout,
        mix[0] if mix else "dummy",
        [each.behavior.name for each in proxy.plan.rules if not each.mix],
    )


TestControl = pytest.mark.timeout(600)(ControlMachine.TestCase)  # to find the shortest example
TestControl.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
