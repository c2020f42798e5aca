"""The dashboard for Grafana: it asks for what /metrics has, and fits its grid."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from live import live
from vaurien.control.metrics import Collected

ROOT = Path(__file__).parent.parent
BOARD: dict[str, Any] = json.loads((ROOT / "examples" / "grafana" / "vaurien.json").read_text())
PANELS = BOARD["panels"]
VARIABLES = {each["name"] for each in BOARD["templating"]["list"]}
QUERIES = {
    target["expr"]: target["legendFormat"]
    for panel in PANELS
    for target in panel.get("targets", ())
}
LOOKUPS = [
    each["query"]["query"] for each in BOARD["templating"]["list"] if each["type"] == "query"
]
ADDED = {"job", "instance"}
"""Labels that Prometheus adds."""
METRIC = re.compile(r"\b((?:vaurien|process)_\w+)\{([^}]*)\}")
RATE = re.compile(r"\b(?:rate|increase)\((\w+)\{[^}]*\}\[\$__rate_interval\]\)")
BY = re.compile(r"\bby \(([^)]*)\)")
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
CUMULATIVE = ("_total", "_bucket")


@pytest.fixture(scope="module")
def served() -> dict[str, set[str]]:
    """The labels of each metric that there is, by its name with its suffix."""
    found: dict[str, set[str]] = {}
    with live([{"behavior": "delay", "name": "slow", "sleep": 0.0}], names=["cache"]) as running:
        running.ask()
        tally = running.proxy.tally
        tally.exchanges["SET"] = tally.errors["OOM"] = tally.injected["BUSY"] = 1
        tally.latency_of("SET").add(0.001)
        for family in Collected(running.control).collect():
            for suffix in SUFFIXES[family.type]:
                found[family.name + suffix] = set()
            for sample in family.samples:
                found[sample.name] |= sample.labels.keys()
    return found


@pytest.mark.parametrize("query", [*QUERIES, *LOOKUPS])
def test_a_query(query: str, served: dict[str, set[str]]) -> None:
    asked = METRIC.findall(query) or [(re.findall(r"\(((?:vaurien)_\w+),", query)[0], "")]
    for name, matchers in asked:
        assert name in served
        labels = served[name] | ADDED
        for matcher in matchers.split(", ") if matchers else ():
            found = re.fullmatch(r'(\w+)=~"\$(\w+)"', matcher)
            assert found is not None, matcher
            assert found[1] in labels
            assert found[2] in VARIABLES
        kept = {label for by in BY.findall(query) for label in by.split(", ")}
        assert kept <= labels
        shown = set(re.findall(r"\{\{(\w+)\}\}", QUERIES.get(query, "")))
        assert shown <= (kept if " by " in query else labels)
    counted = {name for name, _ in asked if name.endswith(CUMULATIVE)}
    assert set(RATE.findall(query)) == counted, "what only grows is a rate, and nothing else is"


def test_every_metric_of_ours_is_shown(served: dict[str, set[str]]) -> None:
    shown = {name for query in QUERIES for name, _ in METRIC.findall(query)}
    left = {re.sub("_(bucket|sum|count)$", "", name) for name in served.keys() - shown}
    ours = {name for name in left if name.startswith("vaurien_")}
    assert ours <= {"vaurien_response_time_seconds", "vaurien_held_time_seconds"}


def test_panels_have_their_places() -> None:
    assert max(Counter(panel["id"] for panel in PANELS).values()) == 1
    places = [panel["gridPos"] for panel in PANELS]
    for one in places:
        assert one["x"] + one["w"] <= 24
    for one, other in combinations(places, 2):
        apart = [
            one[begin] + one[size] <= other[begin] or other[begin] + other[size] <= one[begin]
            for begin, size in (("x", "w"), ("y", "h"))
        ]
        assert any(apart), (one, other)


def test_it_takes_any_source() -> None:
    sources = [each["datasource"]["uid"] for each in PANELS if "datasource" in each]
    sources += [
        target["datasource"]["uid"] for each in PANELS for target in each.get("targets", ())
    ]
    assert set(sources) == {"${datasource}"}
