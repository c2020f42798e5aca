"""A span for each rule that has fired.

A span has no duration: it says that something was done to an exchange at a moment.  Where the
request carried a ``traceparent`` (W3C Trace Context), the span is a child of the client's.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ...values.events import Fired
from ...version import __version__

PREFIX = "vaurien."
EVENT = PREFIX + "fault"
WHAT = ("proxy", "rule", "behavior", "fault")
"""What the event in a span says, too ..."""
ALL = (*WHAT, "connection", "exchange", "draw", "count", "direction")
"""... and the span, besides labels; the keys are those of the journal."""
LINKS = TraceContextTextMapPropagator()
NOWHERE = Context()
"""Nothing of the context that the thread itself may have."""


class Ended(SpanProcessor):
    """Keeps the spans that have ended and that the sampler wants, until they are taken."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context.trace_flags.sampled:
            self._spans.append(span)

    def take(self) -> list[ReadableSpan]:
        spans, self._spans = self._spans, []
        return spans


class Spans:
    """Makes spans; the sampler and limits are those of the SDK's environment variables."""

    def __init__(self, resource: Resource) -> None:
        self._ended = Ended()
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._ended)
        self._tracer = provider.get_tracer("vaurien", __version__)

    def of(self, firings: Iterable[tuple[int, Fired]]) -> list[ReadableSpan]:
        """Return spans of firings, each with its time in nanoseconds since 1970."""
        for at, fired in firings:
            parent = LINKS.extract({"traceparent": fired.trace}, NOWHERE)
            attributes = attributes_of(fired, ALL)
            for label, text in fired.labels.items():
                attributes[f"{PREFIX}label.{label}"] = encodable(text)
            name = f"{fired.behavior} {fired.detail}".rstrip()
            span = self._tracer.start_span(name, parent, attributes=attributes, start_time=at)
            span.add_event(EVENT, attributes_of(fired, WHAT), at)
            span.end(at)
        return self._ended.take()


def attributes_of(fired: Fired, keys: Iterable[str]) -> dict[str, str | int | float]:
    """Return what a line of the journal says under these keys."""
    said: dict[str, str | int | float] = {
        "proxy": fired.proxy,
        "rule": fired.rule,
        "behavior": fired.behavior,
        "fault": fired.detail,
        "connection": fired.connection,
        "exchange": fired.exchange,
        "draw": fired.draw,
        "count": fired.count,
        "direction": fired.direction.value,
    }
    return {PREFIX + key: said[key] for key in keys}


def encodable(text: str) -> str:
    """Return a text without what UTF-8 cannot encode, as labels may have it from traffic."""
    return text.encode("utf-8", "replace").decode()
