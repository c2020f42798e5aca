"""What requests of Toxiproxy's API do to the state, and how it shows proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...config.go_addresses import GoError, parse_listen, parse_upstream
from ...config.settings import PROTOCOL
from ...config.state import State, talks_to_itself
from ...errors import AddressError, BackendError, ListenError, OptionError
from ...net.address import Address
from ...net.proxies import ClosePolicy
from ...net.spec import ProxySpec
from ...registry import protocols
from ...rules.plan import Plan, Rule
from .answers import BAD_BODY, Refusal, bind_error
from .decoding import DecodeError, Fields, fields_of, items_of
from .toxics import (
    STREAM_ORDER,
    ToxicValue,
    changed_rule,
    changed_toxic,
    check_name,
    rule_of,
    toxic_of,
    wanted_toxic,
)

if TYPE_CHECKING:
    from ..server import Control

PROXY: Fields = {"name": "string", "listen": "string", "upstream": "string", "enabled": "bool"}
POPULATED = 'struct { toxiproxy.Proxy; Enabled *bool "json:\\"enabled\\"" }'
"""Go's name of the type of an item of ``POST /populate``."""
CUTS = ClosePolicy(reset_moved=True, reset_relocated=True)

Described = dict[str, object]


@dataclass(frozen=True)
class Wanted:
    """A proxy that a body asks for."""

    name: str
    listen: str
    upstream: str
    enabled: bool


