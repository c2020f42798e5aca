"""``vaurien apply`` and ``vaurien export``: all proxies, as a configuration file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

import click

from ... import plugins
from ...config.configuration import Configuration
from ...config.document import Document
from ...config.settings import SEED
from ...config.source import Source
from ...config.state import to_document
from ...config.toml import toml_lines
from ...values.texts import printable
from ..command import say
from .command import Session, api_command, switch
from .notations import json_text
from .output import GREEN, RED, YELLOW, Resource, View, colored, document, shows_colors
from .rules import options_text

APPLY = """Make the proxies of a running vaurien exactly those of a file, or change nothing.

\b
  vaurien apply -f vaurien.toml --dry-run    show what would change
  vaurien apply -f vaurien.toml              change it, and show what has changed

FILE is what 'vaurien serve' reads, or - for TOML from standard input. Proxies that the file
does not declare are removed; those that do not change are not disturbed. Settings of the
process, such as the log, are ignored, and named.
"""
EXPORT = """Write all proxies and their rules as a configuration file, to standard output."""
OF_STATE = {"proxies", "seed", "behaviors", "protocols", "generation"}
OF_STATE_TOO = {"timeout", "connect_timeout", "max_connections", "backlog"}
"""Keys at the top of a file that say something of proxies."""
SIGNS = {"add": ("+", GREEN), "remove": ("-", RED), "change": ("~", YELLOW)}
CHANGES = View(
    {
        "OP": lambda change: change.get("op"),
        "PROXY": lambda change: change.get("proxy"),
        "PATH": lambda change: change.get("path"),
        "BEFORE": lambda change: _value(change.get("before")),
        "AFTER": lambda change: _value(change.get("after")),
    },
    ("proxy",),
)


def _value(value: object) -> str:
    return "" if value is None else json_text(value, indent=None)


def _apply(session: Session, file: str, dry_run: bool) -> None:
    plugins.install()
    source = Source(file, plugins.load_named, API)
    read = _read_input() if file == "-" else source.read()
    if read.find(SEED.name) is None:
        source.seed = session.client.seed()
    configuration = source.understand(read)
    for line in ignored(configuration, read):
        say(line)
    changes = session.client.apply(wanted(configuration), dry_run=dry_run)
    if session.form is not None:
        session.show(changes, CHANGES)
    else:
        for line in diff_lines(changes, has_colors=shows_colors()):
            click.echo(line, color=True)
    would = "would be " if dry_run else ""
    say(f"{len(changes)} {'change' if len(changes) == 1 else 'changes'} {would}made")


API = Document({"http": True})
"""There is one: so a file may say that there are no proxies."""


def _read_input() -> Document:
    from ...config.files import parse

    return parse(sys.stdin.read(), "-")


def wanted(configuration: Configuration) -> dict[str, object]:
    """Return the state that the API is asked for."""
    content = to_document(configuration.state)
    proxies = content["proxies"]
    assert isinstance(proxies, Mapping)
    listed = [{"name": name, **table} for name, table in proxies.items()]
    return {"seed": content["seed"], "proxies": listed}


def ignored(configuration: Configuration, read: Document) -> Iterator[str]:
    """Yield the warnings, and name what is of the process."""
    yield from (f"warning: {warning}" for warning in configuration.warnings)
    known = OF_STATE | OF_STATE_TOO
    keys = [
        key
        for key in read.content
        if key.replace("-", "_") not in known and read.origins.get((key,)) != read.root
    ]
    if keys:
        yield f"ignored, because only the process itself can set them: {', '.join(keys)}"


def diff_lines(changes: Sequence[Resource], *, has_colors: bool = False) -> Iterator[str]:
    """Yield lines for each change: what is added, removed, or other than before."""
    for change in changes:
        sign, color = SIGNS.get(str(change.get("op")), ("?", ""))
        for text in _change_texts(change):
            yield colored(f"{sign} {text}", color, has_colors)


def _change_texts(change: Resource) -> Iterator[str]:
    before, after = change.get("before"), change.get("after")
    proxy, path = str(change.get("proxy") or ""), str(change.get("path") or "").lstrip("/")
    whole = after if isinstance(after, Mapping) else before
    if not isinstance(whole, Mapping) or (path and "behavior" not in whole):
        values = " -> ".join(filter(None, (_value(before), _value(after))))
        yield printable(": ".join(filter(None, (proxy, path)))) + (f": {values}" if values else "")
    elif path:
        yield printable(f"{proxy}: {path}: {_rule_text(whole)}")
    else:
        yield printable(f"{proxy}: {whole.get('listen')} forwards to {whole.get('backend')}")
        rules = whole.get("rules")
        for rule in rules if isinstance(rules, list) else []:
            yield printable(f"{proxy}: rules/{rule.get('name')}: {_rule_text(rule)}")


def _rule_text(rule: Resource) -> str:
    return f"{rule.get('behavior')} {options_text(rule)}".rstrip()


def _export(session: Session, form: str) -> None:
    state = session.client.export()
    content: dict[str, object] = {key: value for key, value in state.items() if key != "proxies"}
    proxies = state.get("proxies")
    tables = (
        {str(proxy["name"]): _table(proxy) for proxy in proxies if isinstance(proxy, Mapping)}
        if isinstance(proxies, list)
        else {}
    )
    content["proxies"] = tables
    if form == "toml":
        click.echo("\n".join(toml_lines(content)))
    else:
        click.echo(document(content, form))


def _table(proxy: Mapping[str, object]) -> dict[str, object]:
    """Return a proxy as a table of a file: without its name, and what is empty."""
    return {
        key: value for key, value in proxy.items() if key != "name" and value not in ({}, [], None)
    }


apply = api_command(
    "apply",
    _apply,
    APPLY,
    [
        click.Option(["-f", "--file"], required=True, metavar="FILE", help="The file."),
        switch("--dry-run", "Change nothing, only show what would change."),
    ],
)
export = api_command(
    "export",
    _export,
    EXPORT,
    [
        click.Option(
            ["-o", "--output", "form"],
            type=click.Choice(["toml", "json", "yaml"]),
            default="toml",
            help="The form; apply reads toml and json.  [default: toml]",
        )
    ],
    has_forms=False,
)
