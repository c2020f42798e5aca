"""``vaurien import-ini``: convert an INI file to TOML."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from .. import plugins
from ..config.configuration import Source, refuse
from ..config.conversion import converted
from ..config.documents import Document, DocumentError
from ..config.table import GONE_PROTOCOL_OPTIONS, SETTINGS, WITHOUT_EFFECT
from ..config.toml import written
from ..errors import ConfigError
from ..values.texts import printable
from .command import OneLine

MARK = "\0"
"""Encloses the name of a variable that is kept; no text file contains it."""
MARKED = re.compile(f"{MARK}(\\w+){MARK}")
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


def toml_of(document: Document) -> str:
    """Return a document as TOML, its variables included."""
    names = [setting.key for setting in SETTINGS if setting.heading == WITHOUT_EFFECT]
    notes: dict[tuple[str, ...], str] = {(name,): GONE for name in names}
    protocols = document.content.get("protocols", {})
    if isinstance(protocols, Mapping):
        notes |= {
            ("protocols", name, key): GONE for name in protocols for key in GONE_PROTOCOL_OPTIONS
        }
    content = unmarked(document.content)
    assert isinstance(content, Mapping)
    return (
        "\n".join([f"# Converted from {printable(document.file)}.", *written(content, notes=notes)])
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


def check(text: str, file: str) -> None:
    """Check a configuration in TOML.

    Raises:
        DocumentError: it cannot be used; the problems name the file it was converted from.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "vaurien.toml")
        path.write_text(text, "utf-8")
        source = Source(str(path), {})
        try:
            source.understand(source.read())
        except DocumentError as error:
            problems = (replace(problem, file=file) for problem in error.problems)
            raise DocumentError(problems) from None


@click.argument("file")
@click.option("-o", "output", metavar="FILE", help="File to write; the default is standard output.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def _import_ini(file: str, output: str | None, force: bool) -> None:
    plugins.install()
    kept = Kept()
    try:
        document = converted(file, kept)
        if document.problems:
            raise DocumentError(document.problems)
        text = toml_of(document)
        lacking = sorted(kept.names - set(os.environ))
        if lacking:
            names = ", ".join(lacking)
            click.echo(
                f"vaurien: not checked, because these variables are not set: {names}", err=True
            )
        else:
            check(text, file)
    except DocumentError as error:
        refuse(error)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with open(output, "w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise ConfigError(f"-o={output!r}: the file exists; --force overwrites it") from None
    except OSError as error:
        raise ConfigError(f"-o={output!r} cannot be written: {error.strerror}") from None


import_ini = click.command("vaurien import-ini", cls=OneLine, help=HELP)(_import_ini)
