"""``vaurien import-ini``: convert an INI file to TOML."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import click

from .. import plugins
from ..config import files, ini
from ..config.document import Document, DocumentError, merged
from ..config.names import Names
from ..config.sections import ADDRESSES
from ..config.settings import GONE_PROTOCOL_OPTIONS, SETTINGS, WITHOUT_EFFECT
from ..config.source import Source
from ..config.toml import toml_lines
from ..config.typed import typed
from ..registry import behaviors, protocols
from ..values.texts import printable
from .command import OneLine, say
from .files import FORCE, OUTPUT, write

MARK = "\0"
"""Encloses the name of a variable that is kept; no text file contains it."""
MARKED = re.compile(f"{MARK}(\\w+){MARK}")
QUOTED = re.compile(r"\\x00(\w+)\\x00")
"""A mark in a value that an error quotes."""
LITERAL = re.compile(r"\$\{\w+\}")
GONE = "has no effect; kept for old plugins"
HELP = """Convert an INI file to TOML, for 'vaurien serve'.

Files that it extends are included; ${NAME} is kept. The proxy is named vaurien, so that
the same seed gives the same decisions.
"""


class Kept(dict[str, str]):
    """An environment that keeps every variable, marked, and records its name."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        self.names.add(name)
        return f"{MARK}{name}{MARK}"


def toml_of(document: Document, name: str) -> str:
    """Return the document of an INI file as TOML, its variables included."""
    keys = [setting.key for setting in SETTINGS if setting.heading == WITHOUT_EFFECT]
    notes: dict[tuple[str, ...], str] = {(key,): GONE for key in keys}
    known = behaviors.copy(), protocols.copy()
    names = Names(*known, cache(plugins.load_named), GONE_PROTOCOL_OPTIONS)
    content = unmarked(typed(merged(ADDRESSES, document), names))
    assert isinstance(content, Mapping)
    sections = content.get("protocols", {})
    if isinstance(sections, Mapping):
        notes |= {
            ("protocols", each, key): GONE for each in sections for key in GONE_PROTOCOL_OPTIONS
        }
    return (
        "\n".join([f"# Converted from {printable(name)}.", *toml_lines(content, notes=notes)])
        + "\n"
    )


def unmarked(value: object) -> object:
    """Return a value with its variables written as in TOML files."""
    if isinstance(value, Mapping):
        return {key: unmarked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unmarked(inner) for inner in value]
    if isinstance(value, str):
        return MARKED.sub(r"${\1}", LITERAL.sub(lambda found: f"${found[0]}", value))
    return value


@contextmanager
def unmarked_problems() -> Iterator[None]:
    """Name the variables in errors as users write them."""
    try:
        yield
    except DocumentError as error:
        raise DocumentError(
            replace(
                problem,
                given=QUOTED.sub(r"${\1}", problem.given),
                why=QUOTED.sub(r"${\1}", problem.why),
            )
            for problem in error.problems
        ) from None


def check(text: str, file: str) -> None:
    """Check a configuration in TOML.

    Raises:
        DocumentError: it cannot be used; ``file`` is what messages name.
    """
    source = Source(file, plugins.load_named)
    source.understand(files.parse(text, file))


def _import_ini(file: str, output: str | None, force: bool) -> None:
    plugins.install()
    kept = Kept()
    with unmarked_problems():
        document = ini.read(file, kept, os.environ)
        if document.problems:
            raise DocumentError(document.problems)
        text = toml_of(document, file)
    lacking = sorted(kept.names - set(os.environ))
    if lacking:
        say(f"not checked, because these variables are not set: {', '.join(lacking)}")
    else:
        check(text, file)
    write(text, output, force=force)


import_ini = OneLine(
    "vaurien import-ini",
    callback=_import_ini,
    params=[click.Argument(["file"]), OUTPUT, FORCE],
    help=HELP,
)
