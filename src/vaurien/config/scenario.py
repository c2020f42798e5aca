"""Scenario files: faults at exchanges that a person chose, in TOML.

::

    # the answer to the first SET of an order is lost
    [[fire]]
    proxy = "cache"
    behavior = "reply-lost"
    exchange = { command = "SET", key = "~^orders:" }

Each ``[[fire]]`` becomes a rule of its proxy, and the place where it fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..rules.notation import Entry
from ..values.options import Option
from ..values.texts import printable
from .document import Document
from .formatting import format_value
from .problems import Problems
from .tables import Table
from .toml import toml_lines

OCCURRENCE = Option("occurrence", int, 1, "which of these exchanges", minimum=1)
LASTING = Option("lasting", bool, False, "from there on")
INSTEAD = {
    "after": "occurrence",
    "every": "occurrence",
    "times": "lasting",
    "percent": "occurrence",
    "mix": "occurrence",
}
"""Keys of a rule that say when it fires, and what says so here."""
LABELS = "a table of labels"


@dataclass(frozen=True)
class Fire:
    """A fault, and where it strikes."""

    proxy: str
    behavior: str
    options: Mapping[str, object] = field(default_factory=dict)
    """Further keys of a rule."""
    exchange: Mapping[str, str] = field(default_factory=dict)
    """Labels to match, as in rules."""
    occurrence: int = 1
    """Which exchange, or connection, with these labels."""
    lasting: bool = False
    """From there on."""
    name: str = ""
    """The name of its rule."""

    @property
    def entry(self) -> Entry:
        """Its rule, as users write rules."""
        match = {f"match.{label}": text for label, text in self.exchange.items()}
        return {"behavior": self.behavior, **self.options, **match, "name": self.name}


def fires_of(document: Document, problems: Problems) -> list[Fire]:
    """Return what a scenario file says; its problems are added to ``problems``."""
    top = Table(document.content, (), problems)
    fires = [
        fire
        for number, (path, content) in enumerate(top.items("fire"), 1)
        if (fire := _fire(Table(content, path, problems), number)) is not None
    ]
    top.end()
    if not fires and not problems.found:
        problems.add(("fire",), why="is missing", allowed="[[fire]] for each fault")
    return fires


def _fire(table: Table, number: int) -> Fire | None:
    problems = table.problems
    for key in ("proxy", "behavior"):
        table.need(key, "a name")
    proxy, behavior = table.text("proxy")[1], table.text("behavior")[1]
    name = table.text("name")[1] or f"fire-{number}"
    options = {}
    inner = table.table("options")
    for key, (path, value) in inner.plain().items():
        if key in INSTEAD:
            problems.add(path, format_value(value), f"is not for scenarios: use {INSTEAD[key]}")
        options[key] = value
    labels: dict[str, str] = {}
    for label, (path, value) in table.table("exchange").plain().items():
        if not isinstance(value, str):
            problems.add(path, format_value(value), allowed="a text")
        labels[label] = str(value)
    occurrence, lasting = table.take(OCCURRENCE), table.take(LASTING)
    table.end()
    if not (proxy and behavior):
        return None
    return Fire(proxy, behavior, options, labels, int(occurrence or 1), bool(lasting), name)


def to_toml(fires: Iterable[Fire], title: str) -> str:
    """Return a scenario file; ``title`` is its first line, as a comment."""
    tables = []
    for fire in fires:
        table: dict[str, object] = {"proxy": fire.proxy, "behavior": fire.behavior}
        if fire.occurrence != 1:
            table["occurrence"] = fire.occurrence
        if fire.lasting:
            table["lasting"] = True
        for key, value in (("options", fire.options), ("exchange", fire.exchange)):
            if value:
                table[key] = dict(value)
        tables.append(table)
    return "\n".join([f"# {printable(title)}", *toml_lines({"fire": tables})]) + "\n"
