"""Which of many rules may match some labels, without asking each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .plan import Match


class MatchIndex:
    """Finds matches by the text of a label, however many others there are."""

    __slots__ = ("_by_label", "_elsewhere")

    def __init__(self, matches: Iterable[Sequence[Match]]) -> None:
        """``matches``: those of each rule."""
        self._by_label: dict[str, dict[str, list[int]]] = {}
        self._elsewhere: list[int] = []  # places of those that wait for no text
        for place, of_rule in enumerate(matches):
            texts = [match for match in of_rule if not match.regex]
            if not texts:
                self._elsewhere.append(place)
            else:
                text = texts[-1]  # the user's own, behind what a fault applies to
                self._by_label.setdefault(text.label, {}).setdefault(text.value, []).append(place)

    @property
    def rules_out(self) -> bool:
        """Whether it rules out any."""
        return bool(self._by_label)

    def find(self, labels: Mapping[str, str]) -> list[int]:
        """Return the places of the rules that may match, in order."""
        places = list(self._elsewhere)
        for label, table in self._by_label.items():
            if label in labels:
                places += table.get(labels[label], ())
        places.sort()
        return places
