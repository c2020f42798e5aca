"""What ``control.metrics`` collects, in OpenTelemetry's form.

Law: the names are such that Prometheus gets those of ``/metrics`` again, by OpenTelemetry's own
rules: ``vaurien.response_time`` in seconds is ``vaurien_response_time_seconds`` there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from ...version import __version__

PREFIX = "vaurien_"
LEFT_OUT = "vaurien_build_info"
"""The resource has the version."""
UNITS = {"bytes": "By", "seconds": "s"}
CUMULATIVE = AggregationTemporality.CUMULATIVE
SCOPE = InstrumentationScope("vaurien", __version__)


def data_of(families: Iterable[Family], resource: Resource, began: int, at: int) -> MetricsData:
    """Return the metrics of ours; times are in nanoseconds since 1970."""
    metrics = [
        metric
        for family in families
        if family.name.startswith(PREFIX) and family.name != LEFT_OUT
        if (metric := _metric(family, began, at)) is not None
    ]
    scope = ScopeMetrics(SCOPE, metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(family: Family, began: int, at: int) -> Metric | None:
    """Return a metric; None if it has no values."""
    data: Sum | Gauge | Histogram
    if family.type == "histogram":
        data = Histogram(list(_distributions(family.samples, began, at)), CUMULATIVE)
    else:
        points = [
            NumberDataPoint(each.labels, began, at, _number(each.value)) for each in family.samples
        ]
        data = Sum(points, CUMULATIVE, True) if family.type == "counter" else Gauge(points)
    name, unit = name_and_unit(family.name)
    return Metric(name, family.documentation, unit, data) if data.data_points else None


def name_and_unit(name: str) -> tuple[str, str]:
    """Return what a metric is called here, and its unit."""
    stem, _, last = name.removeprefix(PREFIX).rpartition("_")
    if last in UNITS:
        return f"vaurien.{stem}", UNITS[last]
    return f"vaurien.{name.removeprefix(PREFIX)}", ""


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _distributions(samples: Sequence[Sample], began: int, at: int) -> Iterator[HistogramDataPoint]:
    """Yield a point for each set of labels; its samples follow each other."""
    below: list[tuple[float, float]] = []
    total = 0.0
    for sample in samples:
        if sample.name.endswith("_bucket"):
            below.append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            total = sample.value
        if len(below) and sample.name.endswith("_sum"):
            labels = {key: value for key, value in sample.labels.items() if key != "le"}
            yield _point(labels, below, total, began, at)
            below = []


def _point(
    labels: Mapping[str, str],
    below: Sequence[tuple[float, float]],
    total: float,
    began: int,
    at: int,
) -> HistogramDataPoint:
    """``below``: upper bounds, the last of them infinite, and how many values are not above."""
    counts = [int(after - before) for (_, before), (_, after) in pairwise([(0.0, 0.0), *below])]
    return HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=began,
        time_unix_nano=at,
        count=int(below[-1][1]),
        sum=total,
        bucket_counts=counts,
        explicit_bounds=[bound for bound, _ in below[:-1]],
        min=None,  # type: ignore[arg-type]  # not known; OTLP has both as optional
        max=None,  # type: ignore[arg-type]
    )
