"""INI files as documents: the one proxy they tell of is named ``vaurien``, so it draws alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import cast

from .. import plugins
from ..errors import ConfigError, OptionError, VaurienError
from ..plugins import PluginType
from ..protocol import Protocol
from ..registry import Registry, behaviors, protocols
from ..rules.notation import RULE_KEYS, Entry, parse_rule
from ..values.options import Option, options_of
from .chosen import CALLABLE, guessed
from .documents import INVALID, Document, DocumentError, Origin, Problem
from .formatting import Path, format_value
from .given import Given, Section, Sections
from .ini import read
from .settings import NAME
from .table import GONE_PROTOCOL_OPTIONS, settings_of

OF_THE_PROXY = {
    "proxy": "listen",
    "backend": "backend",
    "protocol": "protocol",
    "behavior": "behavior",
    "profile": "profile",
}
"""Keys of [vaurien] that are the proxy's, and what they are called there; rules are besides."""

Table = dict[str, object]


def converted(name: str, environment: Mapping[str, str] | None = None) -> Document:
    """What an INI file says, and the files it extends, as a document.

    Raises:
        DocumentError: it cannot be read.
    """
    try:
        sections = read(name) if environment is None else read(name, environment)
    except ConfigError as error:
        said = str(error).removeprefix(f"{name}: ")
        raise DocumentError(
            [Problem(name, "the file", "", "", f"cannot be read: {said}")]
        ) from None
    return _Conversion(sections, name).document()


class _Conversion:
    """The sections of one file on their way to be a document."""

    def __init__(self, sections: Sections, file: str) -> None:
        self._sections = sections
        self._file = file
        self._origins: dict[Path, Origin] = {}
        self._problems: list[Problem] = []
        self._proxy: Table = {}
        """What the proxy is told."""
        self._protocol = self._find_protocol()

    def document(self) -> Document:
        top: Table = {}
        for title, section in self._sections.items():
            kind, colon, name = title.partition(":")
            if colon:
                plugins_of_kind = cast(Table, top.setdefault(f"{kind}s", {}))
                plugins_of_kind[name] = self._plugin(kind, name, section)
            elif kind == "vaurien":
                self._take(section, kind, (), top)
            else:
                top[kind] = self._take(section, kind, (kind,), {})
        place = ("proxies", NAME)
        self._origins[place] = Origin(self._file, ("vaurien",))
        defaults = settings_of("vaurien")
        addresses = {
            OF_THE_PROXY[key]: defaults[key].option.default for key in ("proxy", "backend")
        }
        top["proxies"] = {NAME: {**addresses, **self._proxy}}
        return Document(top, self._file, self._origins, tuple(self._problems))

    def _take(self, section: Section, name: str, path: Path, table: Table) -> Table:
        """Put the values of a section into a table, those of the proxy elsewhere."""
        known = settings_of(name)
        for key, given in section.values.items():
            where = (*path, key)
            if name == "vaurien" and key == "rule":
                self._proxy["rules"] = list(self._rules(given))
                where = ("proxies", NAME, "rules")
            elif name == "vaurien" and key in OF_THE_PROXY:
                inner = OF_THE_PROXY[key]
                self._proxy[inner] = ",".join(given.texts)
                where = ("proxies", NAME, inner)
            else:
                text = _text(given)
                if key == "log_level":
                    text = text.lower()  # flags and INI files have it in any case
                table[key] = typed(text, known[key].option if key in known else None)
            self._origins[where] = Origin(self._file, (name, key))
        return table

    def _rules(self, given: Given) -> Iterator[object]:
        for text in filter(None, given.texts):
            try:
                entry = parse_rule(text)
            except OptionError as error:
                self._problems.append(
                    Problem(
                        self._file, "vaurien.rule", format_value(text), error.allowed, error.why
                    )
                )
                yield INVALID
                continue
            known = {**RULE_KEYS, **self._options(str(entry["behavior"]), entry)}
            yield {key: typed(value, known.get(key)) for key, value in entry.items()}

    def _plugin(self, kind: str, name: str, section: Section) -> Table:
        known: Mapping[str, Option] = {}
        values = {key: _text(given) for key, given in section.values.items()}
        path = values.get(CALLABLE, "")
        self._origins[(f"{kind}s", name)] = Origin(self._file, (f"{kind}:{name}",))
        if kind == behaviors.kind:
            known = self._options(name, values)
            is_old = _is_old(behaviors, name, path)
        else:
            is_old = _is_old(protocols, name, path)
            with suppress(VaurienError):
                known = {**GONE_PROTOCOL_OPTIONS, **options_of(protocols.get(name))}
        return {
            key: guessed(section.values[key])
            if is_old and key not in known and key != CALLABLE
            else typed(value, known.get(key))
            for key, value in values.items()
        }

    def _options(self, name: str, given: Entry) -> Mapping[str, Option]:
        """The options of a behavior, if it is known: what is wrong comes out later."""
        try:
            behavior = plugins.find_behavior(name)
            further = behavior.further_options(given, self._protocol)
            return {**options_of(behavior), **further}
        except VaurienError:
            return {}

    def _find_protocol(self) -> type[Protocol]:
        """That of the proxy, if it is known."""
        values = self._sections.get("vaurien", Section("")).values
        given = values.get("protocol")
        try:
            return plugins.find(protocols, str(given.value)) if given else Protocol
        except VaurienError:
            return Protocol


def _is_old(registry: Registry[PluginType], name: str, path: str) -> bool:
    """Whether a plugin takes what it does not declare, each value for what it looks like."""
    try:
        plugin = plugins.load(registry, path) if path else registry.get(name)
    except VaurienError:  # that comes out later
        return False
    return plugins.is_old(plugin)


def typed(value: object, option: Option | None) -> object:
    """A text as the number, or the true or false, that an option takes it for."""
    if option is None:
        return value
    with suppress(OptionError):
        return option.parse(value)
    return value


def _text(given: Given) -> str:
    return "\n".join(given.texts)
