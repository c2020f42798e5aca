"""Wrap old plugins as current plugin classes.

An adapted behavior passes messages on, and an adapted protocol parses nothing: the old
plugin does its work in a ``Session``.  The wrapper lets registries, the command line, the
API and plans treat it like any other plugin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import ClassVar, Self, cast

from ..behavior import Behavior, Scope
from ..errors import OptionError, PluginError
from ..protocol import Protocol
from ..values.messages import Direction
from ..values.options import Configurable, Option, Value, option, options_of
from .forms import BaseProtocol, form_of

Foreign = tuple[Callable[[str], object], object]
PLAIN_TYPES: tuple[type[Value], ...] = (bool, int, float, str)


class Adapted(Configurable):
    """An old plugin with its options as fields: adapted behaviors and protocols."""

    plugin: ClassVar[object]
    """The old class, an instance of one, or a function."""
    foreign: ClassVar[Mapping[str, Foreign]] = {}
    """Type and default of the options that are strings here, because their type is not bool,
    int, float or str, or their default is None."""
    open_ended: ClassVar[bool] = True
    """It accepts undeclared options: old plugins read them from ``settings``."""

    undeclared: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def configured(cls, values: Mapping[str, object]) -> Self:
        """Return an instance with these option values, including undeclared ones.

        Raises:
            OptionError: a value is not allowed.
        """
        known = options_of(cls)
        declared: dict[str, Value] = {}
        undeclared: dict[str, Value] = {}
        for name, value in values.items():
            if name in known:
                declared[name] = known[name].parse(value)
            else:
                undeclared[name] = value if isinstance(value, PLAIN_TYPES) else str(value)
        made = cls(undeclared=tuple(sorted(undeclared.items())), **declared)
        made.old_settings()  # raises if a foreign type refuses its string
        return made

    def settings(self) -> dict[str, Value]:
        return super().settings() | dict(self.undeclared)

    def old_settings(self) -> dict[str, object]:
        """Return the settings for the old plugin.

        Raises:
            OptionError: an option's type refuses its string.
        """
        settings: dict[str, object] = dict(self.settings())
        for name, (type_, default) in self.foreign.items():
            text = str(settings[name])
            if text == options_of(type(self))[name].default:
                settings[name] = default
                continue
            try:
                settings[name] = type_(text)
            except Exception as error:
                raise OptionError(f"is not allowed: {error}", key=name, given=text) from error
        return settings


class LegacyBehavior(Adapted, Behavior):
    """An old handler or behavior."""

    scopes: ClassVar[tuple[Scope, ...]] = ("connection",)
    per_connection: ClassVar[bool] = True
    """Drawn once, when a connection begins."""

    def concerns(self, direction: Direction) -> bool:
        del direction
        return False

    def fit(self, protocol: type[Protocol]) -> Self:
        if protocol.has_tls:
            why = "is an old plugin, which cannot be used where there is TLS"
            raise OptionError(why, key="behavior", given=self.name, allowed="a proxy without tls")
        return self


class LegacyProtocol(Adapted, Protocol):
    """An old protocol."""

    framed: ClassVar[bool] = False
    allows_tls: ClassVar[bool] = False


def is_legacy(plugin_class: type[Configurable]) -> bool:
    """Whether a plugin class is an adapted old plugin."""
    return issubclass(plugin_class, Adapted)


def adapt(plugin: Hashable) -> type[Behavior] | type[Protocol]:
    """Return the plugin class for an old one, always the same.

    Instead of a class, ``plugin`` may be an instance of it, or a function for a handler.

    Raises:
        PluginError: it has none of the old forms, or declares an option wrongly.
    """
    if form_of(plugin) is None:
        raise PluginError(
            f"{plugin!r} is not a plugin: it is not a subclass of vaurien.behavior.Behavior or "
            "vaurien.protocol.Protocol, and has none of the older forms, which define "
            "__call__ with three or four parameters, _handle, or on_before_handle and "
            "on_after_handle"
        )
    return _adapted(plugin)


@functools.cache
def _adapted(plugin: Hashable) -> type[Behavior] | type[Protocol]:
    protocol = form_of(plugin) is BaseProtocol
    base: type[Adapted] = LegacyProtocol if protocol else LegacyBehavior
    fields, foreign = _fields(plugin, base)
    name = str(getattr(plugin, "__name__", type(plugin).__name__))
    body = {
        "__doc__": plugin.__doc__,
        "__module__": plugin.__module__,
        "__annotations__": {name: type_ for name, (type_, _) in fields.items()},
        "name": getattr(plugin, "name", "") or name.lower(),
        "plugin": staticmethod(cast("Callable[..., object]", plugin)),  # do not bind a function
        "foreign": foreign,
        **{name: field for name, (_, field) in fields.items()},
    }
    return cast("type[Behavior] | type[Protocol]", type(name, (base,), body))


def _fields(
    plugin: object, base: type[Adapted]
) -> tuple[dict[str, tuple[type[Value], object]], dict[str, Foreign]]:
    """Return fields for the options of an old plugin, and which of them are foreign.

    Raises:
        PluginError: an option is declared wrongly.
    """
    fields: dict[str, tuple[type[Value], object]] = {}
    foreign: dict[str, Foreign] = {}
    for name, declaration in getattr(plugin, "options", {}).items():
        if not name.isidentifier() or hasattr(base, name):
            continue  # not possible as a field; it can be set like an undeclared one
        try:
            text, type_, default, *choices = declaration
            if not callable(type_):
                raise TypeError(f"{type_!r} is not a type")
            if type_ not in PLAIN_TYPES or default is None:
                foreign[name] = (type_, default)
                type_, default = str, "" if default is None else default
            field = option(
                type_(default),
                " ".join(str(text).split()),
                choices=tuple(map(type_, choices[0] or ())) if choices else (),
            )
            Option(name, type_, field.default, **field.metadata).parse(field.default)
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"the option {name!r} of {plugin!r} is declared as {declaration!r}; "
                f"expected (description, type, default) and optionally a list of choices: {error}"
            ) from None
        fields[name] = (type_, field)
    return fields, foreign
