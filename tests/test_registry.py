"""Finding plugins by name: registered, loaded when asked for, and from other distributions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lines import Lines
from vaurien import plugins, registry
from vaurien.behavior import Behavior, Delaying
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.hang import Hang
from vaurien.errors import PluginError, UnknownNameError
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.registry import Registry, register


@pytest.fixture
def behaviors() -> Registry[Behavior]:
    return Registry("behavior", Behavior)


class Nameless(Behavior):
    pass


NO_PLUGIN: list[object] = [Delay(), "delay", Lines, int, None]


# Registered.


def test_a_behavior_is_found_by_its_name(behaviors: Registry[Behavior]) -> None:
    behaviors.register(Delay)
    assert behaviors.get("delay") is Delay
    assert behaviors.names() == ["delay"]


def test_a_behavior_takes_the_place_of_one_of_the_same_name(behaviors: Registry[Behavior]) -> None:
    class OtherDelay(Delay):
        pass

    behaviors.register(Delay)
    behaviors.register(OtherDelay)
    assert behaviors.get("delay") is OtherDelay


@pytest.mark.parametrize("plugin", NO_PLUGIN)
def test_what_is_no_behavior_is_not_registered(
    behaviors: Registry[Behavior], plugin: type[Behavior]
) -> None:
    with pytest.raises(PluginError, match="is not a behavior: it must subclass"):
        behaviors.register(plugin)
    assert behaviors.names() == []


def test_a_behavior_needs_a_name(behaviors: Registry[Behavior]) -> None:
    with pytest.raises(PluginError, match="Nameless'> has no name"):
        behaviors.register(Nameless)


def test_an_unknown_name_is_told_with_the_known_ones(behaviors: Registry[Behavior]) -> None:
    behaviors.register(Hang)
    behaviors.register(Delay)
    with pytest.raises(UnknownNameError) as caught:
        behaviors.get("dealy")
    assert (
        str(caught.value)
        == "'dealy' is an unknown behavior. Did you mean 'delay'? Pick one of: 'delay', 'hang'."
    )
    assert (caught.value.name, caught.value.known) == ("dealy", ["delay", "hang"])


def test_register_tells_behaviors_from_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "behaviors", Registry("behavior", Behavior))
    monkeypatch.setattr(registry, "protocols", Registry("protocol", Protocol))
    assert register(Delay) is Delay
    assert register(Lines) is Lines
    assert registry.behaviors.names() == ["delay"]
    assert registry.protocols.names() == ["lines"]
    with pytest.raises(PluginError, match="is neither a Behavior nor a Protocol"):
        register(int)  # type: ignore[type-var] # that it is refused is the point


# Loaded when asked for.


def test_a_plugin_is_loaded_once_and_when_it_is_asked_for(behaviors: Registry[Behavior]) -> None:
    loads: list[str] = []

    def load() -> object:
        loads.append("delay")
        return Delay

    behaviors.register_lazily("delay", load)
    assert behaviors.names() == ["delay"]
    assert loads == []
    assert behaviors.get("delay") is behaviors.get("delay") is Delay
    assert loads == ["delay"]


def fails() -> object:
    raise ImportError("No module named 'nowhere'")


@pytest.mark.parametrize(
    ("load", "complaint"),
    [
        (fails, "the behavior 'delay' cannot be loaded: ImportError: No module named 'nowhere'"),
        (lambda: 1 / 0, "the behavior 'delay' cannot be loaded: ZeroDivisionError: division by"),
        (lambda: Tcp, "the behavior 'delay' is not one: <class 'vaurien.protocols.tcp.Tcp'>"),
        (lambda: None, "the behavior 'delay' is not one: None"),
        (lambda: Hang, "the behavior 'delay' is named 'hang' by its class"),
        (lambda: Nameless, "the behavior 'delay' is named '' by its class"),
    ],
)
def test_a_plugin_that_cannot_be_loaded(
    behaviors: Registry[Behavior], load: Callable[[], object], complaint: str
) -> None:
    behaviors.register_lazily("delay", load)
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            behaviors.get("delay")
        assert str(caught.value).startswith(complaint)


# From other distributions.

PLUGIN = '''
from vaurien import Behavior, Protocol

loaded = True


class Stutter(Behavior):
    """Says everything twice."""

    name = "stutter"


class Morse(Protocol):
    name = "morse"


class Hidden(Behavior):
    name = "delay"
'''

ENTRY_POINTS = """
[vaurien.behaviors]
stutter = installed_elsewhere:Stutter
delay = installed_elsewhere:Hidden
broken = installed_elsewhere:NoSuchClass

