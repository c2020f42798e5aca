"""``vaurien check-config``: check a configuration file, and report all errors."""

from __future__ import annotations

import click

from .. import plugins
from ..config import discovery, ini, sections
from ..config.configuration import Configuration
from ..config.document import Document, DocumentError, merged
from ..config.source import Source
from ..values.texts import printable
from .command import OneLine, counted, say
from .files import nothing_found

INI = ".ini"
HELP = """Check a configuration file and report all errors; nothing is opened or changed.

FILE is for 'vaurien serve' and 'vaurien run': TOML, or JSON, including Toxiproxy's. If
its name ends in .ini, FILE is for 'vaurien --config'. Without FILE, the one that they would
find is checked.
"""


def checked(name: str) -> Configuration:
    """Return what a file says.

    Raises:
        DocumentError: the file cannot be used.
    """
    source = Source(name, plugins.load_named)
    return source.understand(_of_ini(name) if name.endswith(INI) else source.read())


def _of_ini(name: str) -> Document:
    """Return the document of an INI file; if only one that it extends cannot be read, its rest."""
    try:
        document = ini.read(name)
    except DocumentError as error:
        document = error.or_rest()
    return merged(sections.ADDRESSES, document)


@click.argument("file", required=False, default="")
def _check_config(file: str) -> None:
    file = file or discovery.find()
    if not file:
        raise nothing_found()
    plugins.install()
    configuration = checked(file)
    state = configuration.state
    for warning in configuration.warnings:
        say(f"warning: {warning}")
    rules = sum(len(spec.plan.rules) for spec in state.proxies)
    proxies = counted(len(state.proxies), "proxy", "proxies")
    click.echo(f"{printable(file)}: ok, {proxies}, {counted(rules, 'rule', 'rules')}")


check_config = click.command("vaurien check-config", cls=OneLine, help=HELP)(_check_config)
