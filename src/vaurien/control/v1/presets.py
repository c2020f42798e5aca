"""Profiles and recipes, applied to proxies that run.

Their rules are known by their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from ...config.entries import LocatedEntry
from ...config.proxies import START, presets, recipe_for
from ...config.state import State
from ...errors import VaurienError
from ...rules.notation import Entry
from ...rules.plan import Rule
from .bodies import Content
from .problems import Refusal, unknown
from .resources import answer_with_proxy, body_table, find_proxy, read_rules, with_rules
from .routes import Answer, Call, Change, Route, ref

if TYPE_CHECKING:
    from ...net.proxies import Proxies
    from ...net.spec import ProxySpec


@cache
def profile_rules() -> frozenset[str]:
    """The names of the rules of all profiles."""
    return frozenset(
        str(entry["name"]) for name in presets().profiles for entry in presets().profile(name)
    )


@cache
def rules_of_recipes() -> frozenset[str]:
    """The names of the rules of all recipes."""
    return frozenset().union(*map(recipe_rules, presets().recipes))


def recipe_rules(recipe: str) -> frozenset[str]:
    """The names of the rules of a recipe.

    Raises:
        UnknownNameError: there is none of this name.
    """
    return frozenset(str(entry["name"]) for entry in presets().recipe(recipe))


def apply_profile(call: Call) -> Change:
    name = call.arguments["proxy"]
    wanted, _ = _wanted(call.content, starts=False)

    def apply(state: State) -> State:
        spec = find_proxy(state, name)
        call.check(spec.generation)
        made = _made(call, spec, wanted, presets().profile)
        return with_rules(state, spec, _in_place_of(spec, profile_rules(), made))

    return Change(apply, lambda state: answer_with_proxy(call.control, state, name))


def remove_profile(call: Call) -> Change:
    return _removed(call, profile_rules(), "there is no profile")


def start_recipe(call: Call) -> Change:
    name = call.arguments["proxy"]
    wanted, start = _wanted(call.content, starts=True)

    def apply(state: State) -> State:
        spec = find_proxy(state, name)
        call.check(spec.generation)
        made = _made(call, spec, wanted, partial(recipe_for, spec.matching, start))
        names = recipe_rules(wanted)
        there = {rule.name: rule for rule in spec.plan.rules if rule.name in names}
        if there and not call.control.ask(lambda proxies: _is_over(proxies, name, there)):
            raise Refusal(409, f"the recipe {wanted!r} is running")
        anew = [
            replace(rule, restarts=there[rule.name].restarts + 1) if rule.name in there else rule
            for rule in made
        ]
        return with_rules(state, spec, _in_place_of(spec, names, anew))

    return Change(apply, lambda state: answer_with_proxy(call.control, state, name))


def remove_recipe(call: Call) -> Change:
    recipe = call.arguments["recipe"]
    if recipe not in presets().recipes:
        raise unknown("recipe", recipe)
    return _removed(call, recipe_rules(recipe), f"the recipe {recipe!r} was not started")


def _wanted(content: Content, *, starts: bool) -> tuple[str, float]:
    """Return the name that a body asks for, and the seconds until it starts.

    Raises:
        DocumentError: all that is wrong.
    """
    table = body_table(content)
    table.need("name", "a text")
    _, name = table.text("name")
    start = float(table.take(START) or 0.0) if starts else 0.0
    table.end()
    table.problems.check()
    return name, start


def _made(
    call: Call, spec: ProxySpec, name: str, entries_of: Callable[[str], Iterable[Entry]]
) -> tuple[Rule, ...]:
    """Return the rules that a name in the body stands for.

    Raises:
        DocumentError: it stands for none, or the proxy cannot have them.
    """
    problems = body_table(call.content).problems
    located: list[LocatedEntry] = []
    try:
        located = [LocatedEntry(("name",), entry, name) for entry in entries_of(name)]
    except VaurienError as error:
        problems.add_error(("name",), name, error)
    return read_rules(call.control, spec, located, problems)


def _in_place_of(spec: ProxySpec, names: frozenset[str], made: Iterable[Rule]) -> list[Rule]:
    """Return the rules of a proxy with some in the place of those of these names, or last."""
    rules = spec.plan.rules
    place = next((at for at, rule in enumerate(rules) if rule.name in names), len(rules))
    before = rules[:place]
    after = [rule for rule in rules[place:] if rule.name not in names]
    return [*before, *made, *after]


def _removed(call: Call, names: frozenset[str], otherwise: str) -> Change:
    name = call.arguments["proxy"]

    def apply(state: State) -> State:
        spec = find_proxy(state, name)
        call.check(spec.generation)
        left = [rule for rule in spec.plan.rules if rule.name not in names]
        if len(left) == len(spec.plan.rules):
            raise Refusal(404, otherwise)
        return with_rules(state, spec, left)

    return Change(apply, lambda _: Answer(status=204))


def _is_over(proxies: Proxies, name: str, rules: Iterable[str]) -> bool:
    """Whether none of these rules of a proxy will ever be on again."""
    proxy = proxies.get(name)
    if proxy is None:
        return True
    now, active = proxy.reactor.clock(), proxy.active_plan.by_name()
    return all(active[each].is_over(now) for each in rules if each in active)


PROXY = ref("Proxy")
ROUTES = [
    Route(
        "POST",
        "/v1/proxies/{proxy}/profile",
        apply_profile,
        "Apply a profile, in place of the one applied before.",
        body=ref("ProfileStart"),
        answers={200: PROXY},
        statuses=[412],
        is_change=True,
    ),
    Route(
        "DELETE",
        "/v1/proxies/{proxy}/profile",
        remove_profile,
        "Remove the rules of the profile.",
        answers={204: None},
        statuses=[412],
        is_change=True,
    ),
    Route(
        "POST",
        "/v1/proxies/{proxy}/recipes",
        start_recipe,
        "Start a recipe.",
        body=ref("RecipeStart"),
        answers={200: PROXY},
        statuses=[409, 412],
        is_change=True,
    ),
    Route(
        "DELETE",
        "/v1/proxies/{proxy}/recipes/{recipe}",
        remove_recipe,
        "End a recipe: remove its rules.",
        answers={204: None},
        statuses=[412],
        is_change=True,
    ),
]
