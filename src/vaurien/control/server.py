"""The one writer of a running proxy.

Law: nothing here touches the data plane but through ``reactor.submit``, and no call
waits longer than it says.  What is asked for is checked before anything changes, so
a refused change leaves everything as it was.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..errors import OptionError, VaurienError
from ..net.address import Address
from ..notation import (
    MIX,
    Entry,
    FindBehavior,
    check_plugin,
    describe,
    fitted,
    make_rules,
    parse_mix,
)
from ..options import Value
from ..plan import Plan, Rule
from ..registry import behaviors as registry

if TYPE_CHECKING:
    from ..net.proxy import Proxy
    from ..net.reactor import Reactor

T = TypeVar("T")
Rules = tuple[Rule, ...]
Options = Mapping[str, object]

PATIENCE = 2.0
"""Seconds that a change may wait for the data plane, and for the changes before it."""
LOOKS_LIKE_A_MIX = re.compile(r"\s*[0-9.]+\s*:")
LOG = logging.getLogger("vaurien")


class StalledError(VaurienError):
    """The data plane did not take a change in time."""


class Control:
    """What may be asked of a proxy while it runs; safe to call from any thread but the reactor's.

    ``find_behavior`` gives a registered behavior by its name, its options' defaults as
    configured at start, or raises ``UnknownNameError``.
    """

    def __init__(self, reactor: Reactor, proxy: Proxy, *, find_behavior: FindBehavior) -> None:
        self._reactor = reactor
        self._proxy = proxy
        self._find_behavior = find_behavior
        self._writing = threading.Lock()

    # Asking.

    def behaviors(self) -> list[str]:
        """The names of all behaviors, sorted."""
        return registry.names()

    def behavior(self) -> str:
        """The name of the behavior that has the whole mix, or else the mix as a text."""
        mix = [rule for rule in self._proxy.plan.rules if rule.mix == MIX]
        if not mix:
            return "dummy"
        if len(mix) == 1 and mix[0].percent >= 100:
            return mix[0].behavior.name
        return ",".join(f"{rule.percent:.10g}:{rule.behavior.name}" for rule in mix)

    def backend(self) -> str:
        """The address that new connections go to."""
        return str(self._proxy.backend)

    def plan(self) -> list[dict[str, Value]]:
        """The entries that make the current rules; ``set_plan`` takes them back."""
        return [describe(rule) for rule in self._proxy.plan.rules]

    # Changing.

    def set_behavior(self, name: str, options: Options | None = None) -> None:
        """Give one behavior, or a mix such as ``5:error,10:delay``, all the traffic.

        Options that are not given have their configured default, whatever earlier
        calls gave.  Independent rules stay.

        Raises:
            UnknownNameError: there is no such behavior.
            OptionError: an option it does not have, or a value that is not allowed.
            StalledError: see there.
        """
        self._change_rules(partial(_with_mix, self._mix(name, options or {})))
        LOG.info('Behavior changed to "%s"', self.behavior())

    def set_backend(self, text: str) -> None:
        """Send new connections to another address.

        Raises:
            AddressError: the text is not an address one can connect to.
            StalledError: see there.
        """
        address = Address.parse_backend(text)
        with self._turn():
            self._on_reactor(partial(setattr, self._proxy, "backend", address))
        LOG.info("Backend changed to %s", address)

    def set_plan(self, entries: Sequence[Entry]) -> None:
        """Replace all rules, or none if one of them is wrong.

        Raises:
            UnknownNameError, OptionError: an entry says something impossible.
            StalledError: see there.
        """
        rules = make_rules(entries, self._find_behavior, type(self._proxy.protocol))
        self._change_rules(lambda _: rules)
        LOG.info("Plan replaced: %d rules", len(rules))

    def _mix(self, name: str, options: Options) -> Rules:
        if LOOKS_LIKE_A_MIX.match(name):
            if options:
                raise OptionError(
                    f"{name!r} is a mix, which takes no options: {', '.join(options)}"
                )
            return make_rules(parse_mix(name), self._find_behavior, type(self._proxy.protocol))
        behavior = self._find_behavior(name)
        check_plugin(behavior)
        made = behavior.configured(options)
        match = fitted(made, type(self._proxy.protocol))
        return (Rule(behavior=made, name=behavior.name, mix=MIX, match=match),)

    def _change_rules(self, change: Callable[[Rules], Rules]) -> None:
        """Have the plan replaced by one whose rules this makes from the current ones."""
        with self._turn():
            swapped = False
            while not swapped:  # again only if a rule expired just now
                before = self._proxy.plan
                after = Plan(change(before.rules), before.generation + 1, before.seed)
                swapped = self._on_reactor(partial(self._swap, before, after))

    def _swap(self, before: Plan, after: Plan) -> bool:
        """In the reactor's thread: apply a plan, if it still is what was to be replaced."""
        if self._proxy.plan is not before:
            return False
        self._proxy.apply(after)
        return True

    def _on_reactor(self, call: Callable[[], T]) -> T:
        future = self._reactor.submit(call)
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            fate = "withdrawn" if future.cancel() else "still under way"
            raise StalledError(
                f"the proxy did not take the change within {PATIENCE:g} s; it is {fate}"
            ) from None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One change after the other."""
        if not self._writing.acquire(timeout=PATIENCE):
            raise StalledError(f"other changes did not end within {PATIENCE:g} s; this one is left")
        try:
            yield
        finally:
            self._writing.release()


def _with_mix(mix: Rules, rules: Rules) -> Rules:
    """The rules with another mix, in the place of the old one, under names still free."""
    others = [rule for rule in rules if rule.mix != MIX]
    taken = {rule.name for rule in others}
    fresh = []
    for rule in mix:
        name = rule.name
        number = 2
        while name in taken:
            name, number = f"{rule.name}-{number}", number + 1
        taken.add(name)
        fresh.append(replace(rule, name=name))
    place = next((at for at, rule in enumerate(rules) if rule.mix == MIX), 0)
    return (*others[:place], *fresh, *others[place:])
