"""The rules that a document's entries come to, and all that is wrong with these.

``notation`` makes a rule of an entry, or says the first thing that is wrong.  Here it is
asked again without the key that it blames, until it has no more to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, Self

from ..behavior import Behavior
from ..errors import VaurienError
from ..protocol import Protocol
from ..rules.notation import RULE_KEYS, Entry, FindBehavior, make_rules
from ..rules.plan import ROUNDING, Plan, Rule
from ..values.options import Option, options_of
from .documents import Given, Problems, blamed
from .formatting import Path, format_value

BEHAVIOR_NAME = "the name of a behavior"


class LocatedEntry(NamedTuple):
    """An entry, and where it is."""

    path: Path
    entry: Mapping[str, object]
    brought_by: object = None
    """The name at the path that the entry stands for; None if it is there itself."""


class Unknown(Behavior):
    """Stands for a behavior that is not known: a rule with it has its own keys checked."""

    name = "unknown"
    open_ended = True

    @classmethod
    def configured(cls, values: Mapping[str, object]) -> Self:
        del values
        return cls()


class Entries:
    """The entries of one proxy, checked one by one, and then together."""

    def __init__(
        self, find: FindBehavior, protocol: type[Protocol] | None, problems: Problems
    ) -> None:
        """``protocol``: None if it is not known; what depends on it is not checked then."""
        self._find = find
        self._protocol = protocol
        self._problems = problems
        self._blamed: set[Path] = set()

    def plan(self, placed: Iterable[LocatedEntry], path: Path, seed: int) -> Plan:
        """The plan that these entries make; without rules, if something is wrong with them.

        ``path`` is that of the rules of the proxy.
        """
        found = len(self._problems.found)
        entries = list(placed)
        checked = [(one, rule) for one in entries if (rule := self._check(one)) is not None]
        self._check_together(checked)
        try:
            flat = [{key: at[1] for key, at in _placed(*one[:2])} for one, _ in checked]
            rules = make_rules(flat, self._find, self._known)
            return Plan(rules, seed=seed)
        except VaurienError as error:
            if len(self._problems.found) == found:
                self._problems.add_error(path, {}, error)
        return Plan(seed=seed)

    @property
    def _known(self) -> type[Protocol]:
        return self._protocol or Protocol

    def _check(self, one: LocatedEntry) -> Rule | None:
        """The rule of an entry; None, and problems, if there is something wrong with it."""
        found = len(self._problems.found)
        if one.brought_by is not None:
            rule = self._brought(one)
        else:
            placed = _placed(*one[:2])
            given = {key: at for key, at in placed if self._problems.is_plain(*at)}
            behavior = self._behavior(one, given)
            make = partial(self._make, behavior)
            rule = self._problems.made(one.path, self._of(behavior, given), make)
        return rule if len(self._problems.found) == found else None

    def _brought(self, one: LocatedEntry) -> Rule | None:
        """The rule of an entry that the user did not write: of several the first is blamed."""
        try:
            behavior = self._find(str(one.entry["behavior"]))
            if self._protocol is not None:
                return make_rules([one.entry], lambda _: behavior, self._protocol)[0]
        except VaurienError as error:
            if one.path not in self._blamed:
                self._problems.add_error(one.path, one.brought_by, error)
            self._blamed.add(one.path)
        return None

    def _make(self, behavior: type[Behavior], values: Entry) -> Rule:
        entry = {**values, "behavior": behavior.name}
        return make_rules([entry], lambda _: behavior, self._known)[0]

    def _behavior(self, one: LocatedEntry, given: Given) -> type[Behavior]:
        """The behavior of an entry, if all is known that its options depend on."""
        path = (*one.path, "behavior")
        _, name = given.get("behavior", (path, None))
        if "behavior" not in one.entry:
            self._problems.add(path, why="is missing", allowed=BEHAVIOR_NAME)
        elif "behavior" in given and not (isinstance(name, str) and name):
            self._problems.add(path, format_value(name), allowed=BEHAVIOR_NAME)
        elif isinstance(name, str):
            try:
                behavior = self._find(name)
            except VaurienError as error:
                self._problems.add_error(path, name, error)
                return Unknown
            if self._protocol is not None and self._further(behavior, one.path, given) is not None:
                return behavior
        return Unknown

    def _further(
        self, behavior: type[Behavior], path: Path, given: Given
    ) -> Mapping[str, Option] | None:
        """What a behavior can be told when it is told this; None if it is told nonsense."""
        values = {key: value for key, (_, value) in given.items()}
        try:
            return behavior.further_options(values, self._known)
        except VaurienError as error:
            key = blamed(error, given)
            at, value = given[key] if key is not None else (path, values)
            self._problems.add_error(at, value, error)
        return None

    def _of(self, behavior: type[Behavior], given: Given) -> Given:
        """The values whose keys mean something; others are noted."""
        if behavior.open_ended:
            return given
        protocol = self._known
        known = ["behavior", *RULE_KEYS, *options_of(behavior)]
        known += self._further(behavior, (), given) or {}
        known += [*protocol.labels, *protocol.response_labels]
        meant: dict[str, tuple[Path, object]] = {}
        for key, (path, value) in given.items():
            if key.removeprefix("match.") in known:
                meant[key] = path, value
            else:
                self._problems.add_unknown(path, value, known)
        return meant

    def _check_together(self, checked: Iterable[tuple[LocatedEntry, Rule]]) -> None:
        """Note names that are given twice, and mixes that come to more than there is."""
        names: set[object] = set()
        totals: dict[str, float] = {}
        for one, rule in checked:
            name = one.entry.get("name")
            if name and name in names:
                self._blame(one, "name", "is given to two rules")
            names.add(name)
            if rule.mix:
                before = totals.get(rule.mix, 0.0)
                totals[rule.mix] = before + rule.percent
                if totals[rule.mix] > 100 + ROUNDING:
                    why = f"is too much: the mix {rule.mix!r} has {before:g} of 100 already"
                    self._blame(one, "percent", why)

    def _blame(self, one: LocatedEntry, key: str, why: str) -> None:
        if one.brought_by is None:
            self._problems.add((*one.path, key), format_value(one.entry.get(key, "")), why)
        elif one.path not in self._blamed:
            self._problems.add(one.path, format_value(one.brought_by), f"brings a {key} that {why}")
            self._blamed.add(one.path)


def _placed(path: Path, entry: Mapping[str, object]) -> Iterator[tuple[str, tuple[Path, object]]]:
    """The values of an entry, and where they are; ``match`` may be a table of labels."""
    for key, value in entry.items():
        if key == "match" and isinstance(value, Mapping):
            for label, text in value.items():
                yield f"match.{label}", ((*path, key, label), text)
        else:
            yield key, ((*path, key), value)
