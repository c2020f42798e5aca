"""What there is to choose from: protocols, behaviors, faults, profiles and recipes.

Options are described by JSON Schemas, so that programs can make forms of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from ...config.proxies import presets
from ...config.tls import TLS_OPTIONS
from ...errors import PluginError, UnknownNameError, VaurienError
from ...registry import behaviors, protocols
from ...rules.handshake import TLS_LABELS
from ...rules.notation import RULE_KEYS
from ...values.options import Configurable, Configured, Option, options_of
from .problems import unknown
from .routes import Answer, Call, Handler, Route, ref
from .schemas import PROXY_KEYS, object_of, schema_of

if TYPE_CHECKING:
    from ...behavior import Behavior
    from ...config.presets import Profile, Recipe
    from ...fault import Fault
    from ...protocol import Protocol

Described = dict[str, object]
Plugin = TypeVar("Plugin", bound=Configurable)
Preset = TypeVar("Preset")
Find = Callable[[str], type[Plugin] | Configured[Plugin]]
Describe = Callable[[Configured[Plugin]], Described]
ELSEWHERE = "See the module."
"""The docstring of a plugin that its module describes."""


class Everything:
    """The parameters that may come with a code which only then is a fault."""

    def __contains__(self, name: object) -> bool:
        return True


def get_behaviors(call: Call) -> Answer:
    found = [_entry(name, call.control.find_behavior, _behavior) for name in behaviors.names()]
    rule_keys = _schema(RULE_KEYS.values(), ramps=["percent"])
    return Answer({"behaviors": found, "rule_keys": rule_keys})


def get_behavior(call: Call) -> Answer:
    return Answer(_behavior(_found(call, "behavior", call.control.find_behavior)))


def get_protocols(call: Call) -> Answer:
    found = [_entry(name, call.control.find_protocol, _protocol) for name in protocols.names()]
    return Answer(
        {
            "protocols": found,
            "proxy_keys": dict(PROXY_KEYS),
            "tls_keys": _schema(TLS_OPTIONS.values()),
            "tls_labels": dict(TLS_LABELS),
        }
    )


def get_protocol(call: Call) -> Answer:
    return Answer(_protocol(_found(call, "protocol", call.control.find_protocol)))


def get_faults(call: Call) -> Answer:
    found: dict[str, list[str]] = {}
    for name in protocols.names():
        try:
            faults = call.control.find_protocol(name).plugin.faults
        except PluginError:
            continue
        if faults:
            found[name] = [fault.name for fault in faults]
    return Answer({"faults": found})


def get_faults_of(call: Call) -> Answer:
    plugin = _found(call, "protocol", call.control.find_protocol).plugin
    faults = [_fault(fault) for fault in plugin.faults]
    return Answer({"protocol": plugin.name, "faults": faults})


def get_fault(call: Call) -> Answer:
    plugin = _found(call, "protocol", call.control.find_protocol).plugin
    name = call.arguments["fault"]
    try:
        return Answer(_fault(plugin.faults.find(name, Everything(), plugin.name)))
    except VaurienError:
        raise unknown("fault", name) from None


def get_profiles(call: Call) -> Answer:
    del call
    return Answer({"profiles": list(map(_profile, presets().profiles.values()))})


def get_profile(call: Call) -> Answer:
    return Answer(_profile(_preset("profile", presets().profiles, call)))


def get_recipes(call: Call) -> Answer:
    del call
    return Answer({"recipes": list(map(_recipe, presets().recipes.values()))})


def get_recipe(call: Call) -> Answer:
    return Answer(_recipe(_preset("recipe", presets().recipes, call)))


def _entry(name: str, find: Find[Plugin], describe: Describe[Plugin]) -> Described:
    """Describe a plugin of a list; one that cannot be loaded, by the reason."""
    try:
        return describe(Configured.of(find(name)))
    except PluginError as error:
        return {"name": name, "problem": str(error)}


def _found(call: Call, kind: str, find: Find[Plugin]) -> Configured[Plugin]:
    """Return the plugin that a path names.

    Raises:
        Refusal: there is none.
    """
    name = call.arguments[kind]
    try:
        return Configured.of(find(name))
    except UnknownNameError:
        raise unknown(kind, name) from None


def _behavior(found: Configured[Behavior]) -> Described:
    plugin = found.plugin
    options = options_of(plugin)
    numbers = [name for name, option in options.items() if option.type in (int, float)]
    return {
        "name": plugin.name,
        "description": description_of(plugin),
        "options": _schema(options.values(), found.defaults, ramps=numbers),
        "scopes": list(plugin.scopes),
        "plays": plugin.plays,
    }


def _protocol(found: Configured[Protocol]) -> Described:
    plugin = found.plugin
    return {
        "name": plugin.name,
        "description": description_of(plugin),
        "options": _schema(options_of(plugin).values(), found.defaults),
        "labels": dict(plugin.labels),
        "response_labels": dict(plugin.response_labels),
        "framed": plugin.framed,
    }


def description_of(plugin: type[Configurable]) -> str:
    """Return the first line of a plugin's docstring, or of its module's."""
    text = plugin.__doc__ or ""
    if not text or text.startswith(ELSEWHERE):
        text = sys.modules[plugin.__module__].__doc__ or ""
    first = text.strip().partition("\n")[0]
    return first.removeprefix(f"{plugin.name}: ").replace("``", "`")


def _fault(fault: Fault) -> Described:
    return {
        "name": fault.name,
        "aliases": list(fault.aliases),
        "meaning": fault.meaning,
        "wire": fault.wire,
        "exercises": fault.exercises,
        "applies_to": dict(fault.applies_to),
        "parameters": _schema(fault.parameters),
    }


def _profile(profile: Profile) -> Described:
    about = {"name": profile.name, "description": profile.description, "source": profile.source}
    return {**about, "rules": list(map(dict, profile.entries()))}


def _recipe(recipe: Recipe) -> Described:
    return {
        "name": recipe.name,
        "description": recipe.description,
        "protocol": recipe.protocol,
        "teaches": recipe.teaches,
        "rules": list(map(dict, recipe.entries())),
    }


def _preset(kind: str, known: Mapping[str, Preset], call: Call) -> Preset:
    name = call.arguments[kind]
    if name not in known:
        raise unknown(kind, name)
    return known[name]


def _schema(
    options: Iterable[Option],
    defaults: Mapping[str, object] | None = None,
    *,
    ramps: Container[str] = (),
) -> Described:
    """Return the schema of some options.

    Args:
        options: what it describes.
        defaults: those that a configuration has changed.
        ramps: the names of options that may be ramps, too.
    """
    known = defaults or {}
    properties: dict[str, object] = {}
    for option in options:
        name = option.name
        default = option.parse(known[name]) if name in known else None
        may_be = {"ramp": True} if name in ramps else {}
        properties[name] = schema_of(option, default) | may_be
    return dict(object_of(properties, required=[]))


def _route(name: str, path: str, handle: Handler, summary: str, schema: str) -> Route:
    return Route("GET", f"/v1/{name}{path}", handle, summary, answers={200: ref(schema)})


ROUTES = [
    _route("behaviors", "", get_behaviors, "List all behaviors.", "Behaviors"),
    _route("behaviors", "/{behavior}", get_behavior, "Return a behavior.", "Entry"),
    _route("protocols", "", get_protocols, "List all protocols.", "Protocols"),
    _route("protocols", "/{protocol}", get_protocol, "Return a protocol.", "Entry"),
    _route("faults", "", get_faults, "List the names of all faults.", "Catalogues"),
    _route("faults", "/{protocol}", get_faults_of, "List the faults of a protocol.", "Faults"),
    _route("faults", "/{protocol}/{fault}", get_fault, "Return a fault.", "Entry"),
    _route("profiles", "", get_profiles, "List all profiles.", "Profiles"),
    _route("profiles", "/{profile}", get_profile, "Return a profile.", "Entry"),
    _route("recipes", "", get_recipes, "List all recipes.", "Recipes"),
    _route("recipes", "/{recipe}", get_recipe, "Return a recipe.", "Entry"),
]
