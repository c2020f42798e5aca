"""The registries of old versions, under which plugins register themselves as today."""

from __future__ import annotations

from typing import Generic, TypeVar

from .. import registry
from ..plugins import install
from ..registry import Registry
from ..values.options import Configurable
from .adaptation import adapt

OldPlugin = TypeVar("OldPlugin", bound=type)
PluginType = TypeVar("PluginType", bound=Configurable)


class _Plugins(Generic[PluginType]):
    """The plugins of one kind, old and current."""

    def __init__(self, registered: Registry[PluginType]) -> None:
        self._registered = registered

    def register(self, plugin: OldPlugin) -> OldPlugin:
        """Register an old plugin under its name; serves as a decorator.

        Raises:
            PluginError: it is not a plugin of this kind.
        """
        self._registered.register(adapt(plugin))  # type: ignore[arg-type] # the registry checks
        return plugin

    def get(self, name: str) -> type[PluginType]:
        """Return the plugin of this name.

        Raises:
            UnknownNameError: there is none.
        """
        install()
        return self._registered.get(name)

    def get_all(self) -> dict[str, type[PluginType]]:
        """Return all plugins by name."""
        install()
        return {name: self.get(name) for name in self._registered.names()}


_behaviors = _Plugins(registry.behaviors)
_protocols = _Plugins(registry.protocols)


class Handler:
    """The registry of handlers and behaviors; old plugins may be derived from it."""

    register = _behaviors.register
    get_handlers = _behaviors.get_all
    get_handler = _behaviors.get


class Behavior:
    """The registry of behaviors; old plugins may be derived from it."""

    register = _behaviors.register
    get_behaviors = _behaviors.get_all
    get_behavior = _behaviors.get


class Protocol:
    """The registry of protocols; old plugins may be derived from it."""

    register = _protocols.register
    get_protocols = _protocols.get_all
    get_protocol = _protocols.get