[vaurien.protocols]
morse = installed_elsewhere:Morse
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where another distribution with plugins is installed."""
    (tmp_path / "installed_elsewhere.py").write_text(PLUGIN)
    about = tmp_path / "installed_elsewhere-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: installed-elsewhere\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "installed_elsewhere", raising=False)
    return tmp_path


@pytest.mark.usefixtures("installed")
def test_an_entry_point_is_a_door_for_plugins(behaviors: Registry[Behavior]) -> None:
    behaviors.register_lazily("delay", lambda: Delay)
    assert behaviors.names() == ["broken", "delay", "stutter"]
    assert "installed_elsewhere" not in sys.modules
    assert behaviors.get("stutter").__doc__ == "Says everything twice."
    assert behaviors.get("delay") is Delay
    with pytest.raises(
        PluginError, match=r"'broken' cannot be loaded: AttributeError: .*NoSuchClass"
    ):
        behaviors.get("broken")
    protocols = Registry("protocol", Protocol)
    assert protocols.names() == ["morse"]
    assert protocols.get("morse").name == "morse"


def test_the_real_registries_use_the_same_door(installed: Path) -> None:
    script = """
import sys
from vaurien import plugins, registry
plugins.install()
registry.behaviors.get("delay")
print("importlib.metadata" in sys.modules)
print(registry.behaviors.get("stutter").name, registry.protocols.get("morse").name)
print(*registry.behaviors.names())
"""
    path = ":".join([str(installed), *filter(None, sys.path)])
    told = subprocess.check_output(
        [sys.executable, "-c", script], env={"PYTHONPATH": path}, text=True
    )
    assert told.splitlines() == [
        "False",
        "stutter morse",
        " ".join(sorted({*plugins.BEHAVIORS, "broken", "stutter"})),
    ]


# Several of them.


def test_a_copy_knows_the_same_and_keeps_what_is_added_for_itself(
    behaviors: Registry[Behavior],
) -> None:
    behaviors.register(Delay)
    behaviors.register_lazily("hang", lambda: Hang)
    copied = behaviors.copy()
    assert copied.names() == behaviors.names()
    assert (copied.get("delay"), copied.get("hang")) == (Delay, Hang)
    copied.register(type("Other", (Delay,), {"name": "delay"}))
    assert behaviors.get("delay") is Delay
    behaviors.become(copied)
    assert behaviors.get("delay") is copied.get("delay") is not Delay


@pytest.mark.parametrize(("name", "meant"), [("on_mesage", "on_message"), ("on_ended", "on_end")])
def test_a_hook_that_is_misspelt_is_refused(name: str, meant: str) -> None:
    plugin = type("Misspelt", (Behavior,), {"name": "misspelt", name: lambda *_: None})
    with pytest.raises(PluginError, match=f"'{name}' .* did you mean '{meant}'"):
        Registry("behavior", Behavior).register(plugin)
    other = type("Other", (Behavior,), {"name": "other", "on_before_handle": lambda *_: None})
    Registry("behavior", Behavior).register(other)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("onMessage", lambda *_: None, "on_message"),
        ("OnConnect", lambda *_: None, "on_connect"),
        ("concern", lambda *_: True, "concerns"),
        ("resumeable", True, "resumable"),
        ("need_messages", True, "needs_messages"),
        ("scope", ("connection",), "scopes"),
    ],
)
def test_what_is_meant_to_override_something_and_does_not_is_refused(
    name: str, value: object, meant: str
) -> None:
    plugin = type("Misspelt", (Behavior,), {"name": "misspelt", name: value})
    with pytest.raises(PluginError, match=f"'{name}' .* did you mean '{meant}'"):
        Registry("behavior", Behavior).register(plugin)


def test_a_method_of_delaying_that_is_misspelt_is_refused() -> None:
    plugin = type("Late", (Delaying,), {"name": "late", "releaseAt": lambda *_: 0})
    with pytest.raises(PluginError, match=r"'releaseAt' .* did you mean 'release_at'"):
        Registry("behavior", Behavior).register(plugin)


def test_a_method_of_a_protocol_that_is_misspelt_is_refused() -> None:
    plugin = type("Morse", (Protocol,), {"name": "morse", "reponses": lambda *_: None})
    with pytest.raises(PluginError, match=r"'reponses' .* did you mean 'responses'"):
        Registry("protocol", Protocol).register(plugin)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concern", 0.5),  # a number: concerns is a method
        ("refuse", lambda *_: None),
        ("_resumeable", True),
        ("details", lambda *_: ""),
        ("messages", ()),
    ],
)
def test_a_plugin_may_have_attributes_of_its_own(name: str, value: object) -> None:
    Registry("behavior", Behavior).register(type("Own", (Behavior,), {"name": "own", name: value}))


def test_a_name_like_one_that_is_overridden_is_its_own() -> None:
    methods = {"concerns": lambda *_: True, "concern": lambda *_: True}
    Registry("behavior", Behavior).register(type("Own", (Behavior,), {"name": "own", **methods}))


@pytest.mark.parametrize("scopes", [("exchnge",), "connection", (), ("exchange", "both")])
def test_scopes_are_those_that_there_are(scopes: object) -> None:
    plugin = type("Wide", (Behavior,), {"name": "wide", "scopes": scopes})
    with pytest.raises(PluginError, match="it takes a tuple of 'exchange' and 'connection'"):
        Registry("behavior", Behavior).register(plugin)
