"""Points: where in a program's traffic something can happen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..embedded.exchanges import Exchange, Key
from ..embedded.meaning import openings, title_of
from ..embedded.trace import ProxyTrace, Trace
from ..protocol import Protocol
from ..values.texts import digest

Labels = tuple[tuple[str, str], ...]
"""Labels with the texts that rules match on, sorted."""
Kind = Literal["exchange", "connect"]

VARIES = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|'(?:[^']|'')*'"
    r"|(?<![0-9A-Za-z])(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}(?![0-9A-Za-z])"
    r"|\d+(?:\.\d+)?",
    re.ASCII,
)
"""Parts of a label that differ from run to run: UUIDs, quoted texts, digests, numbers."""


@dataclass(frozen=True)
class Point:
    """An exchange, or a connect, by what it asks for and how many of these came before it."""

    proxy: str
    kind: Kind
    labels: Labels
    """Empty for a connect."""
    occurrence: int
    """How many exchanges with these labels, or connects, came before it."""
    title: str
    """What it is, for a person ..."""
    slug: str
    """... and in identifiers."""
    example: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The labels as they were."""
    answered: bool = field(default=True, compare=False)
    """Whether there was an answer to it."""

    @property
    def group(self) -> tuple[str, Kind, Labels]:
        """The same for all points that differ in their occurrence only."""
        return self.proxy, self.kind, self.labels

    @property
    def id(self) -> str:
        """The same in each run: ``payments/POST-charges/1``."""
        return f"{self.proxy}/{self.slug}/{self.occurrence + 1}"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Point:
        """Return the point of a JSON object, as ``asdict`` makes it.

        Raises:
            TypeError, ValueError, LookupError: it is none.
        """
        labels = tuple((label, text) for label, text in value["labels"])
        return cls(**{**value, "labels": labels})

    def __str__(self) -> str:
        return f"{self.proxy}: {self.title} #{self.occurrence + 1}"


def points_of(trace: Trace) -> list[Point]:
    """Return all points of a trace: connects first, then exchanges in their order."""
    connects = [point for name, proxy in trace.proxies.items() for point in _connects(name, proxy)]
    seen: Counter[tuple[str, Labels]] = Counter()
    opening = {name: later_openings(proxy) for name, proxy in trace.proxies.items()}
    points = []
    for exchange in trace.exchanges():
        protocol = trace.proxies[exchange.proxy].protocol
        labels = folded(exchange.labels, protocol)
        occurrence = seen[exchange.proxy, labels]
        seen[exchange.proxy, labels] += 1
        if exchange.key not in opening[exchange.proxy]:
            points.append(_exchanged(exchange, labels, occurrence, protocol))
    return connects + _told_apart(points)


def _exchanged(
    exchange: Exchange, labels: Labels, occurrence: int, protocol: type[Protocol]
) -> Point:
    title = title_of(exchange.labels, protocol)
    slug = slug_of(exchange.labels, protocol)
    answered = exchange.answered_at is not None
    return Point(
        exchange.proxy, "exchange", labels, occurrence, title, slug, exchange.labels, answered
    )


def _told_apart(points: Sequence[Point]) -> list[Point]:
    """Return the points, with a digest in the slugs of those that only their labels tell apart."""
    alike = Counter(
        (proxy, slug) for proxy, slug, _ in {(p.proxy, p.slug, p.labels) for p in points}
    )
    return [
        replace(point, slug=f"{point.slug}-{digest(str(point.labels))[:4]}")
        if alike[point.proxy, point.slug] > 1
        else point
        for point in points
    ]


def slug_of(labels: Mapping[str, str], protocol: type[Protocol]) -> str:
    """Return a title as a part of identifiers, without what differs from run to run."""
    title = title_of({label: VARIES.sub("N", text) for label, text in labels.items()}, protocol)
    return re.sub(r"[^A-Za-z0-9_~.]+", "-", title.removesuffix("...")).strip("-.") or "bytes"


def _connects(name: str, proxy: ProxyTrace) -> Iterator[Point]:
    for occurrence, _ in enumerate(proxy.connections):
        yield Point(name, "connect", (), occurrence, "connect", "connect")


def later_openings(proxy: ProxyTrace) -> set[Key]:
    """Return the keys of the exchanges that open a connection, but for the first of each.

    These belong together: a client that survives a fault at one survives it at all.
    """
    begun: set[int] = set()
    found: set[Key] = set()
    for exchange in openings(proxy):
        if exchange.connection in begun:
            found.add(exchange.key)
        begun.add(exchange.connection)
    return found


def folded(labels: Mapping[str, str], protocol: type[Protocol]) -> Labels:
    """Return what rules match on, with patterns for what differs from run to run."""
    incidental = protocol.semantics.incidental
    return tuple(
        sorted((label, fold(text)) for label, text in labels.items() if label not in incidental)
    )


def fold(text: str) -> str:
    """Return a text, or a pattern as in rules if parts of it may differ from run to run."""
    if not VARIES.search(text):
        return text if not text.startswith(("~", "!~")) and text else f"~^{re.escape(text)}$"
    parts: list[str] = []
    end = 0
    for found in VARIES.finditer(text):
        parts += [re.escape(text[end : found.start()]), _like(found[0])]
        end = found.end()
    return f"~^{''.join(parts)}{re.escape(text[end:])}$"


def _like(text: str) -> str:
    if text.startswith("'"):
        return "'(?:[^']|'')*'"
    return r"\d+(?:\.\d+)?" if text.replace(".", "").isdigit() else "[0-9a-fA-F-]+"


def sampled(points: Sequence[Point]) -> list[Point]:
    """Return the first, the second and the last of each group, in their order."""
    last = {point.group: point.occurrence for point in points}
    return [point for point in points if point.occurrence in (0, 1, last[point.group])]


def spread(points: Sequence[Point], most: int) -> list[Point]:
    """Return so many points at most, in their order, of all kinds of requests equally many."""
    seen: Counter[tuple[str, str]] = Counter()
    ranked = []
    for number, point in enumerate(points):
        kind = point.proxy, point.title.partition(" ")[0]
        ranked.append((seen[kind], number))
        seen[kind] += 1
    return [points[number] for number in sorted(number for _, number in sorted(ranked)[:most])]
