"""A document of texts, each made the type that its option takes: INI has no types, TOML has.

What is wrong stays a text, and is reported when the document is understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ..behavior import Behavior
from ..errors import OptionError, VaurienError
from ..protocol import Protocol
from ..rules.notation import RULE_KEYS
from ..values.options import Option, options_of
from .document import Content, Document
from .names import CALLABLE, Names, Plugins
from .sections import guessed
from .setting import NAME
from .settings import PROTOCOL, TLS, TOP_OPTIONS
from .understand import STATSD_OPTIONS

Options = Mapping[str, Option]


def typed(document: Document, names: Names) -> dict[str, object]:
    """Return the content of a document that was read from an INI file."""
    names.load_paths(document.content)
    typing = _Typing(document, names)
    return {key: typing.value(key, value) for key, value in document.content.items()}


class _Typing:
    """Converts the values of one document."""

    def __init__(self, document: Document, names: Names) -> None:
        self._names = names
        found = document.find("proxies", NAME, "protocol")
        self._protocol: type[Protocol] = Protocol
        with suppress(VaurienError):
            name = str(found[1] if found else PROTOCOL.default)
            self._protocol = names.protocols.find(name).plugin

    def value(self, key: str, value: object) -> object:
        """Return a value at the top of the document."""
        if not isinstance(value, Mapping):
            return _typed(value, TOP_OPTIONS.get(key))
        if key == "statsd":
            return _table(value, STATSD_OPTIONS)
        if key == "proxies":
            return {name: self._proxy(table) for name, table in value.items()}
        kind = self._names.behaviors if key == "behaviors" else self._names.protocols
        return {name: self._section(kind, name, table) for name, table in value.items()}

    def _proxy(self, table: Content) -> dict[str, object]:
        given = dict(table)
        if isinstance(rules := given.get("rules"), list):
            given["rules"] = [self._rule(rule) for rule in rules]
        if isinstance(tls := given.get(TLS), Mapping):
            from .tls import TLS_OPTIONS

            given[TLS] = _table(tls, TLS_OPTIONS)
        return given

    def _rule(self, rule: object) -> object:
        if not isinstance(rule, Mapping):
            return rule
        options = self._options(self._names.behaviors, str(rule["behavior"]), rule)
        return _table(rule, {**RULE_KEYS, **options})

    def _section(
        self, kind: Plugins[Behavior] | Plugins[Protocol], name: str, table: Content
    ) -> dict[str, object]:
        options = self._options(kind, name, table)
        given = dict(table)
        with suppress(VaurienError):
            if kind.find(name).plugin.open_ended:
                known = {*options, CALLABLE}
                given |= {key: guessed(table[key]) for key in table if key not in known}
        return _table(given, options)

    def _options(
        self, kind: Plugins[Behavior] | Plugins[Protocol], name: str, given: Content
    ) -> Options:
        """Return the options of a plugin when it is given this; none if it is unknown."""
        options: dict[str, Option] = {}
        with suppress(VaurienError):
            plugin = kind.find(name).plugin
            options |= {**kind.gone, **options_of(plugin)}
            if issubclass(plugin, Behavior):
                options |= plugin.further_options(given, self._protocol)
        return options


def _table(table: Content, options: Options) -> dict[str, object]:
    return {key: _typed(value, options.get(key)) for key, value in table.items()}


def _typed(value: object, option: Option | None) -> object:
    if option is not None:
        with suppress(OptionError):
            return option.parse(value)
    return value
