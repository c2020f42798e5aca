"""The registries of old."""

from __future__ import annotations

import subprocess
import sys
from importlib import reload

import pytest

from legacy.plugins import documented, handlers, hooks
from vaurien import behaviors, plugins, protocols, registry
from vaurien import handlers as old_handlers
from vaurien.errors import PluginError, UnknownNameError
from vaurien.legacy.adaptation import adapt
from vaurien.legacy.registries import Behavior, Handler, Protocol


@pytest.fixture(autouse=True)
def _built_in() -> None:
    plugins.install()


def test_registered_when_imported() -> None:
    again = reload(documented)
    assert registry.behaviors.get("super") is adapt(again.MySuperHandler)
    again = reload(hooks)
    assert registry.behaviors.get("announce") is adapt(again.Announce)
    assert registry.protocols.get("four") is adapt(again.Four)


def test_register() -> None:
    assert Handler.register(handlers.Stamp) is handlers.Stamp
    assert registry.behaviors.get("stamp") is adapt(handlers.Stamp)
    assert "stamp" in Handler.get_handlers()
    assert Behavior.get_behavior("stamp") is adapt(handlers.Stamp)
    Behavior.register(hooks.Cut)
    assert Behavior.get_behaviors()["cut"] is adapt(hooks.Cut)
    Protocol.register(hooks.Kept)
    assert Protocol.get_protocols()["kept"] is Protocol.get_protocol("kept")


def test_a_built_in_behavior_can_be_replaced() -> None:
    Handler.register(documented.Dummy)
    assert registry.behaviors.get("dummy") is adapt(documented.Dummy)


def test_not_of_the_kind() -> None:
    with pytest.raises(PluginError):
        Behavior.register(hooks.Three)
    with pytest.raises(PluginError):
        Protocol.register(handlers.Stamp)
    with pytest.raises(PluginError, match="is not a plugin"):
        Handler.register(int)
    with pytest.raises(UnknownNameError):
        Handler.get_handler("nobody")


def test_old_paths() -> None:
    assert old_handlers.Handler is Handler
    assert old_handlers.get_handlers == behaviors.get_behaviors == Behavior.get_behaviors
    assert old_handlers.get_handler == behaviors.get_behavior == Behavior.get_behavior
    assert protocols.get_protocols == Protocol.get_protocols
    assert protocols.get_protocol == Protocol.get_protocol
    assert behaviors.Behavior is Behavior
    assert protocols.Protocol is Protocol
    assert "tcp" in Protocol.get_protocols()


@pytest.mark.parametrize("package", [behaviors, protocols])
def test_no_such_name(package: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nobody'"):
        package.nobody  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "from vaurien.behaviors import get_behaviors; get_behaviors()['delay']",
        "from vaurien.handlers import get_handlers; get_handlers()['hang']",
        "from vaurien.protocols import get_protocols; get_protocols()['http']",
        "from vaurien.behaviors import get_behavior; get_behavior('delay')",
        "from vaurien.protocols import Protocol; Protocol.get_protocol('redis')",
    ],
)
def test_in_a_process_that_has_done_nothing_else(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
