"""Sends metrics and spans to an OpenTelemetry collector, from a thread of its own.

Law: the data plane only appends firings to a queue of bounded length, and waits for nobody; at
the end, it waits for ``END_LIMIT`` seconds at most.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from ...errors import VaurienError
from ...net.appender import signals_blocked
from ...values.events import Event, Fired, Trouble
from ...version import __version__
from ..metrics import Collected
from .metrics import data_of
from .reports import Reasons, Reports
from .settings import Settings
from .spans import Spans

if TYPE_CHECKING:
    from ...config.state import State
    from ...net.proxies import Proxies
    from ...net.reactor import Reactor
    from ...values.events import Emit
    from ..server import Control

T = TypeVar("T")
END_LIMIT = 2.0
"""Seconds that the end waits for what is left to be sent."""
LOOK = 1.0
"""Seconds between two looks whether there is a whole batch of spans."""


class Telemetry:
    """A subscriber to events, which sends from ``start`` to ``close``."""

    def __init__(self, reactor: Reactor, emit: Emit) -> None:
        """``emit`` gets events about trouble with sending.

        Raises:
            OptionError: a variable of the environment cannot be used.
        """
        self._reactor = reactor
        self._emit = emit
        self._settings = settings = Settings.of(os.environ)
        self._firings: deque[tuple[int, Fired]] = deque(maxlen=settings.queue)
        self._missed = 0
        self._began = time.time_ns()
        self._remarks: deque[Trouble] = deque()
        self._reasons = Reasons()
        self._of_spans = Reports("spans", self._tell)
        self._of_metrics = Reports("metrics", self._tell)
        self._resource = resource()
        self._spans = Spans(self._resource)
        self._span_exporter = OTLPSpanExporter()
        self._metric_exporter = OTLPMetricExporter()
        self._control: Control | None = None
        self._last: Collected | None = None
        """What was counted in the end."""
        self._ended = threading.Event()
        self._over = False
        """Nobody waits any more for what is left."""
        self._thread = threading.Thread(target=self._work, name="otel", daemon=True)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Fired):
            firings = self._firings
            self._missed += len(firings) == firings.maxlen
            firings.append((time.time_ns(), event))

    def start(self, control: Control) -> None:
        """Send from now on, also what has happened before."""
        if self._settings.disabled:
            return
        self._control = control
        self._reasons.install()
        with signals_blocked():
            self._thread.start()

    def close(self, proxies: Proxies) -> None:
        """Send what is left, for a limited time; the reactor does not run any more."""
        if self._control is None:
            return
        self._last = Collected(AtTheEnd(proxies, self._control.state))
        self._ended.set()
        is_reachable = not (self._of_spans.failing or self._of_metrics.failing)
        self._thread.join(END_LIMIT if is_reachable else 0)
        if is_reachable and self._thread.is_alive():
            what = "not all could be sent to OpenTelemetry before the end"
            self._remarks.append(Trouble("otel", what, self._reasons.take()))
        self._over = True
        for exporter in (self._span_exporter, self._metric_exporter):
            exporter.shutdown()
        self._report()

    # In the thread.

    def _work(self) -> None:
        settings, now = self._settings, time.monotonic()
        spans_at, metrics_at = now + settings.spans_interval, now + settings.metrics_interval
        look = min(LOOK, settings.spans_interval, settings.metrics_interval)
        while not self._ended.wait(look):
            now = time.monotonic()
            if now >= spans_at or len(self._firings) >= settings.batch:
                spans_at = now + settings.spans_interval
                self._send_spans()
            if now >= metrics_at:
                metrics_at = now + settings.metrics_interval
                self._send_metrics()
        self._send_spans()
        self._send_metrics()
        self._reasons.remove()

    def _send_spans(self) -> None:
        """Send what there is, but for what comes after a batch that could not be sent."""
        if not self._settings.traces:
            self._firings.clear()
            return
        left, batch, reports = len(self._firings), self._settings.batch, self._of_spans
        while left > 0 and not self._over:
            firings = [self._firings.popleft() for _ in range(min(batch, left))]
            left -= batch
            spans = self._spans.of(firings)
            if spans and self._span_exporter.export(spans) is not SpanExportResult.SUCCESS:
                reports.lost(len(spans), self._reasons.take())
                break
            reports.sent()
        missed, self._missed = self._missed, 0
        reports.missed(missed)

    def _send_metrics(self) -> None:
        control = self._control
        if control is None or not self._settings.metrics or self._over:
            return
        try:
            families = (self._last or Collected(control)).collect()
        except VaurienError:  # the data plane does not answer; its own log says so
            return
        data = data_of(families, self._resource, self._began, time.time_ns())
        if self._metric_exporter.export(data) is MetricExportResult.SUCCESS:
            self._of_metrics.sent()
        else:
            self._of_metrics.lost(0, self._reasons.take())

    def _tell(self, what: str, detail: str) -> None:
        self._remarks.append(Trouble("otel", what, detail))
        if not self._ended.is_set():
            self._reactor.post(self._report)

    def _report(self) -> None:
        """Emit what there is to say, in the reactor's thread."""
        while self._remarks:
            self._emit(self._remarks.popleft())


class AtTheEnd:
    """Answers for a data plane that does not run any more."""

    toxiproxy_metrics = False

    def __init__(self, proxies: Proxies, state: State) -> None:
        self.state = state
        self._proxies = proxies

    def ask(self, call: Callable[[Proxies], T]) -> T:
        return call(self._proxies)


def resource() -> Resource:
    """Return what is known of this process; the variables of the environment win."""
    own: dict[str, str | int] = {
        "service.name": "vaurien",
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid4()),
        "process.pid": os.getpid(),
    }
    return Resource.create().merge(Resource(dict(own))).merge(OTELResourceDetector().detect())
