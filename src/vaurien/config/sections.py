"""Settings that are texts by section and key, as a document: what flags and INI files share.

The one proxy that they describe is named ``vaurien``, so it makes the same decisions as any
other proxy of that name.
"""

from __future__ import annotations

from typing import cast

from ..errors import OptionError
from ..rules.notation import parse_rule
from ..values.options import one_of
from .document import INVALID, Document, DocumentError, FilePart, Flag, Origin, Problem
from .formatting import Path, format_value
from .problems import suggestion
from .setting import NAME, Setting
from .settings import (
    BY_SECTION,
    ENCRYPTION,
    GONE_PROTOCOL_OPTIONS,
    HANDLERS,
    SETTINGS,
)

Text = str | bool | tuple[str, ...]
"""A value; a tuple where there may be several."""


def _defaults(keys: tuple[str, ...]) -> Document:
    settings = [setting for setting in SETTINGS if setting.of_proxy in keys]
    return Document(
        {"proxies": {NAME: {setting.of_proxy: setting.option.default for setting in settings}}},
        Flag("the command line"),
        {setting.path: Flag(setting.flag) for setting in settings},
    )


DEFAULTS = _defaults(("listen", "backend", "protocol", "behavior"))
"""The defaults of the command with one proxy."""
ADDRESSES = _defaults(("listen", "backend"))
"""The defaults that complete an INI file by itself, without flags."""


MODE = BY_SECTION["vaurien"]["tls"]
"""What the other settings of TLS need."""
NOT_EMPTY = {
    "profile": "the name of a profile",
    "recipe": "the name of a recipe",
    **{
        key: BY_SECTION["vaurien"][key].metavar
        for key in ("journal", "http_socket", "token_file", "port_file")
    },
    **{
        key: setting.metavar
        for key, setting in BY_SECTION["vaurien"].items()
        if setting.heading == ENCRYPTION
    },
}
"""Flags whose absence means none, and what they take."""


def of_handler(name: str, key: str) -> tuple[str, str]:
    """Return today's section and key of a handler's option; a switch ``http`` chose a protocol."""
    if name in HANDLERS and key in GONE_PROTOCOL_OPTIONS:
        return "protocol:tcp", key
    if name in HANDLERS and key in ("http", "protocol"):
        return "vaurien", "protocol"
    return f"behavior:{name}", key


class Sections:
    """A document in the making, of values given by section and key."""

    def __init__(self, root: Origin | None = None) -> None:
        self._root = root
        self._content: dict[str, object] = {}
        self._origins: dict[Path, Origin] = {}
        self._problems: list[Problem] = []

    def document(self) -> Document:
        return Document(self._content, self._root, self._origins, tuple(self._problems))

    def report(self, error: DocumentError) -> None:
        """Add problems to those of the document."""
        self._problems += error.problems

    def open(self, section: str, origin: Origin) -> None:
        """Begin a section: ``vaurien``, ``statsd``, ``behavior:NAME`` or ``protocol:NAME``."""
        path: Path = ("proxies", NAME)
        if section != "vaurien":
            path = _path_of(section)
            self._table(path)
        self._origins[path] = origin

    def add(self, section: str, key: str, value: Text, origin: Origin) -> None:
        """Set a key of a section."""
        if ":" in section:
            text = "\n".join(value) if isinstance(value, tuple) else value
            self._put((*_path_of(section), key), text, origin)
            return
        setting = BY_SECTION[section].get(key)
        if setting is not None and setting.heading == ENCRYPTION and isinstance(origin, Flag):
            self._origins.setdefault(MODE.path, Flag(MODE.flag))
        if setting is None:
            self._add_unknown(section, key, value, origin)
        elif setting.of_proxy == "rules":
            self._add_rules(setting, value if isinstance(value, tuple) else (str(value),), origin)
        elif value in ("", ("",)) and key in NOT_EMPTY and isinstance(origin, Flag):
            self._problems.append(Problem(origin, "''", NOT_EMPTY[key]))
        elif setting.of_proxy == "behavior" and isinstance(value, tuple):
            self._put(setting.path, ",".join(value), origin)
        elif key in ("log_level", "log_format"):
            self._put(setting.path, str(value).lower(), origin)
        elif isinstance(value, tuple):
            self._put(setting.path, value[0] if len(value) == 1 else list(value), origin)
        else:
            self._put(setting.path, value, origin)

    def _add_rules(self, setting: Setting, texts: tuple[str, ...], origin: Origin) -> None:
        rules: list[object] = []
        self._put(setting.path, rules, origin)
        if texts == ("",) and not isinstance(origin, Flag):  # a key of an INI file without a value
            return
        for text in texts:
            where = _with_value(origin, text)
            self._origins[(*setting.path, len(rules))] = where
            try:
                rules.append(parse_rule(text))
            except OptionError as error:
                rules.append(INVALID)
                problem = Problem(origin, format_value(text), error.allowed, error.why)
                self._problems.append(problem)

    def _add_unknown(self, section: str, key: str, value: Text, origin: Origin) -> None:
        known = list(BY_SECTION[section])
        why = f"is an unknown key{suggestion(key, known)}"
        self._problems.append(Problem(origin, format_value(value), one_of(known), why))

    def _put(self, path: Path, value: object, origin: Origin) -> None:
        self._table(path[:-1])[str(path[-1])] = value
        self._origins[path] = origin

    def _table(self, path: Path) -> dict[str, object]:
        table = self._content
        for key in path:
            table = cast("dict[str, object]", table.setdefault(str(key), {}))
        return table


def _path_of(section: str) -> Path:
    """Return where a section is in a document: ``behavior:delay`` is ``behaviors.delay``."""
    kind, colon, name = section.partition(":")
    return (f"{kind}s", name) if colon else (kind,)


def _with_value(origin: Origin, text: str) -> Origin:
    """Return the place of a value whose parts have keys: ``--rule 'delay sleep=2'``."""
    if isinstance(origin, FilePart):
        return FilePart(origin.file, f"{origin.part} {text!r}")
    return Flag(f"{origin} {text!r}")


def guessed(text: object) -> object:
    """Return what a text without a declared type looks like: a whole number, true or false."""
    if not isinstance(text, str):
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return text


def origin_of(document: Document, key: str) -> Origin:
    """Return where a setting outside of sections was given; its flag if it was not."""
    setting = BY_SECTION["vaurien"][key]
    found = document.find(*setting.path)
    return document.origin(found[0]) if found else Flag(setting.flag)
