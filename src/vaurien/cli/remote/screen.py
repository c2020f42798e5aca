"""What ``vaurien top`` shows: samples as a table that is sorted and scrolled.

Law: it reads nothing and writes nothing; it is told what happens, and says which lines to draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...values.texts import printable
from ..command import counted
from .output import BOLD, GAP, RED, Resource, View, colored, table_lines, text_of, width

UNITS = ("", "k", "M", "G", "T")
QUIT = "qQ"
KEYS = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "k": "up",
    "j": "down",
    "r": "reverse",
}
"""What terminals send for keys; in their other mode, ``O`` is in the place of ``[``."""
MARKS = ("▲", "▼")
NAME_LIMIT = 40
NAME_PART = 3
"""A name takes no more than this part of a line."""
HINT = "q quits, arrows scroll and sort, r reverses"
WIDE = 1000
"""Columns of a terminal that has room for everything."""
TOP = View(
    {
        "NAME": lambda row: row.get("name"),
        "STATE": lambda row: row.get("state"),
        "PROTOCOL": lambda row: row.get("protocol"),
        "RULES": lambda row: row.get("rules"),
        "OPEN": lambda row: row.get("open"),
        "REQ/S": lambda row: row.get("exchanges"),
        "P50 MS": lambda row: row.get("p50"),
        "P99 MS": lambda row: row.get("p99"),
        "HELD MS": lambda row: row.get("held_p99"),
        "ERR/S": lambda row: row.get("errors"),
        "INJ/S": lambda row: row.get("injected"),
        "FIRED/S": lambda row: row.get("fired"),
        "TO BACKEND/S": lambda row: size_of(row.get("bytes_to_backend")),
        "TO CLIENT/S": lambda row: size_of(row.get("bytes_to_client")),
    }
)
FIELDS = (
    *("name", "state", "protocol", "rules", "open", "exchanges", "p50", "p99", "held_p99"),
    *("errors", "injected", "fired", "bytes_to_backend", "bytes_to_client"),
)
"""What the columns are sorted by."""
LEAST = ("bytes_to_backend", "bytes_to_client", "fired", "protocol", "rules", "injected", "p50")
"""What is left out where there is no room for all, the first first; but not what is sorted by."""
IDLE: Resource = {field: None if field in ("p50", "p99", "held_p99") else 0 for field in FIELDS[4:]}
"""The sample of a proxy that nothing is known of."""


def size_of(value: object) -> str | None:
    """Return a number of bytes as people read it."""
    if not isinstance(value, int | float):
        return None
    unit = 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g}{UNITS[unit]}"


def shortened(name: str, columns: int) -> str:
    """Return as much of a name as leaves room for the others in a line of so many columns."""
    limit = min(NAME_LIMIT, columns // NAME_PART)
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


class Screen:
    """What is known, how it is sorted, and where in it the reader is."""

    def __init__(self, where: str, *, has_colors: bool = False) -> None:
        """``where``: the URL of the API."""
        self._where = where
        self._has_colors = has_colors
        self._proxies: dict[str, Resource] = {}
        self._samples: dict[str, Resource] = {}
        self._totals: Resource = {}
        self._lost = ""
        self._column = FIELDS.index("exchanges")
        self._reversed = False
        self._first = 0
        self._page = 1
        self.quits = False

    def meet(self, proxies: Sequence[Resource]) -> None:
        """Take the proxies that there are."""
        self._proxies = {str(each.get("name")): each for each in proxies}
        self._samples = {name: self._samples[name] for name in self._samples.keys() & self._proxies}

    def take(self, data: Mapping[str, object]) -> None:
        """Take a sample, as ``/v1/live`` tells it."""
        proxies, totals = data.get("proxies"), data.get("totals")
        if isinstance(proxies, Mapping):
            self._samples.update(proxies)
        if isinstance(totals, Mapping):
            self._totals = totals
        self._lost = ""

    def lose(self, why: str) -> None:
        """The server cannot be reached, or refuses."""
        self._lost = why

    def press(self, pressed: str) -> None:
        """Act on keys, as a terminal sends them."""
        pressed = pressed.replace("\x1bO", "\x1b[")
        while pressed:
            found = next((keys for keys in KEYS if pressed.startswith(keys)), pressed[0])
            pressed = pressed[len(found) :]
            self.quits = self.quits or found in QUIT
            self._act(KEYS.get(found, ""))

    def _act(self, key: str) -> None:
        moves = {
            "up": -1,
            "down": 1,
            "page up": -self._page,
            "page down": self._page,
            "home": -len(self._proxies),
            "end": len(self._proxies),
        }
        self._first += moves.get(key, 0)
        self._column = (self._column + {"left": -1, "right": 1}.get(key, 0)) % len(FIELDS)
        self._reversed ^= key == "reverse"

    def rows(self) -> list[Resource]:
        """Return a row for each proxy, sorted: names upwards, numbers downwards."""
        rows = [
            {
                "name": name,
                "state": "enabled" if proxy.get("enabled") else "disabled",
                "protocol": proxy.get("protocol"),
                "rules": _count(proxy.get("rules")),
                **(self._samples.get(name) or IDLE),
            }
            for name, proxy in sorted(self._proxies.items())
        ]
        field = FIELDS[self._column]

        def key(row: Mapping[str, object]) -> tuple[float, str]:
            value = row.get(field)
            return (-value, "") if isinstance(value, int | float) else (0.0, str(value or ""))

        rows.sort(key=key, reverse=self._reversed)
        return list(rows)

    def lines(self, height: int, columns: int = WIDE) -> list[str]:
        """Return the lines that fill a screen of this size; the terminal cuts those too long."""
        self._page = max(1, height - 4)
        rows = self.rows()
        self._first = max(0, min(self._first, len(rows) - self._page))
        shown = TOP.rows(rows[self._first : self._first + self._page])
        shown = [[shortened(name, columns), *cells] for name, *cells in shown]
        headings = list(TOP.columns)
        headings[self._column] += MARKS[self._is_down()]
        cells = self._fitting([headings, *shown], columns)
        table = table_lines(cells[0], cells[1:], has_colors=self._has_colors)
        place = f"{self._first + 1}-{self._first + len(shown)} of {len(rows)}" if rows else "none"
        more = "" if len(cells[0]) == len(FIELDS) else "; more columns where it is wider"
        return [self._heading(), "", *table, f"{place}; {HINT}{more}"][:height]

    def _fitting(self, rows: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
        """Return rows without what does not fit into so many columns of the terminal."""
        kept = {field: [row[place] for row in rows] for place, field in enumerate(FIELDS)}
        sizes = {field: max(map(width, cells)) + len(GAP) for field, cells in kept.items()}
        for field in LEAST:
            if sum(sizes.values()) - len(GAP) > columns and field != FIELDS[self._column]:
                del kept[field], sizes[field]
        return list(map(list, zip(*kept.values(), strict=True)))

    def _is_down(self) -> bool:
        return (FIELDS[self._column] not in FIELDS[:3]) is not self._reversed

    def _heading(self) -> str:
        if self._lost:
            return colored(printable(self._lost), RED, self._has_colors)
        where, totals = colored(self._where, BOLD, self._has_colors), self._totals
        if not totals:
            return where
        told = [
            counted(len(self._proxies), "proxy", "proxies"),
            f"{text_of(totals.get('open'))} open",
            f"{text_of(totals.get('exchanges'))} requests/s",
            f"p50 {text_of(totals.get('p50')) or '-'} ms",
            f"p99 {text_of(totals.get('p99')) or '-'} ms",
            f"{text_of(totals.get('errors'))} errors/s",
            f"{text_of(totals.get('injected'))} injected/s",
        ]
        return f"{where}  {', '.join(told)}"


def _count(rules: object) -> int:
    return len(rules) if isinstance(rules, Sequence) else 0
