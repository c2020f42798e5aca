"""Network profiles and recipes: predefined rules, from the files in ``data/``.

A profile simulates a link, such as that of a 3G phone or a satellite; a recipe is a sequence
of failures over time.  Both are entries as in ``notation``, to be made into rules for the
protocol of a proxy.  The files are read on first use; tests check that they make sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from ..errors import UnknownNameError
from ..rules.notation import Entry

MS_OF_SECOND = 1000
BYTES_OF_KBIT = 125
LEAST_TIMEOUT = 0.2
"""Minimum of Linux's retransmission timeout, in seconds on top of the round trip."""
SEGMENT = 1460
"""Bytes of data in an Ethernet packet."""
MOMENTS = ("start", "stop", "ttl")
"""The keys of a rule that are points in time; ``on`` and ``off`` are durations."""

Preset = TypeVar("Preset")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The properties of a link: times in seconds, rates in bytes per second (0: no limit)."""

    name: str
    description: str
    source: str
    round_trip: float
    jitter: float
    """In each direction."""
    distribution: str
    down: int = 0
    up: int = 0
    loss: float = 0.0
    """Percent of the segments, in each direction."""
    correlation: float = 0.0

    def entries(self) -> list[Entry]:
        """Return the rules that simulate it, with every option given: the defaults of a
        configuration are not the network's.

        The rates are those of the link, so all connections of a proxy share them.  They come
        last, so that what waits for the shared line delays no other rule.
        """
        rates = {"down": ("to_client", self.down), "up": ("to_backend", self.up)}
        return [
            *([self._loss()] if self.loss else []),
            self._latency(),
            *(self._rate(way, *rates[way]) for way in rates if rates[way][1]),
        ]

    def _latency(self) -> Entry:
        return {
            "behavior": "latency",
            "name": f"{self.name}-latency",
            "scope": "connection",
            "delay": self.round_trip / 2,
            "jitter": self.jitter,
            "distribution": self.distribution,
            "correlation": 0.0,
        }

    def _rate(self, way: str, direction: str, rate: int) -> Entry:
        return {
            "behavior": "bandwidth",
            "name": f"{self.name}-{way}",
            "scope": "connection",
            "direction": direction,
            "rate": rate,
            "shared": True,
            "burst": 0,
        }

    def _loss(self) -> Entry:
        """A lost segment is sent again after a round trip, or after the retransmission timeout."""
        return {
            "behavior": "packet-loss",
            "name": f"{self.name}-loss",
            "scope": "connection",
            "loss": self.loss,
            "correlation": self.correlation,
            "rtt": self.round_trip,
            "rto": self.round_trip + max(LEAST_TIMEOUT, 4 * self.jitter),
            "size": SEGMENT,
            "drop": False,
        }


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Rules over time; times are in seconds from its start."""

    name: str
    description: str
    protocol: str
    """The protocol it requires; ``""`` for any."""
    teaches: str
    rules: tuple[Entry, ...]

    def entries(self, start: float = 0.0) -> list[Entry]:
        """Return the rules, delayed by ``start`` seconds and named after the recipe."""
        return [self._entry(rule, start) for rule in self.rules]

    def _entry(self, rule: Entry, start: float) -> Entry:
        named = {key: f"{self.name}-{rule[key]}" for key in ("name", "mix") if key in rule}
        moments = {key: cast(float, rule[key]) + start for key in MOMENTS if rule.get(key)}
        return {"start": start, **rule, **named, **moments}


class Presets:
    """All profiles and recipes, by their names."""

    def profile(self, name: str) -> list[Entry]:
        """Return the rules of a profile.

        Raises:
            UnknownNameError: there is none of this name.
        """
        return _named("profile", name, self.profiles).entries()

    def recipe(self, name: str, start: float = 0.0) -> list[Entry]:
        """Return the rules of a recipe that begins ``start`` seconds after they are applied.

        Raises:
            UnknownNameError: there is none of this name.
        """
        return _named("recipe", name, self.recipes).entries(start)

    @cached_property
    def profiles(self) -> Mapping[str, Profile]:
        return {name: _profile(name, table) for name, table in _read("profiles.toml").items()}

    @cached_property
    def recipes(self) -> Mapping[str, Recipe]:
        return {name: _recipe(name, table) for name, table in _read("recipes.toml").items()}


def _named(kind: str, name: str, known: Mapping[str, Preset]) -> Preset:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def _read(name: str) -> Mapping[str, Mapping[str, object]]:
    """Read a file of presets: tables by their names."""
    # Most commands have no use for these.
    import tomllib
    from importlib.resources import files

    return tomllib.loads((files(__package__) / "data" / name).read_text("utf-8"))


def _profile(name: str, table: Mapping[str, object]) -> Profile:
    """Return the profile of a table, which is in milliseconds and kilobits per second."""

    def number(key: str) -> float:
        return float(cast(float, table.get(key, 0)))

    return Profile(
        name=name,
        description=str(table["description"]),
        source=str(table["source"]),
        round_trip=number("round-trip-ms") / MS_OF_SECOND,
        jitter=number("jitter-ms") / MS_OF_SECOND,
        distribution=str(table["distribution"]),
        down=int(number("down-kbit") * BYTES_OF_KBIT),
        up=int(number("up-kbit") * BYTES_OF_KBIT),
        loss=number("loss-percent"),
        correlation=number("correlation-percent"),
    )


def _recipe(name: str, table: Mapping[str, object]) -> Recipe:
    return Recipe(
        name=name,
        description=str(table["description"]),
        protocol=str(table["protocol"]),
        teaches=str(table["teaches"]),
        rules=tuple(cast("list[Entry]", table["rules"])),
    )
