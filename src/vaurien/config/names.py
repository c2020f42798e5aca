"""The plugins that a document may name: by name or dotted path, with options as defaults.

How a class is loaded is an argument, ``Load``: nothing here knows a plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

from ..behavior import HOOKS, Behavior
from ..errors import OptionError, PluginError, UnknownNameError, VaurienError
from ..protocol import Protocol
from ..registry import Registry
from ..registry import behaviors as registered_behaviors
from ..registry import protocols as registered_protocols
from ..values.options import Configurable, Configured, Option, one_of, options_of
from .document import Content

CALLABLE = "callable"
"""The key, in the section of a plugin, of the dotted path of its class."""

Plugin = TypeVar("Plugin", bound=Configurable)
Load = Callable[[str, str, str], type[Configurable]]
"""Return the plugin of a kind, behavior or protocol, at a dotted path, under this name unless
it is ``""``, and the same one whenever it is asked; or raise ``PluginError``."""


class Plugins(Generic[Plugin]):
    """The plugins of one kind that a document may name."""

    def __init__(
        self, registry: Registry[Plugin], load: Load, gone: Mapping[str, Option] | None = None
    ) -> None:
        """``registry`` gets what is loaded.  ``gone``: options accepted for old plugins."""
        self.registry = registry
        self.gone_values: dict[str, object] = {}
        """Values of such options, by ``KIND.NAME.OPTION``."""
        self._load = load
        self.gone = gone or {}
        self._found: dict[str, type[Plugin]] = {}
        """By name or dotted path, as the document has it."""
        self._defaults: dict[str, Mapping[str, object]] = {}

    def get(self, name: str) -> Configured[Plugin]:
        """Return a registered plugin with its defaults; load none by a path.

        Raises:
            UnknownNameError, PluginError: there is none, or it cannot be loaded.
        """
        plugin = self.registry.get(name)
        check_hooks(plugin)
        return Configured(plugin, self._defaults.get(name, {}))

    def find(self, name: str) -> Configured[Plugin]:
        """Return the plugin of this name or dotted path with its defaults.

        Raises:
            UnknownNameError, PluginError: there is none, or it cannot be loaded.
            OptionError: another class that the document names has the same name.
        """
        plugin = self._found.get(name)
        if plugin is None:
            plugin = self._find(name)
            check_hooks(plugin)
            for other, known in self._found.items():
                if known.name == plugin.name and known is not plugin:
                    why = (
                        f"and {other!r} are both named {plugin.name!r}: a section "
                        f"[{self.registry.kind}:NAME] with its {CALLABLE} renames one"
                    )
                    raise OptionError(why, given=name)
            self._found[name] = plugin
        return Configured(plugin, self._defaults.get(plugin.name, {}))

    def _find(self, name: str) -> type[Plugin]:
        try:
            return self.registry.get(name)
        except UnknownNameError:
            if not is_path(name):
                raise
        return self.add(name)

    def add(self, path: str, name: str = "") -> type[Plugin]:
        """Register the class at a dotted path, under a name if one is given.

        Raises:
            PluginError: it cannot be loaded.
        """
        plugin = self._load(self.registry.kind, path, name)
        assert issubclass(plugin, self.registry.base)
        self.registry.register(plugin)
        return plugin

    def configure(self, name: str, given: Mapping[str, object]) -> None:
        """Make these options defaults of a plugin, over those it was given earlier.

        Raises:
            UnknownNameError, PluginError: there is none, or it cannot be loaded.
            OptionError: it has no such option, or does not allow the value.
        """
        plugin = self.find(name).plugin
        declared = options_of(plugin)
        values: dict[str, object] = {}
        gone: dict[str, object] = {}
        for key, value in given.items():
            if key in declared:
                values[key] = declared[key].parse(value)
            elif key in self.gone:
                gone[f"{self.registry.kind}.{plugin.name}.{key}"] = self.gone[key].parse(value)
            elif takes_more(plugin):
                values[key] = value
            else:
                raise OptionError("is an unknown option", key=key, allowed=one_of(declared))
        defaults = plugin.over(self._defaults.get(plugin.name, {}), values)
        plugin.configured(defaults)
        self._defaults[plugin.name] = defaults
        self.gone_values |= gone


class Names:
    """The behaviors and the protocols that a document may name."""

    def __init__(
        self,
        behaviors: Registry[Behavior],
        protocols: Registry[Protocol],
        load: Load,
        gone: Mapping[str, Option],
    ) -> None:
        """``gone``: options of protocols that are accepted for old plugins."""
        self.behaviors = Plugins(behaviors, load)
        self.protocols = Plugins(protocols, load, gone)

    def adopt(self) -> Callable[[], None]:
        """Register only these plugins for the process; return a function that undoes it."""
        before = registered_behaviors.copy(), registered_protocols.copy()

        def undo() -> None:
            registered_behaviors.become(before[0])
            registered_protocols.become(before[1])

        registered_behaviors.become(self.behaviors.registry)
        registered_protocols.become(self.protocols.registry)
        return undo

    def load_paths(self, content: Content) -> None:
        """Load the classes that a document names by their paths.

        Sections of options, and flags, may call them by their own names afterwards.  One
        that cannot be loaded is reported where it is used.
        """
        for kind in (self.behaviors, self.protocols):
            for name, section in _tables(content.get(f"{kind.registry.kind}s")):
                path = section.get(CALLABLE)
                if isinstance(path, str) and path:
                    with suppress(VaurienError):
                        kind.add(path, name)
        for _, proxy in _tables(content.get("proxies")):
            for name in filter(is_path, _behaviors_in(proxy)):
                with suppress(VaurienError):
                    self.behaviors.find(name)
            protocol = proxy.get("protocol")
            if isinstance(protocol, str) and is_path(protocol):
                with suppress(VaurienError):
                    self.protocols.find(protocol)


def check_hooks(plugin: type[Configurable]) -> None:
    """Refuse a behavior that can do nothing; an old one, which is open-ended, has other hooks.

    Raises:
        PluginError: it overrides no hook.
    """
    if plugin.open_ended or not issubclass(plugin, Behavior):
        return
    if not (plugin.inert or plugin.refuses or any(map(plugin.overrides, HOOKS))):
        why = f"does nothing: it overrides none of {', '.join(HOOKS)}, and is not inert"
        raise PluginError(f"the behavior {plugin.name!r} {why}")


def is_path(name: str) -> bool:
    """Whether this may be ``package.module.Class`` or ``package.module:Class``."""
    return "." in name or ":" in name


def takes_more(plugin: type[Configurable]) -> bool:
    """Whether a plugin takes options that it does not declare; its rules tell which."""
    if plugin.open_ended or not issubclass(plugin, Behavior):
        return plugin.open_ended
    return any("further_options" in vars(each) for each in plugin.__mro__ if each is not Behavior)


def _tables(content: object) -> list[tuple[str, Content]]:
    """Return the tables of a table of tables, if it is one."""
    inner = content.items() if isinstance(content, Mapping) else ()
    return [(str(name), table) for name, table in inner if isinstance(table, Mapping)]


def _behaviors_in(proxy: Content) -> Iterator[str]:
    """Yield the names of behaviors in a proxy's mix and rules."""
    mix = proxy.get("behavior")
    if isinstance(mix, str):
        yield from (part.partition(":")[2].strip() for part in mix.split(","))
    rules = proxy.get("rules")
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, Mapping) and isinstance(rule.get("behavior"), str):
            yield rule["behavior"]
