"""Replay: rules that fire exactly where another run, or a scenario, says.

A place is looked for at the same exchange of the same connection, which asks for the same.  If
that exchange asks for something else, or its connection is another one this time, the rule fires
at the same occurrence of the same labels.

Law: each place is used once, at the first exchange that is it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import cast

from ..values.messages import NO_LABELS
from ..values.texts import printable
from .active import ActiveRule
from .counted import Asked, Counting, digest_of, noted
from .dice import Dice
from .firing import ConnectionView, Firing
from .plan import Rule


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """Where a rule is to fire."""

    labels: Mapping[str, str] | None = None
    """Those of the exchange; None: any that the rule applies to."""
    occurrence: int = 0
    """Which exchange with these labels it is, on all connections; 0: unknown."""
    connection: int = 0
    """The number of the connection; 0: any."""
    exchange: int = 0
    """The number of the exchange on it; negative: of an unsolicited message."""
    begins: str = ""
    """How the connection began; see ``Noted``."""
    lasting: bool = False
    """Fire from there on."""
    count: int = 0
    """Which firing of the rule it is; 0: as many as there have been."""
    rolled: tuple[float, int] | None = None
    """What was drawn; None: what the seed gives."""

    @cached_property
    def digest(self) -> str | None:
        return None if self.labels is None else digest_of(self.labels)

    def __str__(self) -> str:
        what = ", ".join(f"{label}={text}" for label, text in (self.labels or NO_LABELS).items())
        where = f"connection {self.connection}, exchange {max(self.exchange, 0)}"
        if not self.connection:
            where = f"occurrence {self.occurrence}"
        return f"{where}: {what}" if what else where


SHOWN = 100
"""Places that are told."""
NO_PLACES: Mapping[str, Sequence[Place]] = MappingProxyType({})


class Placing:
    """The places of one rule that are left."""

    def __init__(self, places: Iterable[Place]) -> None:
        self.left: dict[int, Place] = {}
        self._numbered: dict[tuple[int, int], list[Place]] = {}
        self._counted: dict[tuple[str | None, int], list[Place]] = {}
        self._recorded: dict[int, str] = {}  # how each connection began, in the run before ...
        self._begun: dict[int, str] = {}  # ... and in this one
        self._newest: dict[tuple[int, bool], int] = {}  # exchange; unsolicited messages apart
        self._views: dict[int, ConnectionView] = {}
        for place in places:
            self.add(place)

    def add(self, place: Place) -> None:
        self.left[id(place)] = place
        self._counted.setdefault((place.digest, place.occurrence), []).append(place)
        if place.connection:
            self._numbered.setdefault((place.connection, place.exchange), []).append(place)
            known = self._recorded.get(place.connection, "")
            self._recorded[place.connection] = max(known, place.begins, key=len)

    def take(self, view: ConnectionView, exchange: int, seen: int, asked: Asked) -> Place | None:
        """Return the place that an exchange is, which is used then; None if it is none.

        ``seen``: which one it is of all that the rule applies to.
        """
        self._note(view, exchange, asked)
        place = self._found(view.number, exchange, seen, asked)
        if place is not None:
            self.left.pop(id(place), None)
        return place

    def has(self, connection: int, exchange: int) -> bool:
        """Whether there may be a place at an exchange whose labels are not all known."""
        return any(id(each) in self.left for each in self._numbered.get((connection, exchange), ()))

    def _note(self, view: ConnectionView, exchange: int, asked: Asked) -> None:
        number = view.number
        if number in self._recorded:
            self._begun[number] = asked.begins
            self._newest[number, exchange < 0] = exchange
            self._views[number] = view

    def _found(self, connection: int, exchange: int, seen: int, asked: Asked) -> Place | None:
        for place in self._numbered.get((connection, exchange), ()):
            if place.digest == asked.digest and id(place) in self.left:
                return place
        for place in self._counted.get((asked.digest, asked.occurrence or -1), ()):
            if id(place) in self.left and not self._awaits(place, connection, asked.begins):
                return place
        return next((each for each in self._any if self._is_reached(each, seen)), None)

    @cached_property
    def _any(self) -> list[Place]:
        """Places at exchanges with any labels."""
        return [place for place in self.left.values() if place.digest is None]

    def _is_reached(self, place: Place, seen: int) -> bool:
        return seen == place.occurrence or (place.lasting and seen > place.occurrence)

    def _awaits(self, place: Place, connection: int, begins: str) -> bool:
        """Whether a place may still come on its own connection, so that another is not it.

        ``connection``: the other one, which ``begins`` so.
        """
        number = place.connection
        newest = self._newest.get((number, place.exchange < 0))
        if newest is not None and abs(newest) >= abs(place.exchange):
            return False
        if number in self._views and self._views[number].closed:
            return False
        itself = self._is(begins, connection)
        if itself:
            return True
        if itself is False and self._is(begins, number):
            return False  # it is that connection, with another number
        return self._is(self._begun.get(number, ""), number) is True

    def _is(self, begins: str, connection: int) -> bool | None:
        """Whether what begins so may be a connection of the run before; None if unknown."""
        before = self._recorded.get(connection, "")
        length = min(len(before), len(begins))
        return before[:length] == begins[:length] if length else None


class ReplayedRule(ActiveRule):
    """A rule that fires at its places only, whatever its percentage, counts and draws say."""

    __slots__ = ("counting", "placing")

    def __init__(
        self, rule: Rule, dice: Dice, at: float, since: int, counting: Counting, placing: Placing
    ) -> None:
        super().__init__(rule, dice, at, since)
        self.counting = counting
        self.placing = placing

    def fire(
        self,
        view: ConnectionView,
        exchange: int,
        now: float,
        labels: Mapping[str, str],
        *,
        taken: bool = False,
    ) -> Firing | None:
        del now
        self.seen += 1
        asked = self.counting.count(self.name).note(self, view, labels)
        number = exchange if self.scope == "exchange" else 0
        place = None if taken else self.placing.take(view, number, self.seen, asked)
        if place is None:
            return None
        self.fired += 1
        rolled = place.rolled
        if rolled is None and place.connection:
            rolled = self.roll(place.connection, place.exchange)
        firing = Firing(self, view, exchange, place.count or self.fired, rolled)
        firing.noted = noted(firing, exchange, asked)
        return firing

    def would_fire(
        self, view: ConnectionView, exchange: int, now: float, labels: Mapping[str, str]
    ) -> bool:
        del now, labels
        return self.placing.has(view.number, exchange if self.scope == "exchange" else 0)

    @property
    def refuses(self) -> bool:
        """Whether it keeps every connection from being accepted, which no journal tells."""
        first = all(place.lasting and place.occurrence == 1 for place in self.placing.left.values())
        return super().refuses and first


class Replaying(Counting):
    """Makes the rules of one proxy, and knows which of their places are left."""

    def __init__(self, places: Mapping[str, Sequence[Place]] = NO_PLACES) -> None:
        """``places``: by the name of the rule."""
        super().__init__()
        self._places = places
        self._made: dict[str, ReplayedRule] = {}

    def make(self, rule: Rule, dice: Dice, at: float, since: int) -> ActiveRule:
        before = self._made.get(rule.name)
        if before is not None:
            placing = before.placing
        else:
            places = self._places.get(rule.name, ())
            if rule.scope == "connection":  # it is drawn for once, at an exchange or before any
                places = [replace(place, exchange=0) for place in places]
            placing = Placing(places)
        made = self._made[rule.name] = ReplayedRule(rule, dice, at, since, self, placing)
        return made

    def left(self) -> Iterator[tuple[str, Place]]:
        """Yield the places that no exchange has been so far, each with the name of its rule."""
        for name, places in self._places.items():
            made = self._made.get(name)
            if made is None:
                yield from ((name, place) for place in places)
            elif not made.refuses:  # clients are refused by the system then, without a firing
                yield from ((name, place) for place in made.placing.left.values())


Places = Mapping[str, Mapping[str, Sequence[Place]]]
"""All places of a process, by the names of the proxy and the rule."""


class Deciders:
    """What makes the rules of each proxy of a process."""

    def __init__(self, places: Places | None = None) -> None:
        """``places``: where rules are to fire; None: they decide themselves, and note where."""
        self._places = places
        self._by_proxy: dict[str, Counting] = {}

    def of(self, proxy: str) -> Counting:
        """Return that of a proxy; it is the same for one that comes again."""
        if proxy not in self._by_proxy:
            places = self._places
            made = Counting() if places is None else Replaying(places.get(proxy, NO_PLACES))
            self._by_proxy[proxy] = made
        return self._by_proxy[proxy]

    def left(self) -> list[str]:
        """Return the places that no exchange has been so far, in a line each."""
        return [
            f"{proxy}: {rule}: {place}"
            for proxy in self._places or ()
            for rule, place in cast(Replaying, self.of(proxy)).left()
        ]

    def summary(self) -> list[str]:
        """Return in lines how many places were found, and those that were not."""
        every = sum(len(each) for rules in (self._places or {}).values() for each in rules.values())
        left = self.left()
        lines = [f"replay: fired at {every - len(left)} of {every} places"]
        lines += [f"  not placed: {each}" for each in left[:SHOWN]]
        if len(left) > SHOWN:
            lines.append(f"  ... {len(left) - SHOWN} more")
        return list(map(printable, lines))
