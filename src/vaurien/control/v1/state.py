"""The state as a whole: read and replaced, its seed, what heals it, and the file it came from."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...config.formatting import Path, format_value
from ...config.settings import SEED
from ...config.state import State
from ...errors import BackendError, ListenError
from ...values.options import Option
from .bodies import Content
from .differences import Difference, differences
from .problems import Refusal
from .resources import ResourceReader, find_proxy, proxy_resource
from .routes import CLOSING, Answer, Call, Change, Route, ref
from .status import Status

if TYPE_CHECKING:
    from ...net.spec import ProxySpec
    from ..server import Control

DRY_RUN = Option("dry_run", bool, False, "change nothing, and tell what would change")
PROXY = Option("proxy", str, "", "the name of the only proxy to heal")


def get(call: Call) -> Answer:
    state = call.control.state
    status = Status(call.control, state.proxies)
    proxies = [proxy_resource(spec, state.seed, status) for spec in state.proxies]
    return Answer({"seed": state.seed, "proxies": proxies}, generation=state.generation)


def put(call: Call) -> Answer | Change:
    content = call.content
    found: list[Difference] = []

    def apply(before: State) -> State:
        call.check(before.generation)
        after = read_state(call.control, content, before)
        found[:] = differences(before, after)
        return after

    if call.query.get(DRY_RUN.name):
        before = call.control.state
        apply(before)
        return Answer({"changes": found}, generation=before.generation)
    return Change(
        apply,
        lambda state: Answer({"changes": found}, generation=state.generation),
        lambda proxy: _place(content, proxy),
        call.close_policy,
    )


def read_state(control: Control, content: Content, before: State) -> State:
    """Return the state that a body describes; without a seed, it has that of the one before.

    Raises:
        DocumentError: all that is wrong.
    """
    reader = ResourceReader(control, before, content)
    top = reader.table
    seed = int(top.take(SEED) or 0) if SEED.name in top else before.seed
    top.need("proxies", "a list")
    names: set[str] = set()
    proxies: list[ProxySpec] = []
    for path, each in top.items("proxies"):
        if not isinstance(each, Mapping):
            reader.problems.add(path, format_value(each), allowed="a table")
            continue
        name = each.get("name")
        if isinstance(name, str) and name in names:
            why = "is given to two proxies"
            reader.problems.add((*path, "name"), format_value(name), why)
        names.add(str(name))
        proxies.append(reader.read(name, each, path, seed))
    top.end()
    reader.check()
    return replace(before, proxies=tuple(proxies), seed=seed)


def _place(content: Content, proxy: str) -> Path | None:
    proxies = content["proxies"]
    assert isinstance(proxies, list)
    names = [each["name"] for each in proxies]
    return ("proxies", names.index(proxy)) if proxy in names else None


def reset(call: Call) -> Change:
    """Enable proxies and remove their rules; those that cannot be enabled stay disabled."""
    only = str(call.query.get(PROXY.name, ""))
    before, not_enabled = State(), dict[str, str]()

    def apply(state: State) -> State:
        nonlocal before
        before = state
        call.check(find_proxy(state, only).generation if only else state.generation)
        chosen = {find_proxy(state, only).name} if only else {spec.name for spec in state.proxies}
        proxies = (
            _healed(spec, not_enabled) if spec.name in chosen else spec for spec in state.proxies
        )
        return replace(state, proxies=tuple(proxies))

    def answer(after: State) -> Answer:
        now = {spec.name: spec for spec in after.proxies}
        there = [spec for spec in before.proxies if spec.name in now]
        removed = {
            spec.name: [rule.name for rule in spec.plan.rules]
            for spec in there
            if spec.plan.rules and not now[spec.name].plan.rules
        }
        enabled = [spec.name for spec in there if now[spec.name].enabled and not spec.enabled]
        return Answer({"enabled": enabled, "rules_removed": removed, "not_enabled": not_enabled})

    def forgo(error: ListenError | BackendError) -> bool:
        if not error.proxy or error.proxy in not_enabled:
            return False
        why = error.reason if isinstance(error, ListenError) else str(error)
        not_enabled[error.proxy] = why
        return True

    return Change(apply, answer, forgo=forgo)


def _healed(spec: ProxySpec, not_enabled: Container[str]) -> ProxySpec:
    enabled = spec.enabled or spec.name not in not_enabled
    return replace(spec.with_rules(()), enabled=enabled)


def get_seed(call: Call) -> Answer:
    state = call.control.state
    return Answer({SEED.name: state.seed}, generation=state.generation)


def put_seed(call: Call) -> Change:
    content = call.content

    def apply(state: State) -> State:
        call.check(state.generation)
        reader = ResourceReader(call.control, state, content)
        top = reader.table
        top.need(SEED.name, SEED.allowed)
        seed = int(top.take(SEED) or 0)
        top.end()
        reader.check()
        proxies = (
            replace(spec, plan=replace(spec.plan, seed=seed))
            if spec.plan.seed == state.seed
            else spec
            for spec in state.proxies
        )
        return replace(state, proxies=tuple(proxies), seed=seed)

    return Change(apply, lambda state: Answer({SEED.name: state.seed}, generation=state.generation))


def reload(call: Call) -> Answer:
    again = call.control.reload
    if again is None:
        raise Refusal(409, "there is no configuration file to reload")
    before = call.control.state
    call.check(before.generation)
    again()
    after = call.control.state
    return Answer(
        {"changed": after.generation != before.generation, "changes": differences(before, after)},
        generation=after.generation,
    )


ROUTES = [
    Route("GET", "/v1/state", get, "Return the whole state.", answers={200: ref("State")}),
    Route(
        "PUT",
        "/v1/state",
        put,
        "Replace the whole state: all or nothing.",
        query=[DRY_RUN, *CLOSING],
        body=ref("StateTable"),
        answers={200: ref("Differences")},
        statuses=[409, 412],
    ),
    Route(
        "POST",
        "/v1/reset",
        reset,
        "Heal everything: enable all proxies, and remove all rules.",
        query=[PROXY],
        answers={200: ref("Healed")},
        statuses=[404, 409, 412],
        is_change=True,
    ),
    Route("GET", "/v1/seed", get_seed, "Return the seed.", answers={200: ref("Seed")}),
    Route(
        "PUT",
        "/v1/seed",
        put_seed,
        "Change the seed, also of the proxies that have none of their own.",
        body=ref("Seed"),
        answers={200: ref("Seed")},
        statuses=[412],
        is_change=True,
    ),
    Route(
        "POST",
        "/v1/reload",
        reload,
        "Read the configuration file again, and apply it if it has changed.",
        answers={200: ref("Reloaded")},
        statuses=[409, 412],
    ),
]
