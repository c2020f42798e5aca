"""Times to live over a restart: they go on while the process is down.

A saved document says under ``expires`` when rules will be gone, in seconds since 1970, by
the names of their proxy and their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.state import State
from ..rules.plan import Rule

EXPIRES = "expires"
"""The key of the saved document."""

Moments = Mapping[str, Mapping[str, float]]
"""By the name of the proxy and of the rule, in seconds since 1970."""


def expiring(state: State, now: float, before: State = State(), known: Moments = {}) -> Moments:  # noqa: B006, B008 - values
    """When the rules of a state will be gone.

    ``known`` tells it of the rules of the state ``before``; those that are there still go on.
    """
    went_on = dict(_mortal(before))
    moments: dict[str, dict[str, float]] = {}
    for (proxy, name), rule in _mortal(state):
        moment = now + (rule.ttl or 0.0)
        if went_on.get((proxy, name)) == rule:
            moment = known.get(proxy, {}).get(name, moment)
        moments.setdefault(proxy, {})[name] = moment
    return moments


def aged(document: Mapping[str, object], now: float) -> dict[str, object]:
    """A saved document as it is now: rules that are over are gone, others live as long as is left.

    What in it is no such thing is left to whoever understands the rest.
    """
    rest = dict(document)
    moments, proxies = rest.pop(EXPIRES, None), rest.get("proxies")
    if not isinstance(moments, dict) or not isinstance(proxies, dict):
        return rest
    rest["proxies"] = {
        name: _aged(table, moments.get(name), now) for name, table in proxies.items()
    }
    return rest


def _aged(table: object, moments: object, now: float) -> object:
    if not (isinstance(table, dict) and isinstance(moments, dict)):
        return table
    rules = table.get("rules")
    if not isinstance(rules, list):
        return table
    kept = []
    for rule in rules:
        moment = moments.get(rule.get("name")) if isinstance(rule, dict) else None
        if not isinstance(moment, float | int):
            kept.append(rule)
        elif moment > now:
            kept.append({**rule, "ttl": moment - now})
    return {**table, "rules": kept}


def _mortal(state: State) -> Iterator[tuple[tuple[str, str], Rule]]:
    for declared in state.proxies:
        for rule in declared.plan.rules:
            if rule.ttl is not None:
                yield (declared.name, rule.name), rule
