"""Metrics for Prometheus: made of the proxies' counters when somebody asks.

Law: nothing is counted for them.  A label has no more values than the proxies, their rules and
``parsing.tally.KINDS`` allow, whatever the traffic.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector

from ..parsing.tally import Latency, Tally
from ..version import __version__
from .counted import Asked, Counted, counted

if TYPE_CHECKING:
    from ..config.state import State
    from ..net.spec import ProxySpec
    from ..net.totals import Totals

EDGES = tuple(range(6, 28, 2))
"""Logarithms to base 2 of the upper bounds of latencies, in microseconds: 64 us to 67 s."""
PROCESS = ProcessCollector(registry=None)

TOTALS: Mapping[str, tuple[str, Callable[[Totals], int]]] = {
    "vaurien_connections_accepted": ("Connections that clients opened", lambda of: of.opened),
    "vaurien_connections_refused": (
        "Connections whose backend could not be reached",
        lambda of: of.refused,
    ),
    "vaurien_connections_killed": ("Connections closed on request", lambda of: of.killed),
    "vaurien_connections_opaque": (
        "Connections whose protocol was not understood",
        lambda of: of.gave_up,
    ),
}
TALLIED: Mapping[str, tuple[str, str, Callable[[Tally], Mapping[str, int]]]] = {
    "vaurien_exchanges": ("kind", "Requests, by what they ask", lambda of: of.exchanges),
    "vaurien_backend_errors": ("code", "Errors that backends reported", lambda of: of.errors),
    "vaurien_injected_faults": ("fault", "Faults that rules injected", lambda of: of.injected),
}


def exposition(asked: Asked, accept: str) -> tuple[bytes, str]:
    """Return all metrics, and their media type, in a format that a client accepts.

    Raises:
        StalledError, EndingError: the data plane does not answer.
    """
    encode, media_type = choose_encoder(accept)
    return encode(Collected(asked)), media_type


class Collected:
    """What proxies have counted at one moment, as prometheus_client collects it."""

    def __init__(self, asked: Asked) -> None:
        began = time.perf_counter()
        asked.ask(lambda _: None)
        self._lag = time.perf_counter() - began
        self._state: State = asked.state
        found = counted(asked, (spec.name for spec in self._state.proxies))
        self._found = [(name, each, each.totals()) for name, each in found.items()]
        self._toxiproxy = asked.toxiproxy_metrics

    def collect(self) -> Iterator[Metric]:
        yield from PROCESS.collect()
        yield gauge("vaurien_build_info", "The version", [({"version": __version__}, 1)])
        what = "Time that the event loop took to answer"
        yield gauge("vaurien_event_loop_lag_seconds", what, [({}, self._lag)])
        yield from self._of_proxies()
        yield from self._of_traffic()
        yield from self._of_rules()
        if self._toxiproxy:
            yield from self._of_toxiproxy()

    def _of_proxies(self) -> Iterator[Metric]:
        proxies = [
            ({**_of(spec.name), "protocol": spec.protocol.name}, spec.enabled)
            for spec in self._state.proxies
        ]
        yield gauge("vaurien_proxy_enabled", "Whether a proxy listens", proxies)
        opened = [(_of(name), totals.open) for name, _, totals in self._found]
        yield gauge("vaurien_connections_open", "Connections that are open", opened)
        for metric, (what, total) in TOTALS.items():
            found = [(_of(name), total(totals)) for name, _, totals in self._found]
            yield counter(metric, what, found)

    def _of_traffic(self) -> Iterator[Metric]:
        carried = [
            ({**_of(name), "direction": direction}, size)
            for name, _, totals in self._found
            for direction, size in _carried(totals)
        ]
        yield counter("vaurien_transferred_bytes", "Bytes that were received to pass on", carried)
        for metric, (label, what, table) in TALLIED.items():
            found = [
                ({**_of(name), label: kind}, count)
                for name, each, _ in self._found
                for kind, count in dict(table(each.proxy.tally)).items()
            ]
            yield counter(metric, what, found)
        what = "Time from passing on a request to the first byte of its response."
        latencies = HistogramMetricFamily(
            "vaurien_response_time_seconds", what, labels=["proxy", "kind"]
        )
        for name, each, _ in self._found:
            for kind, latency in dict(each.proxy.tally.latencies).items():
                latencies.add_metric([name, kind], *_histogram(latency))
        yield latencies
        what = "Time that rules held messages which were then passed on."
        held = HistogramMetricFamily("vaurien_held_time_seconds", what, labels=["proxy"])
        for name, each, _ in self._found:
            held.add_metric([name], *_histogram(each.proxy.tally.held))
        yield held

    def _of_rules(self) -> Iterator[Metric]:
        rules = [
            ({**_of(name), "rule": rule.name, "behavior": rule.rule.behavior.name}, rule, each.now)
            for name, each, _ in self._found
            for rule in each.rules.values()
        ]
        on = [(labels, rule.seconds_on(now) is not None) for labels, rule, now in rules]
        yield gauge("vaurien_rule_on", "Whether a rule is on at the moment", on)
        matched = [(labels, rule.seen) for labels, rule, _ in rules]
        yield counter("vaurien_rule_matched", "Exchanges that a rule applied to", matched)
        fired = [(labels, rule.fired) for labels, rule, _ in rules]
        yield counter("vaurien_rule_fired", "Times that a rule fired", fired)

    def _of_toxiproxy(self) -> Iterator[Metric]:
        specs = {spec.name: spec for spec in self._state.proxies}
        for metric, what in (("received", "received from the source"), ("sent", "sent on")):
            yield counter(
                f"toxiproxy_proxy_{metric}_bytes",
                f"Bytes {what}, as Toxiproxy counts them",
                [
                    (_toxiproxy_labels(specs[name], each, direction), size)
                    for name, each, totals in self._found
                    if name in specs
                    for direction, (_, size) in zip(
                        ("upstream", "downstream"), _carried(totals), strict=True
                    )
                ],
            )


Samples = Iterable[tuple[Mapping[str, str], float]]


def gauge(name: str, what: str, samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(name, f"{what}."), samples)


def counter(name: str, what: str, samples: Samples) -> Metric:
    return _filled(CounterMetricFamily(f"{name}_total", f"{what}."), samples)


def _filled(metric: Metric, samples: Samples) -> Metric:
    suffix = "_total" if metric.type == "counter" else ""
    for labels, value in samples:
        metric.add_sample(f"{metric.name}{suffix}", dict(labels), float(value))
    return metric


def _of(proxy: str) -> dict[str, str]:
    return {"proxy": proxy}


def _carried(totals: Totals) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("to_backend", totals.bytes_to_backend), ("to_client", totals.bytes_to_client)


def _toxiproxy_labels(spec: ProxySpec, each: Counted, direction: str) -> dict[str, str]:
    listener, upstream = str(each.proxy.address), str(spec.backend)
    return {
        "direction": direction,
        "proxy": spec.name,
        "listener": listener,
        "upstream": upstream,
    }


def _histogram(latency: Latency) -> tuple[list[tuple[str, float]], float]:
    """Return the counts below each bound in seconds, which are exact, and the sum."""
    counts = list(latency.buckets)
    below = [(repr(2**edge / 1e6), float(sum(counts[: edge + 1]))) for edge in EDGES]
    return [*below, ("+Inf", float(sum(counts)))], latency.total
