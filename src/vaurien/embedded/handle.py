"""What a test holds of a proxy: it changes it, and reads what it has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, TypeVar, cast
from typing import Protocol as Interface

from ..config.entries import plan_of_request
from ..config.presets import Presets
from ..rules.notation import Entry, describe
from .exchanges import Connection, Exchanges, Injected
from .recording import RecordedProxy
from .trace import ProxyTrace, Trace

if TYPE_CHECKING:
    from ..config.state import State
    from ..control.server import Control
    from ..net.address import Address
    from ..net.proxies import Proxies
    from ..net.spec import ProxySpec
    from ..rules.plan import Rule
    from ..verdicts.verdict import Verdict

T = TypeVar("T")
RESET_LIMIT = 10.0
"""Seconds that resetting all connections may take."""


class Owner(Interface):
    """What runs the proxy."""

    control: Control
    proxies: Proxies

    @property
    def now(self) -> float:
        """The time in seconds on the clock of what was seen."""

    def call(self, call: Callable[[], T]) -> T:
        """Call in the reactor's thread, and return what it returns."""


@dataclass(frozen=True)
class AppliedRule:
    """A rule that was put on a proxy."""

    proxy: ProxyHandle
    name: str

    @property
    def fired(self) -> tuple[Injected, ...]:
        """Each time that it has fired."""
        return tuple(each for each in self.proxy.fired if each.rule == self.name)

    def remove(self) -> None:
        """Remove it, and release what it holds."""
        self.proxy.remove_rules([self.name])


class ProxyHandle:
    """A running proxy; what it returns is as it was at the moment of the call."""

    def __init__(self, chaos: Owner, name: str) -> None:
        self._chaos = chaos
        self.name = name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} on {self.address} to {self.backend}>"

    # Where it is.

    @property
    def address(self) -> str:
        """Where it listens: ``HOST:PORT``, or ``unix:/path``."""
        return str(self._address)

    @property
    def host(self) -> str:
        return self._address.host

    @property
    def port(self) -> int:
        return self._address.port

    @property
    def backend(self) -> str:
        """The address that new connections go to."""
        return self._chaos.control.backend(self.name)

    @property
    def _address(self) -> Address:
        return self._chaos.control.address(self.name)

    # Rules.

    @contextmanager
    def rule(self, behavior: str, **entry: object) -> Iterator[AppliedRule]:
        """Apply a rule for a ``with`` block; keys are those of a rule in a configuration.

        Raises:
            DocumentError: something is wrong with it; nothing has changed.
        """
        with self.rules({"behavior": behavior, **entry}) as (applied,):
            yield applied

    @contextmanager
    def rules(self, *entries: Entry) -> Iterator[tuple[AppliedRule, ...]]:
        """Apply several rules for a ``with`` block, behind those that there are.

        Raises:
            DocumentError: something is wrong with one of them; nothing has changed.
        """
        applied = self.add_rules(*entries)
        try:
            yield applied
        finally:
            self.remove_rules(each.name for each in applied)

    def profile(self, name: str) -> AbstractContextManager[tuple[AppliedRule, ...]]:
        """Apply the rules of a network profile for a ``with`` block."""
        return self.rules(*Presets().profile(name))

    def recipe(self, name: str) -> AbstractContextManager[tuple[AppliedRule, ...]]:
        """Start a recipe, for a ``with`` block."""
        return self.rules(*Presets().recipe(name))

    def add_rules(self, *entries: Entry) -> tuple[AppliedRule, ...]:
        """Add rules, behind those that there are; return them.

        Raises:
            DocumentError: something is wrong with one of them; nothing has changed.
        """
        added: list[str] = []

        def change(spec: ProxySpec) -> tuple[Rule, ...]:
            before = spec.plan.rules
            written = [*map(describe, before), *entries]
            protocol, seed = spec.matching, spec.plan.seed
            made = plan_of_request(written, self._chaos.control.find_behavior, protocol, seed)
            added[:] = [rule.name for rule in made.rules[len(before) :]]
            return made.rules

        self._change_rules(change)
        return tuple(AppliedRule(self, name) for name in added)

    def remove_rules(self, names: Iterable[str]) -> None:
        """Remove rules; those that are gone already are ignored."""
        gone = set(names)
        self._change_rules(
            lambda spec: tuple(rule for rule in spec.plan.rules if rule.name not in gone)
        )

    def clear_rules(self) -> None:
        """Remove all rules."""
        self._change_rules(lambda _: ())

    # The proxy and its connections.

    @contextmanager
    def down(self) -> Iterator[None]:
        """Refuse clients, and reset the open connections, for a ``with`` block."""
        self.disable()
        try:
            yield
        finally:
            self.enable()

    def disable(self) -> None:
        """Stop listening, and reset all connections."""
        self._chaos.control.disable(self.name)

    def enable(self) -> None:
        """Listen again."""
        self._chaos.control.enable(self.name)

    def reset_all(self) -> None:
        """Reset all open connections, with a RST, and wait until that is done."""
        done = Event()
        self._chaos.call(lambda: self._proxy.reset_all("the test asked for it", done.set))
        done.wait(RESET_LIMIT)

    # What it has seen.

    @property
    def exchanges(self) -> Exchanges:
        """All exchanges so far, in the order in which their requests began."""
        return self.trace().exchanges

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All connections so far, those that are closed included."""
        return self.trace().connections

    @property
    def fired(self) -> tuple[Injected, ...]:
        """Each time that a rule has fired."""
        return self.trace().fired

    def trace(self) -> ProxyTrace:
        """Return all that it has seen."""
        return self._chaos.call(self._proxy.trace)

    def verdict(self) -> Verdict:
        """Return what the client did wrong when something failed."""
        from ..verdicts.verdict import judge

        return judge(Trace({self.name: self.trace()}, self._chaos.now))

    def assert_resilient(self, *, strict: bool = False) -> None:
        """Fail if the client did something wrong; ``strict``: also if that is a warning only.

        Raises:
            AssertionError: it did; the text is the verdict.
        """
        verdict = self.verdict()
        if verdict.failed or (strict and verdict.findings):
            raise AssertionError(verdict.text)

    def forget(self) -> None:
        """Forget what it has seen so far."""
        self._chaos.call(self._proxy.recording.clear)

    @property
    def _proxy(self) -> RecordedProxy:
        return cast(RecordedProxy, self._chaos.proxies.get(self.name))

    def _change_rules(self, change: Callable[[ProxySpec], tuple[Rule, ...]]) -> None:
        def changed(state: State) -> State:
            spec = state.get(self.name)
            assert spec is not None
            return state.with_proxy(spec.with_rules(change(spec)))

        self._chaos.control.change(changed)
