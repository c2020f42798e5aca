"""The API of running proxies: query them, and change them.

Law: only the ``Writer`` touches the data plane.  A request is validated before anything
changes, so a refused change leaves everything as it was.  Queries never block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..config.entries import plan_of_request
from ..config.formatting import format_value, why_unusable
from ..config.proxies import FindProtocol
from ..config.state import State, talks_to_itself
from ..errors import OptionError, UnknownNameError, VaurienError
from ..net.address import Address
from ..net.proxies import ClosePolicy
from ..net.recent import Recent
from ..net.spec import ProxySpec
from ..registry import behaviors as registry
from ..registry import protocols
from ..rules.matches import matches_of
from ..rules.notation import (
    MIX,
    Entry,
    FindBehavior,
    check_plugin,
    describe,
    make_rules,
    parse_mix,
    unique_name,
)
from ..rules.plan import Rule
from ..values.options import Configured, Value
from .feed import Feed
from .history import History
from .live import Live
from .logged import log
from .writer import AT_ONCE, Writer

if TYPE_CHECKING:
    from ..net.proxies import Proxies
    from ..net.reactor import Reactor
    from ..net.system import Endpoint
    from .store import Store

T = TypeVar("T")
Rules = tuple[Rule, ...]
Options = Mapping[str, object]

LOOKS_LIKE_A_MIX = re.compile(r"\s*[0-9.]+\s*:")
PROXY_LIMIT = 1000
"""Proxies that changes may add up to; a configuration may declare more."""


class UnnamedError(VaurienError):
    """A request named no proxy, and there is not exactly one."""


class ChangedError(VaurienError):
    """The state is no longer the one that a change was made for."""


class Control:
    """Queries and changes of running proxies; safe to call from any thread but the reactor's.

    ``proxy`` is a proxy's name, optional if there is only one.  An unknown name raises
    ``UnknownNameError``; a missing one, ``UnnamedError``.

    A change raises ``StalledError`` if earlier changes, or the data plane, keep it waiting
    for more than ``PATIENCE`` seconds each, or if saving it and resolving names takes more than
    ``PREPARATION_LIMIT``; ``EndingError`` if the proxies are ending; ``ListenError`` if an
    address cannot be listened on; ``StoreError`` if the change cannot be saved.  In all these
    cases nothing has changed, unless a ``StoreError`` says that the change could not be undone.
    A change that the data plane has started on is always waited for.
    """

    def __init__(
        self,
        reactor: Reactor,
        proxies: Proxies,
        state: State,
        *,
        find_behavior: FindBehavior,
        find_protocol: FindProtocol = lambda name: Configured(protocols.get(name)),
        store: Store | None = None,
        config_digest: str = "",
        recent: Recent | None = None,
    ) -> None:
        """``state`` is the state that ``proxies`` are already in.

        ``find_behavior`` returns the registered behavior of a name, with the configured
        defaults for its options, or raises ``UnknownNameError``; ``find_protocol`` does the same
        for protocols.  ``store`` is where changes are saved, if anywhere, together with
        ``config_digest``, the digest of the configuration that the state started from.
        ``recent`` is where the proxies' events are kept.
        """
        self._proxies = proxies
        self.find_behavior = find_behavior
        self.find_protocol = find_protocol
        self.reload: Callable[[], None] | None = None
        """Read the configuration file again, and wait for the outcome; None without a file."""
        self.toxiproxy_metrics = False
        """Whether metrics include those of Toxiproxy."""
        recent = Recent() if recent is None else recent
        self.feed = Feed(recent)
        self.live = Live(History(reactor, proxies))
        self._writer = Writer(reactor, proxies, state, store, config_digest, recent)

    # Queries.

    @property
    def state(self) -> State:
        """The current state, without rules whose time to live is over."""
        return self._writer.state

    def traffic_seconds(self) -> float:
        """Return the CPU time that traffic has taken."""
        return self._writer.traffic_seconds()

    @property
    def config_digest(self) -> str:
        """The digest of the configuration that the state started from."""
        return self._writer.config_digest

    def address(self, proxy: str = "") -> Address:
        """The address a proxy listens on, with the actual port; if disabled, the configured one."""
        spec = _find(self._writer.applied, proxy)
        return self._proxies.address_of(spec.name) or spec.listen

    def bound(self, proxy: str) -> Endpoint | None:
        """Where a proxy listens, or listened last with this address, as the system reports it."""
        running = self._proxies.get(proxy)
        return None if running is None else running.bound

    def ask(self, call: Callable[[Proxies], T]) -> T:
        """Return what a short call in the reactor's thread returns.

        Raises:
            StalledError, EndingError: it was not called within ``ANSWER_LIMIT`` seconds.
        """
        return self._writer.ask(call)

    def behaviors(self) -> list[str]:
        """The names of all behaviors, sorted."""
        return registry.names()

    def behavior(self, proxy: str = "") -> str:
        """The name of the behavior that takes all traffic, or else the rules as a mix.

        Independent rules may add up to more than 100 percent; ``plan`` tells all about them.
        """
        return _behavior(self._spec(proxy))

    def backend(self, proxy: str = "") -> str:
        """The address that new connections go to."""
        return str(self._spec(proxy).backend)

    def plan(self, proxy: str = "") -> list[dict[str, Value]]:
        """The current rules as entries, which ``set_plan`` accepts."""
        return [describe(rule) for rule in self._spec(proxy).plan.rules]

    # Changes to one proxy.

    def set_behavior(self, name: str, options: Options | None = None, proxy: str = "") -> None:
        """Apply one behavior, or a mix such as ``5:error,10:delay``, to all traffic.

        Options not given take their configured defaults, whatever earlier calls set.
        Independent rules stay.

        Raises:
            UnknownNameError: there is no such behavior.
            OptionError: the behavior has no such option, or the value is not allowed.
        """

        def change(spec: ProxySpec) -> ProxySpec:
            mix = self._mix(name, options or {}, spec)
            return _with_rules(spec, _with_mix(mix, spec.plan.rules))

        spec = self._change_one(proxy, change)
        log('Behavior%s changed to "%s"', _of(proxy), name, proxy=spec.name)

    def set_backend(self, text: str, proxy: str = "", *, moved: bool = False) -> None:
        """Send new connections to another address; ``moved``: reset the open ones.

        Raises:
            AddressError: the text is not an address to connect to.
            OptionError: it is the address that the proxy itself listens on.
        """
        address = Address.parse_backend(text)
        _check_savable("backend", text)

        def change(spec: ProxySpec) -> ProxySpec:
            moving = replace(spec, backend=address)
            if talks_to_itself(moving):
                why = "is where the proxy itself listens"
                raise OptionError(why, key="backend", given=text)
            return moving

        spec = self._change_one(proxy, change, ClosePolicy(reset_moved=moved))
        log("Backend%s changed to %s", _of(proxy), address, proxy=spec.name)

    def set_plan(self, entries: Sequence[Entry], proxy: str = "") -> None:
        """Replace all rules; if any entry is invalid, change nothing.

        Raises:
            DocumentError: entries are invalid; it has all their problems.
        """

        def change(spec: ProxySpec) -> ProxySpec:
            protocol, seed = spec.matching, spec.plan.seed
            plan = plan_of_request(entries, self.find_behavior, protocol, seed)
            return _with_rules(spec, plan.rules)

        spec = self._change_one(proxy, change)
        log("Plan%s replaced; rules: %d", _of(proxy), len(entries), proxy=spec.name)

    def enable(self, proxy: str = "") -> None:
        """Listen again."""
        spec = self._change_one(proxy, partial(replace, enabled=True))
        log("Proxy %s enabled", spec.name, proxy=spec.name)

    def disable(self, proxy: str = "", *, drain: float = 0.0) -> None:
        """Stop listening; open connections get ``drain`` seconds to finish."""
        spec = self._change_one(proxy, partial(replace, enabled=False), ClosePolicy(drain=drain))
        log("Proxy %s disabled", spec.name, proxy=spec.name)

    # Changes to the set of proxies.

    def add(self, spec: ProxySpec) -> None:
        """Add a proxy.

        Raises:
            OptionError: the name is taken.
        """

        def change(state: State) -> State:
            if state.get(spec.name) is not None:
                raise OptionError("is taken by another proxy", key="name", given=spec.name)
            return state.with_proxy(spec)

        self.change(change)
        log("Proxy %s added", spec.name, proxy=spec.name)

    def remove(self, proxy: str, *, drain: float = 0.0) -> None:
        """Remove a proxy; its connections get ``drain`` seconds to finish."""
        self._writer.change(lambda state: state.without_proxy(proxy), ClosePolicy(drain=drain))
        log("Proxy %s removed", proxy, proxy=proxy)

    def change(
        self, change: Callable[[State], State], close_policy: ClosePolicy = AT_ONCE
    ) -> State:
        """Replace the state by what ``change`` returns for the current one; return the new one.

        Raises:
            OptionError: that has too many proxies.
            Exception: whatever ``change`` raises; nothing has changed.
        """
        return self._writer.change(lambda state: _limited(state, change(state)), close_policy)

    def replace(
        self,
        state: State,
        *,
        close_policy: ClosePolicy = AT_ONCE,
        config_digest: str | None = None,
        find_behavior: FindBehavior | None = None,
        find_protocol: FindProtocol | None = None,
        instead_of: State | None = None,
    ) -> None:
        """Replace all proxies; those that do not change are not disturbed.

        Unchanged rules keep their counts, and generations continue from the current ones.
        A state made from another configuration comes with that one's digest,
        ``find_behavior`` and ``find_protocol``.

        Raises:
            ChangedError: there was a change since ``instead_of``; nothing is replaced.
        """

        def change(current: State) -> State:
            if instead_of is not None and current.generation != instead_of.generation:
                raise ChangedError
            return state

        self._writer.change(change, close_policy, config_digest)
        if find_behavior is not None:
            self.find_behavior = find_behavior
        if find_protocol is not None:
            self.find_protocol = find_protocol
        count = len(state.proxies)
        log("State replaced: %d %s", count, "proxy" if count == 1 else "proxies")

    # Internals.

    def _spec(self, proxy: str) -> ProxySpec:
        return _find(self.state, proxy)

    def _mix(self, name: str, options: Options, spec: ProxySpec) -> Rules:
        protocol = spec.matching
        if LOOKS_LIKE_A_MIX.match(name):
            if options:
                why = f"is a mix, which takes no options: {', '.join(options)}"
                raise OptionError(why, given=name)
            return make_rules(parse_mix(name), self.find_behavior, protocol)
        behavior = Configured.of(self.find_behavior(name))
        check_plugin(behavior.plugin)
        made = behavior.make(options).fit(protocol)
        match = matches_of(made, protocol)
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
    """Find a proxy by name; an empty name means the only one."""
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


def _limited(before: State, after: State) -> State:
    """Return the state after a change, unless that adds too many proxies."""
    count = len(after.proxies)
    if count > max(PROXY_LIMIT, len(before.proxies)):
        raise OptionError(f"{count} proxies are too many: there may be {PROXY_LIMIT}")
    return after


def _behavior(spec: ProxySpec) -> str:
    mix = [rule for rule in spec.plan.rules if rule.mix == MIX]
    independent = [rule for rule in spec.plan.rules if rule.mix != MIX]
    # The form knows no independent rules: they are told where the mix does nothing.
    acts = any(not rule.behavior.inert for rule in mix)
    rules = mix if acts or not independent else independent
    if not rules:
        return "dummy"
    if len(rules) == 1 and rules[0].percent >= 100:
        return rules[0].behavior.name
    return ",".join(f"{rule.percent:.10g}:{rule.behavior.name}" for rule in rules)


def _of(proxy: str) -> str:
    """The proxy's name for a log line, if the request named one."""
    return f" of {proxy}" if proxy else ""


def _check_savable(key: str, value: object) -> None:
    """Refuse a value that a document cannot represent: it could be saved, but not loaded."""
    if flaw := why_unusable(value):
        raise OptionError(f"{flaw}: {format_value(value)}", key=key)


def _with_rules(spec: ProxySpec, rules: Rules) -> ProxySpec:
    for rule in rules:
        for key, value in describe(rule).items():
            if isinstance(value, str | int):
                _check_savable(key, value)
    return spec.with_rules(rules)


def _with_mix(mix: Rules, rules: Rules) -> Rules:
    """Put another mix where the old one was, renaming its rules where a name is taken."""
    others = [rule for rule in rules if rule.mix != MIX]
    taken = {rule.name: 2 for rule in others}
    fresh = [replace(rule, name=unique_name(rule.name, taken)) for rule in mix]
    place = next((at for at, rule in enumerate(rules) if rule.mix == MIX), 0)
    return (*others[:place], *fresh, *others[place:])
