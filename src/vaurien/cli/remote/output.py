"""What commands print: tables for people; JSON, YAML, fields with tabs, or names for programs.

Law: data goes to standard output, and no control character of a name or of traffic with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from ...values.texts import printable
from .notations import json_text, yaml_lines

FORMS = ("table", "json", "yaml", "tsv", "name")
GAP = "  "
PLAIN, BOLD, RED, GREEN, YELLOW = (f"\x1b[{code}m" for code in (0, 1, 31, 32, 33))
COLORS = {
    "enabled": GREEN,
    "on": GREEN,
    "disabled": RED,
    "off": YELLOW,
    "paused": YELLOW,
}
"""The colours of words that tell a state."""

Resource = Mapping[str, object]


@dataclass(frozen=True)
class View:
    """How resources of one kind are shown in lines."""

    columns: Mapping[str, Callable[[Resource], object]]
    """Cells by the heading of the column; those with None are empty."""
    names: Sequence[str] = ("name",)
    """The keys of what identifies a resource."""

    def rows(self, resources: Sequence[Resource]) -> list[list[str]]:
        return [
            [text_of(cell(resource)) for cell in self.columns.values()] for resource in resources
        ]


def in_status(resource: Resource, *keys: str) -> object:
    """Return a value from the status of a resource; None if it is not there."""
    value: object = resource.get("status")
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text_of(value: object) -> str:
    """Return a value as the text of a cell."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else printable(str(value))


def lines_of(
    resources: Sequence[Resource], view: View, form: str, *, has_colors: bool = False
) -> Iterator[str]:
    """Yield the lines that show resources in one of ``FORMS``."""
    if form == "name":
        for resource in resources:
            yield "\t".join(text_of(resource.get(key)) for key in view.names)
    elif form == "tsv":
        yield from ("\t".join(row) for row in view.rows(resources))
    elif form == "table":
        yield from table_lines(list(view.columns), view.rows(resources), has_colors=has_colors)
    else:
        yield document(list(resources), form)


def document(value: object, form: str) -> str:
    """Return a value as JSON or YAML."""
    if form == "json":
        return json_text(value)
    return "\n".join(yaml_lines(value))


def table_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, has_colors: bool = False
) -> Iterator[str]:
    """Yield the lines of a table whose columns are aligned."""
    widths = [max(map(width, cells)) for cells in zip(headings, *rows, strict=True)]
    for row in [headings, *rows]:
        cells = [
            colored(cell, BOLD if row is headings else COLORS.get(cell, ""), has_colors)
            + " " * (size - width(cell))
            for cell, size in zip(row, widths, strict=True)
        ]
        yield GAP.join(cells).rstrip()


def width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def colored(text: str, color: str, has_colors: bool) -> str:
    return f"{color}{text}{PLAIN}" if color and has_colors else text


def shows_colors() -> bool:
    """Return whether standard output is a terminal, and colours are wanted there."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()
