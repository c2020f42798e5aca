"""What is to be replayed: the journal of a run, or a scenario file.

Both say where which rule fires.  The rules of a journal are those of the configuration; a
scenario brings its own, in place of these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from ..errors import OptionError
from ..net.spec import ProxySpec
from ..rules.notation import Entry, FindBehavior
from ..rules.replay import Place, Places
from . import files
from .configuration import Configuration
from .document import Document, DocumentError, FileKey, FilePart, Origin, Problem
from .entries import Entries, LocatedEntry
from .formatting import format_value
from .problems import Problems, suggestion
from .scenario import Fire, fires_of
from .sections import origin_of

T = TypeVar("T", int, str)
KNOWN_RULES = 20
"""Names that an error lists."""


@dataclass(frozen=True)
class Line:
    """A line of a journal: a rule that fired."""

    number: int
    run: str
    proxy: str
    rule: str
    behavior: str
    place: Place


@dataclass(frozen=True)
class Replay:
    """Where which rules are to fire."""

    name: str
    """Of the file, for messages."""
    places: Places
    lines: Sequence[Line] = ()
    """Those of a journal."""
    fires: Sequence[Fire] = ()
    """Those of a scenario."""
    document: Document = field(default_factory=Document)
    """Where each of them was written."""
    warnings: tuple[str, ...] = ()

    def entries(self, proxy: str) -> list[Entry]:
        """Return the rules that a scenario brings to a proxy."""
        return [fire.entry for fire in self.fires if fire.proxy == proxy]

    def applied(self, proxies: Sequence[ProxySpec], find: FindBehavior) -> tuple[ProxySpec, ...]:
        """Return the proxies as it needs them.

        Raises:
            DocumentError: there is no such proxy, or no such rule.
        """
        problems = Problems(self.document)
        if self.fires:
            proxies = [self._with_rules(spec, find, problems) for spec in proxies]
        problems.found += self._missing({spec.name: spec for spec in proxies})
        problems.check()
        return tuple(proxies)

    def _with_rules(self, spec: ProxySpec, find: FindBehavior, problems: Problems) -> ProxySpec:
        located = [
            LocatedEntry(("fire", number), fire.entry)
            for number, fire in enumerate(self.fires)
            if fire.proxy == spec.name
        ]
        entries = Entries(find, type(spec.protocol), problems)
        plan = entries.plan(located, ("fire",), spec.plan.seed)
        return spec.with_rules(plan.rules)

    def _missing(self, proxies: Mapping[str, ProxySpec]) -> Iterator[Problem]:
        for number, fire in enumerate(self.fires):
            if fire.proxy not in proxies:
                origin = self.document.origin(("fire", number, "proxy"))
                yield _unknown("proxy", fire.proxy, proxies, origin)
        told: set[object] = set()
        for line in self.lines:
            key = line.proxy, line.rule
            spec = proxies.get(line.proxy)
            if key in told or line.proxy in told:
                continue
            told |= {key} if spec else {line.proxy}
            origin = FilePart(self.name, f"line {line.number}")
            if spec is None:
                yield _unknown("proxy", line.proxy, proxies, origin.within(("proxy",)))
                continue
            rules = {rule.name: rule for rule in spec.plan.rules}
            rule = rules.get(line.rule)
            if rule is None:
                kind = f"rule of the proxy {spec.name!r}"
                yield _unknown(kind, line.rule, rules, origin.within(("rule",)))
            elif rule.behavior.name != line.behavior:
                why = f"is not the behavior of the rule {rule.name!r}"
                where = origin.within(("behavior",))
                yield Problem(where, format_value(line.behavior), rule.behavior.name, why)


def _unknown(kind: str, name: str, known: Iterable[str], origin: Origin) -> Problem:
    names = list(known)
    listed = ", ".join(names[:KNOWN_RULES]) or "none, for there is none"
    return Problem(
        origin, format_value(name), listed, f"is an unknown {kind}{suggestion(name, names)}"
    )


def with_replay(configuration: Configuration) -> Configuration:
    """Return a configuration whose proxies are as what it replays needs them.

    Raises:
        DocumentError: it cannot be read, or names what there is not.
    """
    name = configuration.replay
    try:
        found = read(name)
    except OptionError as error:
        origin = origin_of(configuration.document, "replay")
        raise DocumentError([Problem(origin, repr(name), why=error.why)]) from None
    state = configuration.state
    proxies = found.applied(state.proxies, configuration.names.behaviors.find)
    return replace(
        configuration,
        state=replace(state, proxies=proxies),
        replaying=found.places,
        warnings=(*configuration.warnings, *found.warnings),
    )


def read(name: str) -> Replay:
    """Return what a file says: a journal, or a scenario if its name ends in ``.toml``.

    Raises:
        OptionError: it cannot be read, or is no journal.
        DocumentError: it is a scenario with problems.
    """
    try:
        with open(os.path.expanduser(name), "rb") as file:
            data = file.read()
    except OSError as error:
        raise OptionError(f"cannot be read: {error.strerror}", given=name) from None
    if name.endswith(".toml"):
        return scenario(data.decode("utf-8", "replace"), name)
    return journal(data, name)


def parse(text: str, name: str = "text") -> Replay:
    """Return what a text says: a journal if it begins as JSON does, or a scenario.

    Raises:
        OptionError: it is no journal.
        DocumentError: it is a scenario with problems.
    """
    if not text.strip() or text.lstrip().startswith("{"):
        return journal(text.encode("utf-8", "surrogatepass"), name)
    return scenario(text, name)


def scenario(text: str, name: str) -> Replay:
    """Return what a scenario says.

    Raises:
        DocumentError: it has problems.
    """
    document = files.parse(text, name)
    problems = Problems(document)
    fires = fires_of(document, problems)
    problems.check()
    places: dict[str, dict[str, Sequence[Place]]] = {}
    for fire in fires:
        place = Place(occurrence=fire.occurrence, lasting=fire.lasting)
        places.setdefault(fire.proxy, {})[fire.name] = [place]
    return Replay(name, places, fires=fires, document=_located(document, name))


def _located(document: Document, name: str) -> Document:
    """Return a document which knows that keys of rules are in tables of their own."""
    origins: dict[tuple[str | int, ...], Origin] = {}
    fires = cast(list[Mapping[str, Mapping[str, object]]], document.content["fire"])
    for number, fire in enumerate(fires):
        for table in ("options", "exchange"):
            for key in fire.get(table, ()):
                word = f"match.{key}" if table == "exchange" else key
                origins["fire", number, word] = FileKey(name, ("fire", number, table, key))
    return replace(document, origins={**document.origins, **origins})


def journal(data: bytes, name: str) -> Replay:
    """Return what a journal says of its last run; lines that are not whole are left out.

    Raises:
        OptionError: all of them are.
    """
    lines: list[Line] = []
    damaged: list[int] = []
    for number, text in enumerate(data.splitlines(), 1):
        if text.strip():
            try:
                lines.append(_line(number, json.loads(text)))
            except (ValueError, TypeError, LookupError, RecursionError):
                damaged.append(number)
    if damaged and not lines:
        raise OptionError("has no line of a journal", given=name)
    runs = list(dict.fromkeys(line.run for line in lines))
    last = [line for line in lines if line.run == runs[-1]]
    places: dict[str, dict[str, list[Place]]] = {}
    for line in last:
        places.setdefault(line.proxy, {}).setdefault(line.rule, []).append(line.place)
    return Replay(name, places, last, warnings=tuple(_warnings(name, len(runs), damaged)))


def _warnings(name: str, runs: int, damaged: Sequence[int]) -> Iterator[str]:
    if runs > 1:
        yield f"{name} is the journal of {runs} runs: the last one is replayed"
    if damaged:
        listed = ", ".join(map(str, damaged[:KNOWN_RULES]))
        more = f", and {len(damaged) - KNOWN_RULES} more" if len(damaged) > KNOWN_RULES else ""
        yield f"{name}: what is not a whole line of a journal is left out: line {listed}{more}"


def _line(number: int, value: object) -> Line:
    """Return a line of a journal.

    Raises:
        ValueError, TypeError, LookupError: it is none.
    """
    if not isinstance(value, dict):
        raise TypeError
    texts = {key: _of(str, value[key]) for key in ("proxy", "rule", "behavior")}
    labels = {_of(str, key): _of(str, text) for key, text in value["labels"].items()}
    seed = int(_of(str, value["seed"]), 16) if "seed" in value else None
    place = Place(
        labels=labels,
        occurrence=_of(int, value.get("occurrence", 0)),
        connection=_of(int, value["connection"]),
        exchange=_of(int, value["exchange"]) or -_of(int, value.get("unsolicited", 0)),
        begins=_of(str, value.get("begins", "")),
        count=_of(int, value["count"]),
        rolled=None if seed is None else (float(value["draw"]), seed),
    )
    return Line(number, _of(str, value.get("run", "")), place=place, **texts)


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise TypeError
    return value
