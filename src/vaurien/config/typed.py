"""A document of texts with each as the type that its option takes: TOML has types, INI has none.

What is wrong stays a text, and is reported when the document is understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ..behavior import Behavior
from ..errors import OptionError, VaurienError
from ..protocol import Protocol
from ..rules.notation import RULE_KEYS, Entry
from ..values.options import Option, options_of
from .document import Content, Document
from .names import CALLABLE, Names, Plugins
from .sections import guessed
from .settings import NAME, PROTOCOL, STATSD_OPTIONS, TOP_OPTIONS

Options = Mapping[str, Option]
Table = dict[str, object]


def typed(document: Document, names: Names) -> Content:
    """Return the content of a document that an INI file says."""
    names.load_paths(document.content)
    content: Table = {}
    for key, value in document.content.items():
        if not isinstance(value, Mapping):
            content[key] = _typed(value, TOP_OPTIONS.get(key))
        elif key == "statsd":
            content[key] = _table(value, STATSD_OPTIONS)
        elif key == "protocols":
            content[key] = {name: _section(names.protocols, name, value[name]) for name in value}
        elif key == "behaviors":
            protocol = _protocol(document, names)
            content[key] = {
                name: _section(names.behaviors, name, value[name], protocol) for name in value
            }
        else:
            content[key] = {NAME: _proxy(value[NAME], _protocol(document, names), names)}
    return content


def _typed(value: object, option: Option | None) -> object:
    if option is not None:
        with suppress(OptionError):
            return option.parse(value)
    return value


def _table(table: Content, options: Options) -> Table:
    return {key: _typed(value, options.get(key)) for key, value in table.items()}


def _proxy(table: Content, protocol: type[Protocol], names: Names) -> Table:
    rules = table.get("rules")
    if not isinstance(rules, list):
        return dict(table)
    return {**table, "rules": [_rule(rule, protocol, names) for rule in rules]}


def _rule(rule: object, protocol: type[Protocol], names: Names) -> object:
    if not isinstance(rule, Mapping):
        return rule
    options = _options(names.behaviors, str(rule["behavior"]), rule, protocol)
    return _table(rule, {**RULE_KEYS, **options})


def _section(
    kind: Plugins[Behavior] | Plugins[Protocol],
    name: str,
    table: Content,
    protocol: type[Protocol] | None = None,
) -> Table:
    options = _options(kind, name, table, protocol)
    is_open = False
    with suppress(VaurienError):
        is_open = kind.find(name).plugin.open_ended
    return {
        key: guessed(value)
        if is_open and key not in options and key != CALLABLE
        else _typed(value, options.get(key))
        for key, value in table.items()
    }


def _options(
    kind: Plugins[Behavior] | Plugins[Protocol],
    name: str,
    given: Entry,
    protocol: type[Protocol] | None,
) -> Options:
    """Return the options of a plugin when it is given this; none if it is unknown."""
    with suppress(VaurienError):
        plugin = kind.find(name).plugin
        options = {**kind.gone, **options_of(plugin)}
        if protocol is not None and issubclass(plugin, Behavior):
            options |= plugin.further_options(given, protocol)
        return options
    return {}


def _protocol(document: Document, names: Names) -> type[Protocol]:
    """Return the protocol of the proxy, if it is known."""
    proxies = document.content.get("proxies")
    proxy = proxies[NAME] if isinstance(proxies, Mapping) else {}
    try:
        return names.protocols.find(str(proxy.get("protocol", PROTOCOL.default))).plugin
    except VaurienError:
        return Protocol
