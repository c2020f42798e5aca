"""Metrics in OpenTelemetry's form: nothing is lost of those that /metrics has."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, Sum
from opentelemetry.sdk.resources import Resource
from prometheus_client.metrics_core import HistogramMetricFamily

from vaurien.control.metrics import counter, gauge
from vaurien.control.otel.metrics import data_of, name_and_unit

WHOLE = Resource({"service.name": "x"})


def metrics(*families: object) -> list[Metric]:
    data = data_of(families, WHOLE, 5, 7)  # type: ignore[arg-type]  # of a library without types
    encode_metrics(data)
    return list(data.resource_metrics[0].scope_metrics[0].metrics)


@pytest.mark.parametrize(
    ("prometheus", "name", "unit"),
    [
        ("vaurien_connections_open", "vaurien.connections_open", ""),
        ("vaurien_transferred_bytes", "vaurien.transferred", "By"),
        ("vaurien_response_time_seconds", "vaurien.response_time", "s"),
    ],
)
def test_names(prometheus: str, name: str, unit: str) -> None:
    assert name_and_unit(prometheus) == (name, unit)


def test_counters_and_gauges() -> None:
    (fired, lag) = metrics(
        counter("vaurien_rule_fired", "Times", [({"rule": "a"}, 3)]),
        gauge("vaurien_event_loop_lag_seconds", "Lag", [({}, 0.25)]),
        gauge("vaurien_rule_on", "Nobody has one", []),
        gauge("vaurien_build_info", "The resource says so", [({"version": "3"}, 1)]),
        gauge("process_open_fds", "Not ours", [({}, 1)]),
    )
    assert isinstance(fired.data, Sum)
    assert fired.data.is_monotonic
    (point,) = fired.data.data_points
    assert (point.attributes, point.value) == ({"rule": "a"}, 3)
    assert (point.start_time_unix_nano, point.time_unix_nano) == (5, 7)
    assert isinstance(lag.data, Gauge)
    assert (lag.name, lag.unit, lag.data.data_points[0].value) == (
        *("vaurien.event_loop_lag", "s", 0.25),
    )


def test_histograms() -> None:
    family = HistogramMetricFamily("vaurien_response_time_seconds", "Times", labels=["kind"])
    family.add_metric(["GET"], [("0.1", 1.0), ("0.2", 3.0), ("+Inf", 4.0)], 5.5)
    family.add_metric(["SET"], [("0.1", 0.0), ("0.2", 0.0), ("+Inf", 0.0)], 0.0)
    (metric,) = metrics(family)
    assert isinstance(metric.data, Histogram)
    first, second = metric.data.data_points
    assert (first.attributes, first.count, first.sum) == ({"kind": "GET"}, 4, 5.5)
    assert (first.explicit_bounds, first.bucket_counts) == ([0.1, 0.2], [1, 2, 1])
    assert (second.attributes, second.count, second.bucket_counts) == (
        {"kind": "SET"},
        0,
        [0, 0, 0],
    )
