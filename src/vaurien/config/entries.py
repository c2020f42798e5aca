"""The entries of a proxy as a plan, or all their problems.

``notation`` makes a rule of an entry, or raises the first problem.  Here that is repeated
without the key to blame, until there is no problem left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Self

from ..behavior import Behavior
from ..errors import OptionError, UnknownNameError, VaurienError
from ..protocol import Protocol
from ..rules.notation import RULE_KEYS, Entry, FindBehavior, make_rules
from ..rules.plan import ROUNDING, Plan, Rule
from ..values.options import Configured, Option, options_of
from .document import INVALID, Document, FileKey
from .formatting import Path, format_value
from .problems import Given, Problems, blamed, nearest, suggestion
from .tables import Table

BEHAVIOR_NAME = "the name of a behavior"


class LocatedEntry(NamedTuple):
    """An entry with its path."""

    path: Path
    entry: Mapping[str, object]
    brought_by: object = None
    """The text at the path that the entry comes from; None if the entry itself is there."""


class Unknown(Behavior):
    """Stands for an unknown behavior, so that the other keys of its rule are checked."""

    name = "unknown"
    open_ended = True

    @classmethod
    def configured(cls, values: Mapping[str, object]) -> Self:
        del values
        return cls()


def entries_in(table: Table) -> Iterator[LocatedEntry]:
    """Take the rules of a table; each that is no table is a problem."""
    for path, entry in table.items("rules"):
        if isinstance(entry, Mapping):
            yield LocatedEntry(path, entry)
        elif entry is not INVALID:
            table.problems.add(path, format_value(entry), allowed="a table")


def plan_of_request(
    rules: Sequence[Entry], find: FindBehavior, protocol: type[Protocol], seed: int
) -> Plan:
    """Return the plan of the ``rules`` in a request's body.

    Raises:
        DocumentError: all their problems.
    """
    problems = Problems(Document({"rules": list(rules)}, FileKey()))
    located = [LocatedEntry(("rules", number), rule) for number, rule in enumerate(rules)]
    plan = Entries(find, protocol, problems).plan(located, ("rules",), seed)
    problems.check()
    return plan


UNKNOWN: Configured[Behavior] = Configured(Unknown)


class Entries:
    """Checks the entries of one proxy, one by one and then together."""

    def __init__(
        self,
        find: FindBehavior,
        protocol: type[Protocol] | None,
        problems: Problems,
        *,
        likely: Sequence[type[Protocol]] = (),
        written: bool = True,
    ) -> None:
        """``protocol``: None if it is unknown; what depends on it is not checked then.

        ``likely``: those that it may be; what looks mistyped with all of them is a problem.
        ``written``: a user wrote them, so one that can never act is a problem.
        """
        self._written = written
        self._likely = likely if protocol is None else [protocol]
        self._find = find
        self._protocol = protocol
        self._known = protocol or Protocol
        self._problems = problems
        self._blamed: set[Path] = set()

    def plan(self, located: Iterable[LocatedEntry], path: Path, seed: int) -> Plan:
        """Return the plan of these entries; one without rules if they have problems.

        ``path`` is that of the rules of the proxy.
        """
        found = len(self._problems.found)
        entries = list(located)
        checked = [(one, rule) for one in entries if (rule := self._check(one)) is not None]
        if len(checked) > 1:
            self._check_together(checked)
        try:
            if len(checked) < 2:  # no names or bands to share
                return Plan(tuple(rule for _, rule in checked), seed=seed)
            flat = [{key: at[1] for key, at in _located(*one[:2])} for one, _ in checked]
            return Plan(make_rules(flat, self._find, self._known), seed=seed)
        except VaurienError as error:
            if len(self._problems.found) == found:
                self._problems.add_error(path, {}, error)
        return Plan(seed=seed)

    def _check(self, one: LocatedEntry) -> Rule | None:
        """Return the rule of an entry; None if it has problems."""
        found = len(self._problems.found)
        if one.brought_by is not None:
            rule = self._brought(one)
        else:
            located = _located(*one[:2])
            given = {key: at for key, at in located if self._problems.is_plain(*at)}
            behavior, further = self._behavior(one, given)
            make = partial(self._make, behavior)
            rule = self._problems.made(one.path, self._of(behavior, further, given), make)
        return rule if len(self._problems.found) == found else None

    def _brought(self, one: LocatedEntry) -> Rule | None:
        """Return the rule of an entry that stands for a text, which is blamed only once."""
        try:
            if self._protocol is None:
                self._find(str(one.entry["behavior"]))
            else:
                return make_rules([one.entry], self._find, self._protocol)[0]
        except VaurienError as error:
            if one.path not in self._blamed:
                self._problems.add_error(one.path, one.brought_by, error)
            self._blamed.add(one.path)
        return None

    def _make(self, behavior: Configured[Behavior], values: Entry) -> Rule:
        entry = {**values, "behavior": behavior.plugin.name}
        rule = make_rules([entry], lambda _: behavior, self._known)[0]
        if self._written and (rule.direction or rule.ttl):
            from ..rules.possible import check_acts

            check_acts(rule)
        return rule

    def _behavior(
        self, one: LocatedEntry, given: Given
    ) -> tuple[Configured[Behavior], Mapping[str, Option]]:
        """Return the behavior of an entry, and the options that its values add.

        It is ``UNKNOWN`` unless all that its options depend on is known.
        """
        path = (*one.path, "behavior")
        _, name = given.get("behavior", (path, None))
        behavior = UNKNOWN
        if "behavior" not in one.entry:
            self._problems.add(path, why="is missing", allowed=BEHAVIOR_NAME)
        elif "behavior" in given and not (isinstance(name, str) and name):
            self._problems.add(path, format_value(name), allowed=BEHAVIOR_NAME)
        elif isinstance(name, str):
            try:
                behavior = Configured.of(self._find(name))
            except VaurienError as error:
                self._problems.add_error(path, name, error)
                self._blame_typing_errors(self._meant(error), given)
                return UNKNOWN, {}
            further = None
            if self._protocol is not None:
                further = self._further(behavior, one.path, given)
            else:
                self._blame_fault(behavior, given)
            if further is not None:
                return behavior, further
        is_known = self._protocol is not None and behavior is not UNKNOWN
        self._blame_typing_errors(behavior, given, all_unknown=is_known)
        return UNKNOWN, {}

    def _meant(self, error: VaurienError) -> Configured[Behavior]:
        """Return the behavior whose name is like an unknown one."""
        name = nearest(error.name, error.known) if isinstance(error, UnknownNameError) else ""
        return Configured.of(self._find(name)) if name else UNKNOWN

    def _blame_fault(self, behavior: Configured[Behavior], given: Given) -> None:
        """Add a fault that looks like a mistyped one, whichever the protocol is."""
        path, name = given.get("fault", ((), None))
        if "fault" not in options_of(behavior.plugin) or not isinstance(name, str) or not name:
            return
        wrong: list[OptionError] = []
        for protocol in self._likely:
            try:
                protocol.faults.find(name, given, protocol.name)
            except OptionError as error:
                wrong.append(error)
            else:
                return
        if likely := next((error for error in wrong if "did you mean" in error.why), None):
            self._problems.add_error(path, name, likely)

    def _blame_typing_errors(
        self, behavior: Configured[Behavior], given: Given, *, all_unknown: bool = False
    ) -> None:
        """Add the keys that look mistyped, or all that mean nothing whatever the rest will be."""
        known = ["behavior", *RULE_KEYS, *options_of(behavior.plugin)]
        for protocol in self._likely:
            known += [*protocol.labels, *protocol.response_labels]
            known += [each.name for fault in protocol.faults for each in fault.parameters]
        for key, (path, value) in given.items():
            word = key.removeprefix("match.")
            if word not in known and (all_unknown or suggestion(word, known)):
                self._problems.add_unknown(path, value, dict.fromkeys(known))

    def _further(
        self, behavior: Configured[Behavior], path: Path, given: Given
    ) -> Mapping[str, Option] | None:
        """Return the options that these values add; None if they have problems."""
        values = {key: value for key, (_, value) in given.items()}
        try:
            return behavior.plugin.further_options(behavior.values(values), self._known)
        except VaurienError as error:
            key = blamed(error, given)
            at, value = given[key] if key is not None else (path, values)
            self._problems.add_error(at, value, error)
        return None

    def _of(
        self, behavior: Configured[Behavior], further: Mapping[str, Option], given: Given
    ) -> Given:
        """Return the values whose keys are known; others are problems."""
        if behavior.plugin.open_ended:
            return given
        protocol = self._known
        known = ["behavior", *RULE_KEYS, *options_of(behavior.plugin), *further]
        known += [*protocol.labels, *protocol.response_labels]
        meant: dict[str, tuple[Path, object]] = {}
        for key, (path, value) in given.items():
            label = key.removeprefix("match.")
            if label in known:
                meant[key] = path, value
            else:
                self._add_unknown(label, path, value, known)
        return meant

    def _add_unknown(self, label: str, path: Path, value: object, known: Iterable[str]) -> None:
        from ..rules.handshake import TLS_LABELS, WITHOUT_TLS

        if label in TLS_LABELS:
            self._problems.add(path, format_value(value), WITHOUT_TLS)
        else:
            self._problems.add_unknown(path, value, known)

    def _check_together(self, checked: Iterable[tuple[LocatedEntry, Rule]]) -> None:
        """Check that names are unique, and that no mix exceeds 100 percent."""
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


def _located(path: Path, entry: Mapping[str, object]) -> Iterator[tuple[str, tuple[Path, object]]]:
    """Yield the values of an entry with their paths; ``match`` may be a table of labels."""
    for key, value in entry.items():
        if key == "match" and isinstance(value, Mapping):
            for label, text in value.items():
                yield f"match.{label}", ((*path, key, label), text)
        else:
            yield key, ((*path, key), value)
