"""``vaurien import``: convert Toxiproxy's JSON to TOML."""

from __future__ import annotations

import click

from .. import plugins
from ..config.source import Source
from ..config.toml import toml_lines
from ..values.texts import printable
from .command import OneLine, say
from .files import FORCE, OUTPUT, write

HELP = """Convert Toxiproxy's JSON to TOML, for 'vaurien serve'.

FILE is what 'toxiproxy-server -config' reads, or what its API answers to GET /proxies. Its
toxics become rules. For an INI file: vaurien import-ini.
"""


def _import(file: str, output: str | None, force: bool) -> None:
    plugins.install()
    source = Source(file, plugins.load_named)
    document = source.read()
    for warning in source.understand(document).warnings:
        say(f"warning: {warning}")
    lines = [f"# Converted from {printable(file)}.", *toml_lines(document.content)]
    write("\n".join(lines) + "\n", output, force=force)


import_toxiproxy = OneLine(
    "vaurien import",
    callback=_import,
    params=[click.Argument(["file"]), OUTPUT, FORCE],
    help=HELP,
)
