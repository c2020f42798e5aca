"""Proxies: what requests ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...config.formatting import Path
from ...config.settings import TLS
from ...config.state import State
from ...config.tls import TLS_OPTIONS
from ...rules.notation import MIX
from .bodies import PATCH_TYPES, Content, amended
from .presets import profile_rules, rules_of_recipes
from .problems import Refusal, Wrong
from .resources import (
    answer_with_proxy,
    check_name,
    find_proxy,
    proxy_resource,
    read_proxy,
    rule_resource,
    writable,
)
from .routes import CLOSING, DRAIN, Answer, Call, Change, Route, ref
from .schemas import PROXY_TABLE
from .status import Status

if TYPE_CHECKING:
    from ...net.spec import ProxySpec


def whole(proxy: str) -> Path:
    """The place of a proxy in a body that is its resource."""
    del proxy
    return ()


def get_all(call: Call) -> Answer:
    state = call.control.state
    status = Status(call.control, state.proxies)
    found = [proxy_resource(spec, state.seed, status) for spec in state.proxies]
    return Answer({"proxies": found}, generation=state.generation)


def get(call: Call) -> Answer:
    return answer_with_proxy(call.control, call.control.state, call.arguments["proxy"])


def create(call: Call) -> Change:
    content = call.content
    name = content.get("name")

    def apply(state: State) -> State:
        before = state.get(str(name))
        call.check(None if before is None else before.generation)
        if before is not None:
            raise Refusal(409, errors=[Wrong(f"there is a proxy {name!r} already", ("name",))])
        return state.with_proxy(read_proxy(call.control, name, content, state))

    def answer(state: State) -> Answer:
        return answer_with_proxy(call.control, state, str(name), is_new=True)

    return Change(apply, answer, whole)


def put(call: Call) -> Change:
    content, name = call.content, call.arguments["proxy"]
    check_name(content, name)
    is_new = False

    def apply(state: State) -> State:
        nonlocal is_new
        before = state.get(name)
        is_new = before is None
        call.check(None if before is None else before.generation)
        return state.with_proxy(read_proxy(call.control, name, content, state))

    def answer(state: State) -> Answer:
        return answer_with_proxy(call.control, state, name, is_new=is_new)

    return Change(apply, answer, whole, call.close_policy)


def patch(call: Call) -> Change:
    content, name = call.content, call.arguments["proxy"]
    check_name(content, name)

    def apply(state: State) -> State:
        before = find_proxy(state, name)
        call.check(before.generation)
        wanted = patched(before, state.seed, writable(content))
        return state.with_proxy(read_proxy(call.control, name, wanted, state))

    return Change(
        apply,
        lambda state: answer_with_proxy(call.control, state, name),
        whole,
        call.close_policy,
    )


def patched(spec: ProxySpec, seed: int, patch: Content) -> Content:
    """Return what a proxy should be after a merge patch.

    A mix or a profile takes the place of the one before; null removes it, or all recipes.
    """
    now = proxy_resource(spec, seed)
    if patch.get("protocol", spec.protocol.name) != spec.protocol.name:
        now["options"] = {}
    rules = spec.plan.rules
    if "behavior" in patch:
        rules = tuple(rule for rule in rules if rule.mix != MIX)
    if "profile" in patch:
        rules = tuple(rule for rule in rules if rule.name not in profile_rules())
    if patch.get("recipe", "") is None:
        rules = tuple(rule for rule in rules if rule.name not in rules_of_recipes())
    now["rules"] = [rule_resource(spec, rule) for rule in rules]
    wanted = amended(now, patch, PROXY_TABLE)
    if isinstance(tls := patch.get(TLS), Mapping):
        wanted[TLS] = amended(now.get(TLS), tls, TLS_OPTIONS)
    return wanted


def delete(call: Call) -> Change:
    name = call.arguments["proxy"]

    def apply(state: State) -> State:
        call.check(find_proxy(state, name).generation)
        return state.without_proxy(name)

    return Change(apply, lambda _: Answer(status=204), close_policy=call.close_policy)


ALL, ONE = "/v1/proxies", "/v1/proxies/{proxy}"
PROXY, WANTED = ref("Proxy"), ref("ProxyTable")
ROUTES = [
    Route("GET", ALL, get_all, "List all proxies.", answers={200: ref("Proxies")}),
    Route(
        "POST",
        ALL,
        create,
        "Create a proxy, with its rules.",
        body=ref("NewProxy"),
        answers={201: PROXY},
        statuses=[409, 412],
        is_change=True,
    ),
    Route("GET", ONE, get, "Return a proxy.", answers={200: PROXY}),
    Route(
        "PUT",
        ONE,
        put,
        "Create a proxy, or replace it.",
        query=CLOSING,
        body=WANTED,
        answers={200: PROXY, 201: PROXY},
        statuses=[409, 412],
        is_change=True,
    ),
    Route(
        "PATCH",
        ONE,
        patch,
        "Change some keys of a proxy; null gives them their default.",
        query=CLOSING,
        body=ref("ProxyPatch"),
        types=PATCH_TYPES,
        answers={200: PROXY},
        statuses=[409, 412],
        is_change=True,
    ),
    Route(
        "DELETE",
        ONE,
        delete,
        "Remove a proxy.",
        query=[DRAIN],
        answers={204: None},
        statuses=[412],
        is_change=True,
    ),
]
