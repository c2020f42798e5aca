"""The rules of a proxy: what requests ask for.

A change of one rule leaves the others as they are, in their order, with what they have counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...config.entries import LocatedEntry, entries_in
from ...config.state import State
from ...errors import OptionError
from ...rules.notation import RULE_KEYS, describe, unique_name, with_bands
from ...rules.plan import Rule
from ...values.options import Option, options_of
from .bodies import PATCH_TYPES, Content, merged
from .problems import Refusal, Wrong, invalid
from .resources import (
    READ_ONLY,
    body_table,
    check_name,
    find_proxy,
    find_rule,
    read_rules,
    rule_path,
    rule_resource,
    with_rules,
    without_status,
)
from .routes import Answer, Call, Change, Route, ref
from .status import Status

if TYPE_CHECKING:
    from ...net.spec import ProxySpec

BEFORE = Option("before", str, "", "the rule to put it before; without it, it is the last")
PAUSED = "paused"
Rules = tuple[Rule, ...]


def get_all(call: Call) -> Answer:
    return _answer_with_all(call, call.control.state)


def get(call: Call) -> Answer:
    return _answer_with(call, call.control.state, call.arguments["rule"])


def create(call: Call) -> Change:
    content, before = call.content, str(call.query.get(BEFORE.name, ""))
    name = content.get("name", "")
    made = ""

    def apply(spec: ProxySpec) -> Rules:
        nonlocal made
        rules = spec.plan.rules
        taken = {rule.name: 2 for rule in rules}
        if isinstance(name, str) and name in taken:
            raise Refusal(409, errors=[Wrong(f"there is a rule {name!r} already", ("name",))])
        place = len(rules)
        if before:
            if before not in taken:
                wrong = Wrong(f"there is no rule {before!r}", parameter=BEFORE.name)
                raise Refusal(422, errors=[wrong])
            place = list(taken).index(before)
        rule = _read(call, spec, content)
        if not name:
            rule = replace(rule, name=unique_name(rule.name, taken))
        made = rule.name
        return (*rules[:place], rule, *rules[place:])

    return _change(call, apply, lambda state: _answer_with(call, state, made, is_new=True))


def replace_all(call: Call) -> Change:
    content = call.content

    def apply(spec: ProxySpec) -> Rules:
        body = body_table(content)
        body.need("rules", "a list")
        located = [one._replace(entry=without_status(one.entry)) for one in entries_in(body)]
        body.end()
        now = [rule_resource(spec, rule) for rule in spec.plan.rules]
        if not body.problems.found and [one.entry for one in located] == now:
            return spec.plan.rules
        return read_rules(call.control, spec, located, body.problems)

    return _change(call, apply, lambda state: _answer_with_all(call, state))


def put(call: Call) -> Change:
    content, name = call.content, call.arguments["rule"]
    check_name(content, name)
    is_new = False

    def apply(spec: ProxySpec) -> Rules:
        nonlocal is_new
        is_new = all(rule.name != name for rule in spec.plan.rules)
        if is_new:
            return (*spec.plan.rules, _read(call, spec, {**content, "name": name}))
        return _with(call, spec, {**content, "name": name})

    return _change(call, apply, lambda state: _answer_with(call, state, name, is_new=is_new))


def patch(call: Call) -> Change:
    content, name = call.content, call.arguments["rule"]
    check_name(content, name)

    def apply(spec: ProxySpec) -> Rules:
        rule = find_rule(spec, name)
        return _with(call, spec, {**patched(rule, content), "name": name})

    return _change(call, apply, lambda state: _answer_with(call, state, name))


def patched(rule: Rule, patch: Content) -> Content:
    """Return the entry that a rule should be after a merge patch.

    Without the matches that its behavior has brought: that brings them again, or others.
    """
    brought = {f"match.{label}": text for label, text in rule.behavior.applies_to.items()}
    now: dict[str, object] = {
        key: value for key, value in describe(rule).items() if brought.get(key) != value
    }
    options = options_of(type(rule.behavior))
    if patch.get("behavior", rule.behavior.name) != rule.behavior.name:
        now = {key: now[key] for key in now if key in RULE_KEYS or key.startswith("match.")}
    changes: dict[str, object] = {}
    for key, value in patch.items():
        if key == "match" and key not in options and isinstance(value, Mapping):
            changes |= {f"match.{label}": text for label, text in value.items()}
        elif key != READ_ONLY:
            changes[key] = value
    for key in list(changes):
        label = f"match.{key}"
        if key not in options and label in now and label not in changes:
            changes[label] = changes.pop(key)
    entry = merged(now, changes)
    assert isinstance(entry, dict)
    return entry


def delete(call: Call) -> Change:
    name = call.arguments["rule"]

    def apply(spec: ProxySpec) -> Rules:
        removed = find_rule(spec, name)
        return tuple(rule for rule in spec.plan.rules if rule is not removed)

    return _change(call, apply, lambda _: Answer(status=204))


def _change(
    call: Call,
    apply: Callable[[ProxySpec], Sequence[Rule]],
    answer: Callable[[State], Answer],
) -> Change:
    """Return the change of a proxy's rules, each of which may be in a mix."""
    name = call.arguments["proxy"]

    def change(state: State) -> State:
        spec = find_proxy(state, name)
        call.check(spec.generation)
        rules = apply(spec)
        if rules is spec.plan.rules:
            return state
        try:
            return with_rules(state, spec, with_bands(rules))
        except OptionError as error:
            raise invalid(str(error), *([error.key] if error.key else [])) from None

    return Change(change, answer)