class ToxiproxyView:
    """The proxies as Toxiproxy's clients see and change them; safe in any thread.

    What ``Control`` raises when it cannot make a change, these methods raise too.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    # Proxies.

    def proxies(self) -> Described:
        found = {spec.name: self._described(spec) for spec in self._control.state.proxies}
        return {name: found[name] for name in sorted(found)}

    def proxy(self, name: str) -> Described:
        return self._described(_find(self._control.state, name))

    def create(self, body: object) -> Described:
        wanted = _wanted(fields_of(body, PROXY, "toxiproxy.Proxy", "Proxy"))
        _check_given(wanted)

        def change(state: State) -> State:
            if state.get(wanted.name) is not None:
                raise Refusal(409, "proxy already exists")
            return state.with_proxy(_made(wanted, state))

        return self._described(self._changed(change, wanted.name))

    def populate(self, body: Callable[[], object]) -> Described:
        """Create and replace proxies, all or none; those that are as wanted stay as they are."""
        try:
            items = items_of(body(), POPULATED)
            wanted = [_wanted(_populated(each)) for each in items]
            for number, each in enumerate(wanted, 1):
                _check_given(each, f" at proxy {number}")
        except (DecodeError, Refusal) as error:
            text = str(error) if isinstance(error, Refusal) else f"{BAD_BODY}: {error}"
            raise Refusal(400, text, listed={"proxies": None}) from None

        def change(state: State) -> State:
            for each in wanted:
                before = state.get(each.name)
                if before is not None:
                    _listen_of(each.listen, "")
                made = _made(each, state)
                if (
                    before is None
                    or before.backend != made.backend
                    or not self._listens(before, each.listen)
                ):
                    state = state.with_proxy(made)
            return state

        if not wanted:
            return {"proxies": None}
        try:
            state = self._change(change)
        except Refusal as error:
            raise Refusal(error.status, str(error), listed={"proxies": []}) from None
        return {"proxies": [self._described(_find(state, each.name)) for each in wanted]}

    def update(self, name: str, body: Callable[[], object]) -> Described:
        _find(self._control.state, name)
        given = fields_of(body(), PROXY, "toxiproxy.Proxy", "Proxy")

        def change(state: State) -> State:
            spec = _find(state, name)
            listen, upstream = given.get("listen"), given.get("upstream")
            if listen is None and not spec.listen.usable:
                listen = spec.listen.host
            if listen is not None and not self._listens(spec, str(listen)):
                spec = replace(spec, listen=_listen_of(str(listen), ""))
            if upstream is not None:
                spec = replace(spec, backend=_upstream_of(str(upstream)))
            return state.with_proxy(
                _checked(replace(spec, enabled=bool(given.get("enabled", spec.enabled))))
            )

        return self._described(self._changed(change, name))

    def delete(self, name: str) -> None:
        def change(state: State) -> State:
            _find(state, name)
            return state.without_proxy(name)

        self._control.change(change)

    def reset(self) -> None:
        """Enable all proxies, and remove all rules."""

        def change(state: State) -> State:
            healed = (
                replace(
                    spec.with_rules(()),
                    listen=spec.listen if spec.listen.usable else _listen_of(spec.listen.host),
                    enabled=True,
                )
                for spec in state.proxies
            )
            return replace(state, proxies=tuple(healed))

        self._change(change)

    # Toxics.

    def toxics(self, proxy: str) -> list[Described]:
        return self._toxics(_find(self._control.state, proxy))

    def toxic(self, proxy: str, name: str) -> Described:
        spec = _find(self._control.state, proxy)
        return self._toxic(spec, _rule(spec, name)).described

    def add_toxic(self, proxy: str, body: Callable[[], object]) -> Described:
        _find(self._control.state, proxy)
        given = body()
        added = ""

        def change(state: State) -> State:
            nonlocal added
            spec = _find(state, proxy)
            toxic = wanted_toxic(given, {rule.name for rule in spec.plan.rules})
            added = toxic.name
            return _with_rules(state, spec, (*spec.plan.rules, self._rule(toxic, spec)))

        spec = self._changed(change, proxy)
        return self._toxic(spec, _rule(spec, added)).described

    def update_toxic(self, proxy: str, name: str, body: Callable[[], object]) -> Described:
        _rule(_find(self._control.state, proxy), name)
        given = body()

        def change(state: State) -> State:
            spec = _find(state, proxy)
            before = _rule(spec, name)
            toxic = self._toxic(spec, before)
            if not toxic.is_toxic:
                raise Refusal(400, BAD_BODY, f"{name!r} is a rule that is no toxic")
            find, protocol = self._control.find_behavior, spec.matching
            after = changed_rule(before, changed_toxic(toxic, given), find, protocol)
            rules = (after if rule is before else rule for rule in spec.plan.rules)
            return _with_rules(state, spec, rules)

        spec = self._changed(change, proxy)
        return self._toxic(spec, _rule(spec, name)).described

    def remove_toxic(self, proxy: str, name: str) -> None:
        def change(state: State) -> State:
            spec = _find(state, proxy)
            removed = _rule(spec, name)
            return _with_rules(
                state, spec, (rule for rule in spec.plan.rules if rule is not removed)
            )

        self._changed(change, proxy)

    # Internals.

    def _changed(self, change: Callable[[State], State], name: str) -> ProxySpec:
        return _find(self._change(change), name)

    def _change(self, change: Callable[[State], State]) -> State:
        try:
            return self._control.change(change, CUTS)
        except ListenError as error:
            raise Refusal(500, bind_error(error)) from None
        except BackendError as error:
            raise Refusal(400, BAD_BODY, f"upstream: {error.why}") from None
        except OptionError as error:
            raise Refusal(400, BAD_BODY, str(error)) from None

    def _rule(self, toxic: ToxicValue, spec: ProxySpec) -> Rule:
        return rule_of(toxic, self._control.find_behavior, spec.matching)

    def _toxic(self, spec: ProxySpec, rule: Rule) -> ToxicValue:
        return toxic_of(rule, self._control.find_behavior, spec.matching)

    def _toxics(self, spec: ProxySpec) -> list[Described]:
        found = [self._toxic(spec, rule) for rule in spec.plan.rules]
        return [each.described for each in sorted(found, key=_stream_order)]

    def _described(self, spec: ProxySpec) -> Described:
        return {
            "name": spec.name,
            "listen": self._listen(spec),
            "upstream": _written(spec.backend),
            "enabled": spec.enabled,
            "Logger": {},
            "toxics": self._toxics(spec),
        }

    def _listen(self, spec: ProxySpec) -> str:
        bound = self._control.bound(spec.name)
        if bound is None or isinstance(bound[1], str):
            return _written(spec.listen)
        return str(Address(bound[1][0], bound[1][1]))

    def _listens(self, spec: ProxySpec, text: str) -> bool:
        """Whether a proxy listens on the address that a text says, and so need not change."""
        if spec.listen.usable and text == self._listen(spec):
            return True
        try:
            address = parse_listen(text)
        except GoError:
            return False
        return address in (spec.listen, self._control.address(spec.name))


def _find(state: State, name: str) -> ProxySpec:
    spec = state.get(name)
    if spec is None:
        raise Refusal(404, "proxy not found")
    return spec


def _rule(spec: ProxySpec, name: str) -> Rule:
    for rule in spec.plan.rules:
        if rule.name == name:
            return rule
    raise Refusal(404, "toxic not found")


def _with_rules(state: State, spec: ProxySpec, rules: Iterable[Rule]) -> State:
    return state.with_proxy(spec.with_rules(rules))


def _stream_order(toxic: ToxicValue) -> int:
    return STREAM_ORDER.index(toxic.stream)


def _wanted(given: Mapping[str, object]) -> Wanted:
    return Wanted(
        str(given.get("name", "")),
        str(given.get("listen", "")),
        str(given.get("upstream", "")),
        given.get("enabled") is not False,
    )


def _populated(item: object) -> dict[str, object]:
    """Return the fields of an item of ``POST /populate``; Go has two structs for it."""
    places = {name: kind for name, kind in PROXY.items() if name != "enabled"}
    enabled = {"enabled": PROXY["enabled"]}
    given = fields_of(item, places, POPULATED, ".Proxy")
    return {**given, **fields_of(item, enabled, POPULATED)}


def _check_given(wanted: Wanted, where: str = "") -> None:
    for key in ("name", "upstream"):
        if not getattr(wanted, key):
            raise Refusal(400, "missing required field", f"{key}{where}")


def _made(wanted: Wanted, state: State) -> ProxySpec:
    """Return a new proxy, without rules.

    Raises:
        Refusal: its name or an address is not allowed.
    """
    check_name(wanted.name)
    try:
        listen = _listen_of(wanted.listen)
    except Refusal:
        if wanted.enabled or not wanted.listen.isprintable():
            raise
        listen = Address.unusable(wanted.listen)
    return _checked(
        ProxySpec(
            name=wanted.name,
            listen=listen,
            backend=_upstream_of(wanted.upstream),
            protocol=protocols.get(str(PROTOCOL.default))(),
            plan=Plan(seed=state.seed),
            enabled=wanted.enabled,
        )
    )


def _listen_of(text: str, operation: str = "listen tcp: ") -> Address:
    try:
        return parse_listen(text)
    except GoError as error:
        raise Refusal(500, f"{operation}{error}") from None


def _upstream_of(text: str) -> Address:
    try:
        return parse_upstream(text)
    except AddressError as error:
        raise Refusal(400, BAD_BODY, f"upstream: {error}") from None


def _written(address: Address) -> str:
    return str(address) if address.usable else address.host


def _checked(spec: ProxySpec) -> ProxySpec:
    if talks_to_itself(spec):
        raise Refusal(400, BAD_BODY, "upstream: is where the proxy itself listens")
    return spec
