"""Times to live across restarts: they keep running while the process is down.

A saved document holds, under ``expires``, when its rules expire: in seconds since 1970, by
the proxy's name and the rule's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from ..config.state import State
from ..rules.plan import Rule

EXPIRES = "expires"
"""The key of the saved document."""

ExpiryTimes = Mapping[str, Mapping[str, float]]
"""Seconds since 1970, by the proxy's name and the rule's name."""


def expiry_times(state: State, now: float, before: State, known: ExpiryTimes) -> ExpiryTimes:
    """Return when each rule with a time to live expires.

    ``known`` are the expiry times of the state ``before``; rules whose times have not changed
    since keep theirs.
    """
    earlier = dict(_mortal(before))
    times: dict[str, dict[str, float]] = {}
    for (proxy, name), rule in _mortal(state):
        expires = now + (rule.ttl or 0.0)
        old = earlier.get((proxy, name))
        if old is not None and rule.updates(old) and rule.timing == old.timing:
            expires = known.get(proxy, {}).get(name, expires)
        times.setdefault(proxy, {})[name] = expires
    return times


def adjust_ttls(document: Mapping[str, object], now: float) -> dict[str, object]:
    """Return a saved document without the rules that have expired, and the others' ttl reduced.

    Each rule that has expired adds 1 to the generation, as while the process runs.  A ttl is
    never increased, should the clock have been set back.

    Values of an unexpected type are kept as they are: what parses the document reports them.
    """
    rest = dict(document)
    times, proxies = rest.pop(EXPIRES, None), rest.get("proxies")
    if not isinstance(times, dict) or not isinstance(proxies, dict):
        return rest
    left = {name: _adjusted(table, times.get(name), now) for name, table in proxies.items()}
    generation = rest.get("generation")
    if isinstance(generation, int):
        rest["generation"] = generation + _count_rules(proxies) - _count_rules(left)
    return {**rest, "proxies": left}


def _count_rules(proxies: Mapping[str, object]) -> int:
    tables = (table for table in proxies.values() if isinstance(table, dict))
    return sum(len(rules) for table in tables if isinstance(rules := table.get("rules"), list))


def _adjusted(table: object, times: object, now: float) -> object:
    if not (isinstance(table, dict) and isinstance(times, dict)):
        return table
    rules = table.get("rules")
    if not isinstance(rules, list):
        return table
    kept = []
    for rule in rules:
        name = rule.get("name") if isinstance(rule, dict) else None
        expires = times.get(name) if isinstance(name, str) else None
        if not isinstance(expires, float):
            kept.append(rule)
        elif expires > now:
            ttl = rule.get("ttl")
            kept.append({**rule, "ttl": min(expires - now, ttl)} if is_number(ttl) else rule)
    return {**table, "rules": kept}


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _mortal(state: State) -> Iterator[tuple[tuple[str, str], Rule]]:
    for spec in state.proxies:
        for rule in spec.plan.rules:
            if rule.ttl is not None:
                yield (spec.name, rule.name), rule
