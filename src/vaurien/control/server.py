"""What may be asked of the proxies that run, and how they are changed.

Law: nothing here touches the data plane but through the one ``Writer``.  What is asked
for is checked before anything changes, so a refused change leaves everything as it was.
Asking waits for nobody.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..config.formatting import format_value, why_unusable
from ..config.state import State, talks_to_itself
from ..errors import OptionError, UnknownNameError, VaurienError
from ..net.address import Address
from ..net.proxies import ClosePolicy, ProxySpec
from ..registry import behaviors as registry
from ..rules.notation import (
    MIX,
    Entry,
    FindBehavior,
    check_plugin,
    describe,
    fitted,
    make_rules,
    parse_mix,
)
from ..rules.plan import Rule
from ..values.options import Value
from .writer import AT_ONCE, Writer

if TYPE_CHECKING:
    from ..net.proxies import Proxies
    from ..net.reactor import Reactor
    from .store import Store

Rules = tuple[Rule, ...]
Options = Mapping[str, object]

LOOKS_LIKE_A_MIX = re.compile(r"\s*[0-9.]+\s*:")
LOG = logging.getLogger("vaurien")


class UnnamedError(VaurienError):
    """No proxy was named, and there is not exactly one."""


class Control:
    """What may be asked of proxies that run; safe to call from any thread but the reactor's.

    ``proxy`` is the name of one; it may be left out where there is no other.  An unknown
    one is an ``UnknownNameError``, and one that is missing an ``UnnamedError``.

    Whatever changes something raises ``StalledError`` if it did not get its turn, or the
    data plane did not begin with it, in ``PATIENCE`` seconds each; ``ListenError`` if an
    address cannot be listened on; ``StoreError`` if it cannot be saved.  Then nothing has
    changed.  What the data plane has begun with is waited for to its end.
    """

    def __init__(
        self,
        reactor: Reactor,
        proxies: Proxies,
        state: State,
        *,
        find_behavior: FindBehavior,
        store: Store | None = None,
        config_digest: str = "",
    ) -> None:
        """``state`` is what ``proxies`` do already.

        ``find_behavior`` gives a registered behavior by its name, its options' defaults as
        configured, or raises ``UnknownNameError``.  ``store``: where changes are saved.
        ``config_digest``: of the configuration that the state began with; it is saved too.
        """
        self._proxies = proxies
        self._find_behavior = find_behavior
        self._writer = Writer(reactor, proxies, state, store, config_digest)

    # Asking.

    @property
    def state(self) -> State:
        """What is in force; rules whose time to live has passed are gone."""
        return self._writer.state

    @property
    def config_digest(self) -> str:
        """That of the configuration which the state began with."""
        return self._writer.config_digest

    def address(self, proxy: str = "") -> Address:
        """Where a proxy listens, with the real port; or would listen, if it is disabled."""
        spec = _find(self._writer.applied, proxy)
        return self._proxies.address_of(spec.name) or spec.listen

    def behaviors(self) -> list[str]:
        """The names of all behaviors, sorted."""
        return registry.names()

    def behavior(self, proxy: str = "") -> str:
        """The name of the behavior that has the whole mix, or else the mix as a text."""
        return _behavior(self._declared(proxy))

    def backend(self, proxy: str = "") -> str:
        """The address that new connections go to."""
        return str(self._declared(proxy).backend)

    def plan(self, proxy: str = "") -> list[dict[str, Value]]:
        """The entries that make the current rules; ``set_plan`` takes them back."""
        return [describe(rule) for rule in self._declared(proxy).plan.rules]

    # Changing one proxy.

    def set_behavior(self, name: str, options: Options | None = None, proxy: str = "") -> None:
        """Give one behavior, or a mix such as ``5:error,10:delay``, all the traffic.

        Options that are not given have their configured default, whatever earlier
        calls gave.  Independent rules stay.

        Raises:
            UnknownNameError: there is no such behavior.
            OptionError: an option it does not have, or a value that is not allowed.
        """

        def change(spec: ProxySpec) -> ProxySpec:
            mix = self._mix(name, options or {}, spec)
            return _with_rules(spec, _with_mix(mix, spec.plan.rules))

        spec = self._change_one(proxy, change)
        LOG.info('Behavior%s changed to "%s"', _of(proxy), _behavior(spec))

    def set_backend(self, text: str, proxy: str = "", *, moved: bool = False) -> None:
        """Send new connections to another address; ``moved``: and close the open ones.

        Raises:
            AddressError: the text is not an address one can connect to.
            OptionError: it is where the proxy itself listens.
        """
        address = Address.parse_backend(text)
        _check_savable("backend", text)

        def change(spec: ProxySpec) -> ProxySpec:
            moving = replace(spec, backend=address)
            if talks_to_itself(moving):
                raise OptionError(f"backend={text!r} is where the proxy itself listens")
            return moving

        self._change_one(proxy, change, ClosePolicy(reset_moved=moved))
        LOG.info("Backend%s changed to %s", _of(proxy), address)

    def set_plan(self, entries: Sequence[Entry], proxy: str = "") -> None:
        """Replace all rules, or none if one of them is wrong.

        Raises:
            UnknownNameError, OptionError: an entry says something impossible.
        """

        def change(spec: ProxySpec) -> ProxySpec:
            rules = make_rules(entries, self._find_behavior, type(spec.protocol))
            return _with_rules(spec, rules)

        self._change_one(proxy, change)
        LOG.info("Plan%s replaced; rules: %d", _of(proxy), len(entries))

    def enable(self, proxy: str = "") -> None:
        """Listen again."""
        spec = self._change_one(proxy, partial(replace, enabled=True))
        LOG.info("Proxy %s enabled", spec.name)

    def disable(self, proxy: str = "", *, drain: float = 0.0) -> None:
        """Listen no more; connections get ``drain`` seconds to finish."""
        spec = self._change_one(proxy, partial(replace, enabled=False), ClosePolicy(drain=drain))
        LOG.info("Proxy %s disabled", spec.name)

    # Changing which there are.

    def add(self, spec: ProxySpec) -> None:
        """Have one more proxy.

        Raises:
            OptionError: there is one of this name.
        """

        def change(state: State) -> State:
            if state.get(spec.name) is not None:
                raise OptionError(f"name={spec.name!r}: there is a proxy of this name already")
            return state.with_proxy(spec)

        self._writer.change(change)
        LOG.info("Proxy %s added", spec.name)

    def remove(self, proxy: str, *, drain: float = 0.0) -> None:
        """Have one proxy less; its connections get ``drain`` seconds to finish."""
        self._writer.change(lambda state: state.without_proxy(proxy), ClosePolicy(drain=drain))
        LOG.info("Proxy %s removed", proxy)

    def replace(
        self,
        state: State,
        *,
        close_policy: ClosePolicy = AT_ONCE,
        config_digest: str | None = None,
        find_behavior: FindBehavior | None = None,
    ) -> None:
        """Have these proxies and no others; those that stay as they are notice nothing.

        Rules that stay as they are keep what they have counted.  Generations are counted
        on from those in force.  What came of another configuration brings its digest, and
        its own ``find_behavior``.
        """
        self._writer.change(lambda _: state, close_policy, config_digest)
        if find_behavior is not None:
            self._find_behavior = find_behavior
        count = len(state.proxies)
        LOG.info("State replaced: %d %s", count, "proxy" if count == 1 else "proxies")

    # Inside.

    def _declared(self, proxy: str) -> ProxySpec:
        return _find(self.state, proxy)

    def _mix(self, name: str, options: Options, spec: ProxySpec) -> Rules:
        protocol = type(spec.protocol)
        if LOOKS_LIKE_A_MIX.match(name):
            if options:
                raise OptionError(
                    f"{name!r} is a mix, which takes no options: {', '.join(options)}"
                )
            return make_rules(parse_mix(name), self._find_behavior, protocol)
        behavior = self._find_behavior(name)
        check_plugin(behavior)
        made = behavior.configured(options)
        match = fitted(made, protocol)
        return (Rule(behavior=made, name=made.name, mix=MIX, scope=made.scopes[0], match=match),)

    def _change_one(
        self,
        proxy: str,
        change: Callable[[ProxySpec], ProxySpec],
        close_policy: ClosePolicy = AT_ONCE,
    ) -> ProxySpec:
        after = self._writer.change(
            lambda state: state.with_proxy(change(_find(state, proxy))), close_policy
        )
        return _find(after, proxy)


def _find(state: State, proxy: str) -> ProxySpec:
    """The proxy of this name; the only one, if it is empty."""
    if not proxy and len(state.proxies) == 1:
        return state.proxies[0]
    names = [spec.name for spec in state.proxies]
    if not proxy:
        raise UnnamedError(
            f"there are {len(names)} proxies: name one of {', '.join(names)}"
            if names
            else "there is no proxy"
        )
    spec = state.get(proxy)
    if spec is None:
        raise UnknownNameError("proxy", proxy, names)
    return spec


def _behavior(spec: ProxySpec) -> str:
    mix = [rule for rule in spec.plan.rules if rule.mix == MIX]
    if not mix:
        return "dummy"
    if len(mix) == 1 and mix[0].percent >= 100:
        return mix[0].behavior.name
    return ",".join(f"{rule.percent:.10g}:{rule.behavior.name}" for rule in mix)


def _of(proxy: str) -> str:
    """What a line of the log adds about the proxy it tells of, if that was named."""
    return f" of {proxy}" if proxy else ""


def _check_savable(key: str, value: object) -> None:
    """Refuse what a document cannot say: it would be saved, and not be understood again."""
    if isinstance(value, str | int) and (flaw := why_unusable(value)):
        raise OptionError(f"{key}={format_value(value)} {flaw}")


def _with_rules(spec: ProxySpec, rules: Rules) -> ProxySpec:
    for rule in rules:
        for key, value in describe(rule).items():
            _check_savable(key, value)
    return replace(spec, plan=replace(spec.plan, rules=rules))


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
