"""A collector of OpenTelemetry, which keeps what it is sent over OTLP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from peers import serving_in_thread


class Collector(ThreadingHTTPServer):
    """``status`` is what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.refused = 0
        self.spans: list[Span] = []
        self.metrics: dict[str, Metric] = {}
        """The newest of each name."""
        self.resource: dict[str, str] = {}
        self.media_types: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take_spans(self, body: bytes) -> None:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource |= texts(of_resource.resource.attributes)
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans

    def take_metrics(self, body: bytes) -> None:
        for of_resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            self.resource |= texts(of_resource.resource.attributes)
            for of_scope in of_resource.scope_metrics:
                self.metrics |= {metric.name: metric for metric in of_scope.metrics}


class Handler(BaseHTTPRequestHandler):
    server: Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.media_types.add(self.headers["Content-Type"])
            takers = {
                "/v1/traces": self.server.take_spans,
                "/v1/metrics": self.server.take_metrics,
            }
            takers[self.path](body)
        else:
            self.server.refused += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        """Say nothing."""


@contextmanager
def collector() -> Iterator[Collector]:
    server = Collector()
    with serving_in_thread(server):
        yield server


class Point(NamedTuple):
    """A value of a metric."""

    labels: Mapping[str, str]
    value: float


def points(metric: Metric) -> list[Point]:
    """The values of a counter or a gauge."""
    data = metric.sum if metric.HasField("sum") else metric.gauge
    return [
        Point(texts(each.attributes), each.as_int if each.HasField("as_int") else each.as_double)
        for each in data.data_points
    ]


def texts(attributes: object) -> dict[str, str]:
    """Attributes as texts."""
    found = {}
    for each in attributes:  # type: ignore[attr-defined]  # a container of protobuf
        assert isinstance(each, KeyValue)
        kind = each.value.WhichOneof("value")
        assert kind is not None
        found[each.key] = str(getattr(each.value, kind))
    return found
