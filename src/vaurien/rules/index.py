"""Which of many rules may match some labels, without asking each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .plan import Match


class MatchIndex:
    """Finds matches by the text of a label, however many others there are."""

    __slots__ = ("_by_label", "_elsewhere", "_late")

    def __init__(self, matches: Iterable[Sequence[Match]]) -> None:
        """``matches``: those of each rule."""
        self._by_label: dict[str, dict[str, list[int]]] = {}
        self._elsewhere: list[int] = []  # places of those that wait for no text
        self._late = False  # some wait for a text of the response
        for place, of_rule in enumerate(matches):
            texts = [match for match in of_rule if not match.regex]
            if not texts:
                self._elsewhere.append(place)
            else:
                # The user's own are behind what a fault applies to.
                text = next((match for match in reversed(texts) if not match.late), texts[-1])
                self._late |= text.late
                self._by_label.setdefault(text.label, {}).setdefault(text.value, []).append(place)

    @property
    def rules_out(self) -> bool:
        """Whether it rules out any."""
        return bool(self._by_label)

    @property
    def most(self) -> int:
        """How many it finds at most."""
        tables = self._by_label.values()
        return len(self._elsewhere) + sum(max(map(len, table.values())) for table in tables)

    def excludes(self, labels: Mapping[str, str]) -> bool:
        """Whether none may match an exchange whose request has these labels."""
        if self._elsewhere or self._late:
            return False
        for label, table in self._by_label.items():  # noqa: SIM110 - a generator takes longer
            if labels.get(label) in table:
                return False
        return True

    def find(self, labels: Mapping[str, str]) -> list[int]:
        """Return the places of the rules that may match, in order."""
        places = list(self._elsewhere)
        for label, table in self._by_label.items():
            if label in labels:
                places += table.get(labels[label], ())
        places.sort()
        return places
