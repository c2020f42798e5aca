"""Old classes as plugin classes of today."""

from __future__ import annotations

import pytest

from knowing import find_behavior
from legacy.plugins import documented, handlers, hooks
from legacy.running import behavior
from vaurien import plugins, registry
from vaurien.behavior import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.errors import OptionError, PluginError
from vaurien.legacy.adaptation import Adapted, adapt, is_legacy
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import Entry, describe, make_rules
from vaurien.rules.plan import Plan
from vaurien.values.options import options_of


def configured(cls: type, **options: object) -> Adapted:
    adapted = adapt(cls)
    assert issubclass(adapted, Adapted)
    return adapted.configured(options)


def test_kinds() -> None:
    assert issubclass(adapt(documented.Dummy), Behavior)
    assert issubclass(adapt(hooks.Announce), Behavior)
    assert issubclass(adapt(hooks.Three), Protocol)
    assert is_legacy(adapt(hooks.Three))
    assert not is_legacy(Delay)


def test_the_same_class_each_time() -> None:
    assert adapt(documented.Dummy) is adapt(documented.Dummy)
    assert configured(handlers.Stamp, mark="x") == configured(handlers.Stamp, mark="x")
    assert configured(handlers.Stamp, mark="x") != configured(handlers.Stamp)


def test_name() -> None:
    class Nameless(hooks.Announce):
        name = ""

    assert adapt(documented.MySuperHandler).name == "super"
    assert adapt(Nameless).name == "nameless"


def test_options() -> None:
    options = options_of(behavior(handlers.Stamp))
    assert list(options) == ["mark", "wait", "ratio", "mode", "path", "limit"]
    assert (options["mark"].type, options["mark"].default) == (str, "*")
    assert options["mark"].help == "What is put in front"
    assert (options["wait"].type, options["wait"].default) == (int, 3)
    assert (options["ratio"].type, options["ratio"].default) == (float, 1.0)
    assert options["mode"].choices == ("soft", "hard")
    assert (options["path"].type, options["path"].default) == (str, "['a']")
    assert (options["limit"].type, options["limit"].default) == (str, "")


def test_values() -> None:
    stamp = configured(handlers.Stamp, wait="5", path="xy", limit="7", mode="hard", foo="bar")
    assert stamp.settings() == {
        "mark": "*",
        "wait": 5,
        "ratio": 1.0,
        "mode": "hard",
        "path": "xy",
        "limit": "7",
        "foo": "bar",
    }
    assert stamp.old_settings() == stamp.settings() | {"path": ["x", "y"], "limit": 7}


def test_defaults_of_foreign_types() -> None:
    settings = configured(handlers.Stamp).old_settings()
    assert settings["path"] == ["a"]
    assert settings["limit"] is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"wait": "x"}, "a whole number"),
        ({"mode": "odd"}, "one of soft, hard"),
        ({"limit": "x"}, "limit='x' is not allowed"),
    ],
)
def test_values_that_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        configured(handlers.Stamp, **options)


def test_options_of_a_class_derived_from_a_built_in_behavior() -> None:
    assert list(options_of(behavior(hooks.Refuse))) == ["word"]
    assert list(options_of(behavior(hooks.Later))) == ["sleep", "before"]
    assert list(options_of(adapt(hooks.Kept))) == ["reuse_socket", "buffer"]


def test_names_that_no_field_can_have() -> None:
    class Odd(documented.MySuperHandler):
        options = {"settings": ("taken", int, 1), "two words": ("none", int, 1)}

    assert not options_of(adapt(Odd))
    assert configured(Odd, settings=2).old_settings() == {"settings": 2}


@pytest.mark.parametrize("declaration", [("help", int), 5, ("help", int, "x"), ("help", 7, 1)])
def test_declarations_that_are_none(declaration: object) -> None:
    class Odd(documented.MySuperHandler):
        options = {"odd": declaration}

    with pytest.raises(PluginError, match=r"the option 'odd' of .*Odd.*is declared as"):
        adapt(Odd)


def test_no_plugin() -> None:
    with pytest.raises(PluginError, match=r"int.* is not a plugin: .*on_before_handle"):
        adapt(int)


def test_found_by_its_path() -> None:
    assert find_behavior("legacy.plugins.documented.Dummy") is adapt(documented.Dummy)
    assert plugins.load(registry.behaviors, "legacy.plugins.hooks:Refuse") is adapt(hooks.Refuse)
    assert plugins.load(registry.protocols, "legacy.plugins.hooks.Kept") is adapt(hooks.Kept)


def test_rules_are_drawn_for_the_whole_connection() -> None:
    plugins.install()
    entries: list[Entry] = [
        {"behavior": "legacy.plugins.handlers.Stamp", "mix": "m", "percent": 10, "foo": "bar"},
        {"behavior": "delay", "mix": "m", "percent": 10},
        {"behavior": "hang"},
    ]
    rules = Plan(make_rules(entries, find_behavior, Tcp)).rules
    assert [rule.scope for rule in rules] == ["connection", "connection", "exchange"]
    again = make_rules([describe(rule) for rule in rules], find_behavior, Tcp)
    assert again == rules


def by_keyword(client_sock: object, backend_sock: object, to_backend: bool) -> bool:
    """A handler that is a function."""
    return True


ready_made = documented.MySuperHandler()


def test_functions_and_instances() -> None:
    adapted = adapt(by_keyword)
    assert issubclass(adapted, Behavior)
    assert (adapted.name, adapted.__doc__) == ("by_keyword", "A handler that is a function.")
    assert adapt(ready_made).name == "super"
    with pytest.raises(PluginError, match="is not a plugin"):
        adapt({})  # type: ignore[arg-type] # it has no form
