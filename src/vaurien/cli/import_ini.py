"""``vaurien import-ini``: an INI file as the TOML that says the same."""

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
"""Around the name of a variable which is to stay one: no file of text has it."""
MARKED = re.compile(f"{MARK}(\\w+){MARK}")
LITERAL = re.compile(r"\$\{\w+\}")
GONE = "has no effect; old plugins find it in their settings"
HELP = """Write the TOML that says what an INI file says, for 'vaurien serve'.

The files that it extends are taken in; ${NAME} stays. The proxy is named vaurien, so that
the same seed gives the same decisions.
"""


class Kept(dict[str, str]):
    """An environment in which every variable stands for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        self.names.add(name)
        return f"{MARK}{name}{MARK}"


def toml_of(document: Document) -> str:
    """The text of a document, variables and all."""
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
        "\n".join([f"# Made of {printable(document.file)}.", *written(content, notes=notes)]) + "\n"
    )


def unmarked(value: object) -> object:
    """A value with variables as TOML files have them."""
    if isinstance(value, Mapping):
        return {key: unmarked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unmarked(inner) for inner in value]
    if isinstance(value, str):
        return MARKED.sub(r"${\1}", LITERAL.sub(lambda found: f"${found[0]}", value))
    return value


def check(text: str, file: str) -> None:
    """Understand a text as TOML.

    Raises:
        DocumentError: it cannot be used; the file to blame is the one that it was made of.
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
@click.option("-o", "output", metavar="FILE", help="Where to write, if not to standard output.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
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
                f"vaurien: not checked, since these variables are not set: {names}", err=True
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
        raise ConfigError(f"-o={output!r}: there is such a file; --force replaces it") from None
    except OSError as error:
        raise ConfigError(f"-o={output!r} cannot be written: {error.strerror}") from None


import_ini = click.command("vaurien import-ini", cls=OneLine, help=HELP)(_import_ini)
