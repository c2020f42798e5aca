"""Samples for readers of the API: written once for all of them, a proxy at a time.

Law: it runs in the control thread, and keeps one text for each proxy and one for readers in step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .history import NO_SAMPLES, History, Samples
from .tracks import Sample

Seen = Mapping[str, Sample]


class Live:
    """What the readers of samples are told."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._texts: dict[str, tuple[Sample, str]] = {}
        self._told: dict[tuple[int, str], str] = {}
        self._number = 0

    @property
    def latest(self) -> Samples:
        """The last second."""
        return self.history.latest

    def is_new(self, seen: Samples) -> bool:
        """Return whether there is a newer second than a reader has seen."""
        return self.latest is not seen

    def text(self, now: Samples, seen: Samples = NO_SAMPLES, proxy: str = "") -> str:
        """Return a second as a server-sent event, for a reader that has seen another one.

        It has the proxies whose samples differ, or only one of them.
        """
        if now.number != self._number:
            self._number = now.number
            self._told.clear()
            self._texts = {name: self._texts[name] for name in self._texts.keys() & now.proxies}
        key = seen.number, proxy
        text = self._told.get(key)
        if text is None:
            named = now.proxies if not proxy else {proxy: now.proxies.get(proxy)}
            proxies = ", ".join(
                f"{json.dumps(name)}: {self._written(name, sample)}"
                for name, sample in named.items()
                if sample is not None and sample != seen.proxies.get(name)
            )
            totals = json.dumps(now.totals._asdict())
            data = f'{{"at": {now.at}, "proxies": {{{proxies}}}, "totals": {totals}}}'
            text = self._told[key] = f"event: sample\ndata: {data}\n\n"
        return text

    def _written(self, name: str, sample: Sample) -> str:
        known = self._texts.get(name)
        if known is None or known[0] != sample:
            known = self._texts[name] = sample, json.dumps(sample._asdict())
        return known[1]
