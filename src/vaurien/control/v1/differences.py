"""What differs between two states, as a list for people and programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .bodies import Content
from .resources import proxy_resource

if TYPE_CHECKING:
    from ...config.state import State

Difference = dict[str, object]


def differences(before: State, after: State) -> list[Difference]:
    """Return what was added, changed and removed.

    A path is one within the resource of its proxy: ``/backend``, or of a rule, which is called by
    its name, ``/rules/slow/sleep``; ``""`` is the whole proxy.
    """
    found: list[Difference] = []
    if before.seed != after.seed:
        found.append(_changed(None, "/seed", before.seed, after.seed))
    old_ones, new_ones = ({spec.name: spec for spec in each.proxies} for each in (before, after))
    found += [
        _removed(name, "", proxy_resource(spec, before.seed))
        for name, spec in old_ones.items()
        if name not in new_ones
    ]
    for spec in after.proxies:
        old = old_ones.get(spec.name)
        now = proxy_resource(spec, after.seed)
        if old is None:
            found.append(_added(spec.name, "", now))
        elif old != spec:
            found += _of_proxy(spec.name, proxy_resource(old, before.seed), now)
    return found


def _of_proxy(proxy: str, before: Content, after: Content) -> Iterator[Difference]:
    yield from _of_keys(proxy, "", _without_rules(before), _without_rules(after))
    old, new = _rules(before), _rules(after)
    for name in old:
        if name not in new:
            yield _removed(proxy, _path("rules", name), old[name])
    for name in new:
        if name not in old:
            yield _added(proxy, _path("rules", name), new[name])
        else:
            yield from _of_keys(proxy, _path("rules", name), old[name], new[name])
    stayed = [name for name in old if name in new]
    if stayed != [name for name in new if name in old]:
        yield _changed(proxy, "/rules", list(old), list(new))


def _of_keys(proxy: str, path: str, before: Content, after: Content) -> Iterator[Difference]:
    for key in dict.fromkeys([*before, *after]):
        where = f"{path}{_path(key)}"
        if key not in after:
            yield _removed(proxy, where, before[key])
        elif key not in before:
            yield _added(proxy, where, after[key])
        elif before[key] != after[key]:
            yield _changed(proxy, where, before[key], after[key])


def _rules(resource: Content) -> dict[str, Content]:
    rules = resource["rules"]
    assert isinstance(rules, list)
    return {rule["name"]: rule for rule in rules}


def _without_rules(resource: Content) -> Content:
    return {key: value for key, value in resource.items() if key != "rules"}


def _path(*steps: str) -> str:
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


def _added(proxy: str, path: str, after: object) -> Difference:
    return {"op": "add", "proxy": proxy, "path": path, "after": after}


def _changed(proxy: str | None, path: str, before: object, after: object) -> Difference:
    return {"op": "change", "proxy": proxy, "path": path, "before": before, "after": after}


def _removed(proxy: str, path: str, before: object) -> Difference:
    return {"op": "remove", "proxy": proxy, "path": path, "before": before}
