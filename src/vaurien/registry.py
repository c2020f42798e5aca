"""Registries of plugins by name.

A plugin is added with ``register``, or by an entry point of its distribution in the
group ``vaurien.behaviors`` or ``vaurien.protocols``, which is loaded when its
name is first looked up.  Built-in plugins are added in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Self, TypeVar

from .behavior import HOOKS, Behavior, Delaying
from .errors import PluginError, UnknownNameError
from .protocol import Protocol
from .rules.plan import SCOPES
from .values.options import Configurable, options_of

PluginType = TypeVar("PluginType", bound=Configurable)
AnyPlugin = TypeVar("AnyPlugin", bound=type[Configurable])


LIKENESS = 0.8
"""How similar to one of these names another one is that was meant to be it; 1: the same."""
OVERRIDDEN: dict[type[Configurable], tuple[str, ...]] = {
    Behavior: (
        *(*HOOKS, "release_at", "concerns", "acts_in", "further_options", "applies_to", "scopes"),
        *("inert", "refuses", "per_connection", "lasting", "resumable", "plays"),
        *("needs_messages", "ignores_unsolicited"),
    ),
    Protocol: (
        *("requests", "responses", "adjust", "kinds", "framed", "labels", "response_labels"),
        *("kind_labels", "tallied", "backend_first"),
    ),
}
"""What plugins override, and are of no use without if they misspell it."""


def _spelt(name: str) -> str:
    return name.replace("_", "").lower()


MEANT = {base: {_spelt(name): name for name in names} for base, names in OVERRIDDEN.items()}
"""The same, by how they are spelt."""


class Registry(Generic[PluginType]):
    """The plugins of one kind, by name."""

    def __init__(self, kind: str, base: type[PluginType]) -> None:
        self.kind = kind
        self.base = base
        self.group = f"vaurien.{kind}s"
        self._plugins: dict[str, type[PluginType]] = {}
        self._loaders: dict[str, Callable[[], object]] = {}
        self._entry_points_known = False

    def register(self, plugin: type[PluginType]) -> None:
        """Add a plugin, or replace the one of the same name.

        Raises:
            PluginError: it is not a plugin of this kind, or has no name.
        """
        if not (isinstance(plugin, type) and issubclass(plugin, self.base)):
            raise PluginError(f"{plugin!r} is not a {self.kind}: it must subclass {self.base!r}")
        if not plugin.name:
            raise PluginError(f"the {self.kind} {plugin!r} has no name")
        check_names(plugin, self.base)
        self._plugins[plugin.name] = plugin

    def register_lazily(self, name: str, load: Callable[[], object]) -> None:
        """Add a plugin that is loaded when it is first looked up."""
        self._loaders[name] = load

    def get(self, name: str) -> type[PluginType]:
        """Return the plugin of this name.

        Raises:
            UnknownNameError: there is none.
            PluginError: it cannot be loaded.
        """
        if name not in self._plugins:
            if name not in self._loaders:
                self._find_entry_points()
            if name not in self._loaders:
                raise UnknownNameError(self.kind, name, self.names())
            self._load(name)
        return self._plugins[name]

    def names(self) -> list[str]:
        """Return the sorted names of all plugins, without loading any."""
        self._find_entry_points()
        return sorted({*self._plugins, *self._loaders})

    def copy(self) -> Self:
        """Return a registry with the same plugins, to which more may be added."""
        other = type(self)(self.kind, self.base)
        other.become(self)
        return other

    def become(self, other: Registry[PluginType]) -> None:
        """Replace all plugins by those of another registry."""
        self._plugins = dict(other._plugins)
        self._loaders = dict(other._loaders)
        self._entry_points_known = other._entry_points_known

    def _load(self, name: str) -> None:
        try:
            plugin = self._loaders[name]()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(f"the {self.kind} {name!r} cannot be loaded: {reason}") from error
        if not (isinstance(plugin, type) and issubclass(plugin, self.base)):
            raise PluginError(f"the {self.kind} {name!r} is not one: {plugin!r}")
        check_names(plugin, self.base)
        if plugin.name != name:
            raise PluginError(f"the {self.kind} {name!r} is named {plugin.name!r} by its class")
        self._plugins[name] = plugin

    def _find_entry_points(self) -> None:
        if self._entry_points_known:
            return
        self._entry_points_known = True
        from importlib.metadata import entry_points

        for entry_point in entry_points(group=self.group):
            self._loaders.setdefault(entry_point.name, entry_point.load)


def check_names(plugin: type[Configurable], base: type[Configurable]) -> None:
    """Refuse a plugin with an attribute that was probably meant to override one of its base.

    A method is compared with methods, another attribute with others, and an option with none.

    Raises:
        PluginError: it has such an attribute, or scopes that do not exist.
    """
    meant = MEANT.get(base, {})
    ours = {*dir(base), *dir(Delaying)}
    for name in dir(plugin):
        if name.startswith("_") or name in ours or name in options_of(plugin):
            continue
        from difflib import get_close_matches

        for near in get_close_matches(_spelt(name), meant, 1, LIKENESS):
            original = getattr(base, meant[near], getattr(Delaying, meant[near], None))
            same_kind = callable(getattr(plugin, name)) is callable(original)
            if same_kind and getattr(plugin, meant[near], None) is original:
                what = "method" if callable(original) else "attribute"
                what = f"the {what} {name!r} of {plugin!r} overrides nothing"
                raise PluginError(f"{what}: did you mean {meant[near]!r}?")
    scopes = getattr(plugin, "scopes", SCOPES)
    if not (isinstance(scopes, tuple) and scopes and set(scopes) <= set(SCOPES)):
        allowed = "a tuple of 'exchange' and 'connection'"
        raise PluginError(f"the scopes of {plugin!r} are {scopes!r}: it takes {allowed}")


behaviors: Registry[Behavior] = Registry("behavior", Behavior)
protocols: Registry[Protocol] = Registry("protocol", Protocol)


def register(plugin: AnyPlugin) -> AnyPlugin:
    """Register a behavior or a protocol; usable as a class decorator.

    Raises:
        PluginError: it is neither, or has no name.
    """
    if isinstance(plugin, type) and issubclass(plugin, Behavior):
        behaviors.register(plugin)
    elif isinstance(plugin, type) and issubclass(plugin, Protocol):
        protocols.register(plugin)
    else:
        raise PluginError(f"{plugin!r} is neither a Behavior nor a Protocol")
    return plugin
