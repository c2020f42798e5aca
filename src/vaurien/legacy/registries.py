"""The registries of old, as old plugins know them; what enters is registered as today."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from .. import behavior, protocol, registry
from ..registry import Registry
from ..values.options import Configurable
from .adaptation import adapt

PluginType = TypeVar("PluginType", bound=type)
Modern = TypeVar("Modern", bound=Configurable)


class Handler:
    """The registry of handlers; a plugin may be derived from it."""

    @classmethod
    def register(cls, plugin: PluginType) -> PluginType:
        """Register a handler or a behavior under its name; serves as a decorator.

        Raises:
            PluginError: it is neither.
        """
        registry.behaviors.register(adapt(plugin))  # type: ignore[arg-type] # the registry checks
        return plugin

    @classmethod
    def get_handlers(cls) -> dict[str, type[behavior.Behavior]]:
        """All behaviors, by name."""
        return _all(registry.behaviors)

    @classmethod
    def get_handler(cls, name: str) -> type[behavior.Behavior]:
        """The behavior of this name.

        Raises:
            UnknownNameError: there is none.
        """
        return registry.behaviors.get(name)


class Behavior:
    """The registry of behaviors; a plugin may be derived from it."""

    register: ClassVar = Handler.register
    get_behaviors: ClassVar = Handler.get_handlers
    get_behavior: ClassVar = Handler.get_handler


class Protocol:
    """The registry of protocols; a plugin may be derived from it."""

    @classmethod
    def register(cls, plugin: PluginType) -> PluginType:
        """Register a protocol under its name; serves as a decorator.

        Raises:
            PluginError: it is none.
        """
        registry.protocols.register(adapt(plugin))  # type: ignore[arg-type] # the registry checks
        return plugin

    @classmethod
    def get_protocols(cls) -> dict[str, type[protocol.Protocol]]:
        """All protocols, by name."""
        return _all(registry.protocols)

    @classmethod
    def get_protocol(cls, name: str) -> type[protocol.Protocol]:
        """The protocol of this name.

        Raises:
            UnknownNameError: there is none.
        """
        return registry.protocols.get(name)


def _all(plugins: Registry[Modern]) -> dict[str, type[Modern]]:
    return {name: plugins.get(name) for name in plugins.names()}