def _with(call: Call, spec: ProxySpec, content: Content) -> Rules:
    """Return a proxy's rules with another one in the place of the one of its name."""
    before = find_rule(spec, str(content["name"]))
    now = rule_resource(spec, before)
    given = {PAUSED: False, **without_status(content)}
    paused = given[PAUSED]
    if given == now:
        return spec.plan.rules
    if isinstance(paused, bool) and {**given, PAUSED: before.paused} == now:
        after = replace(before, paused=paused)  # the rest need not be read again
    else:
        after = _read(call, spec, content)
    return tuple(after if rule is before else rule for rule in spec.plan.rules)


def _read(call: Call, spec: ProxySpec, content: Content) -> Rule:
    located = [LocatedEntry((), without_status(content))]
    (rule,) = read_rules(call.control, spec, located, body_table(content).problems)
    return rule


def _answer_with(call: Call, state: State, name: str, *, is_new: bool = False) -> Answer:
    spec = find_proxy(state, call.arguments["proxy"])
    rule = find_rule(spec, name)
    body = rule_resource(spec, rule, Status(call.control, [spec]))
    location = rule_path(spec.name, name) if is_new else ""
    return Answer(body, 201 if is_new else 200, spec.generation, location)


def _answer_with_all(call: Call, state: State) -> Answer:
    spec = find_proxy(state, call.arguments["proxy"])
    status = Status(call.control, [spec])
    found = [rule_resource(spec, rule, status) for rule in spec.plan.rules]
    return Answer({"rules": found}, generation=spec.generation)


ALL, ONE = "/v1/proxies/{proxy}/rules", "/v1/proxies/{proxy}/rules/{rule}"
RULE, RULES = ref("Rule"), ref("Rules")
ROUTES = [
    Route("GET", ALL, get_all, "List the rules of a proxy.", answers={200: RULES}),
    Route(
        "POST",
        ALL,
        create,
        "Add a rule.",
        query=[BEFORE],
        body=ref("RuleTable"),
        answers={201: RULE},
        statuses=[409, 412],
        is_change=True,
    ),
    Route(
        "PUT",
        ALL,
        replace_all,
        "Replace all rules.",
        body=ref("RuleTables"),
        answers={200: RULES},
        statuses=[412],
        is_change=True,
    ),
    Route("GET", ONE, get, "Return a rule.", answers={200: RULE}),
    Route(
        "PUT",
        ONE,
        put,
        "Add a rule, or replace it, with its place and its counts.",
        body=ref("RuleTable"),
        answers={200: RULE, 201: RULE},
        statuses=[412],
        is_change=True,
    ),
    Route(
        "PATCH",
        ONE,
        patch,
        "Change some keys of a rule; null gives them their default.",
        body=ref("RulePatch"),
        types=PATCH_TYPES,
        answers={200: RULE},
        statuses=[412],
        is_change=True,
    ),
    Route(
        "DELETE",
        ONE,
        delete,
        "Remove a rule.",
        answers={204: None},
        statuses=[412],
        is_change=True,
    ),
]
