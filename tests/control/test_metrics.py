"""Metrics of real proxies, as Prometheus's own library reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from live import Live, live
from peers import wait_until
from vaurien.control.metrics import Collected, exposition

PLAIN = "text/plain;version=0.0.4"
HOSTILE = 'a"b\\c\nd{x="y"} 1'


@pytest.fixture
def running() -> Iterator[Live]:
    with live([{"behavior": "dummy", "name": "all"}], names=["cache"]) as started:
        yield started


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: bytes) -> Samples:
    """Return the value of each sample, by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def metrics_of(running: Live) -> Samples:
    return read(exposition(running.control, PLAIN)[0])


def test_connections_and_bytes(running: Live) -> None:
    assert running.ask(b"hello") == b"hello"
    with running.connect() as client:
        client.sendall(b"12345")
        assert client.recv(5) == b"12345"
        wait_until(lambda: len(running.proxy.connections) == 1, "the first one is closed")
        samples = metrics_of(running)
    assert value(samples, "vaurien_proxy_enabled", proxy="cache", protocol="tcp") == 1
    assert value(samples, "vaurien_connections_open", proxy="cache") == 1
    assert value(samples, "vaurien_connections_accepted_total", proxy="cache") == 2
    for direction in ("to_backend", "to_client"):
        name = "vaurien_transferred_bytes_total"
        assert value(samples, name, proxy="cache", direction=direction) == 10
    assert value(samples, "vaurien_event_loop_lag_seconds") < 60
    assert value(samples, "process_open_fds") > 3


def test_exchanges_errors_and_faults(running: Live) -> None:
    tally = running.proxy.tally
    tally.exchanges |= {"SET": 3, HOSTILE: 1}
    tally.errors["READONLY"] = 2
    tally.injected["BUSY"] = 1
    tally.latency_of("SET").add(0.0005, times=3)
    samples = metrics_of(running)
    assert value(samples, "vaurien_exchanges_total", proxy="cache", kind="SET") == 3
    assert value(samples, "vaurien_exchanges_total", proxy="cache", kind=HOSTILE) == 1
    assert value(samples, "vaurien_backend_errors_total", proxy="cache", code="READONLY") == 2
    assert value(samples, "vaurien_injected_faults_total", proxy="cache", fault="BUSY") == 1
    of_set = {"proxy": "cache", "kind": "SET"}
    name = "vaurien_response_time_seconds"
    assert value(samples, f"{name}_count", **of_set) == 3
    assert value(samples, f"{name}_sum", **of_set) == pytest.approx(0.0015)
    assert value(samples, f"{name}_bucket", le="0.000256", **of_set) == 0
    assert value(samples, f"{name}_bucket", le="0.001024", **of_set) == 3
    assert value(samples, f"{name}_bucket", le="+Inf", **of_set) == 3


def test_how_long_rules_have_held_messages(running: Live) -> None:
    running.proxy.tally.held.add(0.5)
    samples = metrics_of(running)
    name = "vaurien_held_time_seconds"
    assert value(samples, f"{name}_sum", proxy="cache") == 0.5
    assert value(samples, f"{name}_bucket", proxy="cache", le="0.262144") == 0
    assert value(samples, f"{name}_bucket", proxy="cache", le="1.048576") == 1


def test_rules(running: Live) -> None:
    running.ask()
    samples = metrics_of(running)
    assert not [name for name, _ in samples if name == "vaurien_rule_on"], "dummy does nothing"
    delay = {"behavior": "delay", "name": "late", "sleep": 0.0}
    running.control.set_plan([delay], "cache")
    running.ask()
    samples = metrics_of(running)
    rule = {"proxy": "cache", "rule": "late", "behavior": "delay"}
    assert value(samples, "vaurien_rule_on", **rule) == 1
    assert value(samples, "vaurien_rule_fired_total", **rule) == 1
    assert value(samples, "vaurien_rule_matched_total", **rule) == 1


def test_those_of_toxiproxy_when_asked_for(running: Live) -> None:
    assert not [name for name, _ in metrics_of(running) if name.startswith("toxiproxy")]
    running.control.toxiproxy_metrics = True
    assert running.ask(b"hello") == b"hello"
    labels = {
        "proxy": "cache",
        "listener": str(running.control.address("cache")),
        "upstream": str(running.backend),
    }
    samples = metrics_of(running)
    for name in ("received", "sent"):
        for direction in ("upstream", "downstream"):
            metric = f"toxiproxy_proxy_{name}_bytes_total"
            assert value(samples, metric, direction=direction, **labels) == 5


def test_all_are_documented(running: Live) -> None:
    running.control.toxiproxy_metrics = True
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"`((?:vaurien|toxiproxy)_\w+)`", page))
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Collected(running.control).collect()
        if not family.name.startswith("process_")
    }
    assert found == documented - {"toxiproxy_metrics"}


def test_openmetrics_can_be_read(running: Live) -> None:
    text, _ = exposition(running.control, "application/openmetrics-text")
    read_openmetrics = cast(
        Callable[[str], Iterator[Metric]], openmetrics_parser.text_string_to_metric_families
    )
    assert {family.name for family in read_openmetrics(text.decode())} > {"vaurien_exchanges"}


def test_latencies_beyond_the_last_bound_are_in_the_last_bucket(running: Live) -> None:
    running.proxy.tally.latency_of("").add(1e6)
    samples = metrics_of(running)
    of_all = {"proxy": "cache", "kind": ""}
    name = "vaurien_response_time_seconds_bucket"
    assert value(samples, name, le="67.108864", **of_all) == 0
    assert value(samples, name, le="+Inf", **of_all) == 1
