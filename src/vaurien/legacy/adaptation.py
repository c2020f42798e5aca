"""Old plugins as plugin classes of today.

An adapted behavior leaves messages alone, and an adapted protocol parses nothing:
what they do, they do in a ``Session``.  They exist so that registries, the command
line, the API and plans treat old plugins like any other.
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

PLAIN_TYPES: tuple[type[Value], ...] = (bool, int, float, str)


class Adapted(Configurable):
    """What adapted behaviors and protocols share: an old plugin, and its options as fields."""

    plugin: ClassVar[object]
    """The old class, or an instance or a function in its place."""
    foreign: ClassVar[Mapping[str, tuple[Callable[[str], object], object]]] = {}
    """Type and default of the options that are shown as texts here: those whose type is
    neither a bool, a number nor a text, and those whose default is None."""
    open_ended: ClassVar[bool] = True
    """It takes options that it does not declare: old plugins read them from ``settings``."""

    undeclared: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def configured(cls, values: Mapping[str, object]) -> Self:
        """An instance with these option values, undeclared ones included.

        Raises:
            OptionError: a value that is not allowed.
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
        made.old_settings()  # a foreign type may refuse its text
        return made

    def settings(self) -> dict[str, Value]:
        return super().settings() | dict(self.undeclared)

    def old_settings(self) -> dict[str, object]:
        """The settings that the old plugin gets.

        Raises:
            OptionError: a text that an option's type refuses.
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
    """Whether it acts is decided when a connection begins."""

    def concerns(self, direction: Direction) -> bool:
        del direction
        return False


class LegacyProtocol(Adapted, Protocol):
    """An old protocol."""

    framed: ClassVar[bool] = False


def is_legacy(plugin_class: type[Configurable]) -> bool:
    """Whether a plugin class is an adapted old plugin."""
    return issubclass(plugin_class, Adapted)


def adapt(plugin: Hashable) -> type[Behavior] | type[Protocol]:
    """An old class as a plugin class; the same one each time.

    In the place of the class there may be an instance of it, and in that of a handler
    a function.

    Raises:
        PluginError: it has none of the old forms, or an option is not declared as it should be.
    """
    if form_of(plugin) is None:
        raise PluginError(
            f"{plugin!r} is no plugin: it is no subclass of vaurien.behavior.Behavior or "
            "vaurien.protocol.Protocol, and has none of the older forms either, which "
            "define __call__ with three parameters or four, _handle, or on_before_handle "
            "and on_after_handle"
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
        "plugin": staticmethod(cast("Callable[..., object]", plugin)),  # a function: don't bind it
        "foreign": foreign,
        **{name: field for name, (_, field) in fields.items()},
    }
    return cast("type[Behavior] | type[Protocol]", type(name, (base,), body))


def _fields(
    plugin: object, base: type[Adapted]
) -> tuple[
    dict[str, tuple[type[Value], object]], dict[str, tuple[Callable[[str], object], object]]
]:
    """The fields that declare the options of an old plugin, and which of them are foreign.

    Raises:
        PluginError: an option is not declared as it should be.
    """
    fields: dict[str, tuple[type[Value], object]] = {}
    foreign: dict[str, tuple[Callable[[str], object], object]] = {}
    for name, declaration in getattr(plugin, "options", {}).items():
        if not name.isidentifier() or hasattr(base, name):
            continue  # no field can have this name; it can still be set, as if undeclared
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
                f"it takes (description, type, default) and perhaps a list of choices: {error}"
            ) from None
        fields[name] = (type_, field)
    return fields, foreign
