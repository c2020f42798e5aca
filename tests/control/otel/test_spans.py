"""Spans of firings: what they say, and whose children they are."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from vaurien.control.otel.spans import EVENT, Spans
from vaurien.values.events import Fired
from vaurien.values.messages import TO_BACKEND

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def fired(trace: str = "", detail: str = "OOM", **labels: str) -> Fired:
    known = ("cache", "full", "error", 7, 3, 1.5, 2, TO_BACKEND)
    return Fired(*known, labels, detail, trace=trace)


def spans(*firings: Fired) -> list[ReadableSpan]:
    made = Spans(Resource({})).of((1000 + each, one) for each, one in enumerate(firings))
    encode_spans(made)
    return made


def test_a_span() -> None:
    (span,) = spans(fired(key="a\udc80"))
    assert (span.name, span.start_time, span.end_time) == ("error OOM", 1000, 1000)
    assert span.parent is None
    assert span.attributes == {
        "vaurien.proxy": "cache",
        "vaurien.rule": "full",
        "vaurien.behavior": "error",
        "vaurien.fault": "OOM",
        "vaurien.connection": 7,
        "vaurien.exchange": 3,
        "vaurien.draw": 1.5,
        "vaurien.count": 2,
        "vaurien.direction": "to_backend",
        "vaurien.label.key": "a?",
    }
    (event,) = span.events
    assert (event.name, event.timestamp) == (EVENT, 1000)
    assert event.attributes == {
        "vaurien.proxy": "cache",
        "vaurien.rule": "full",
        "vaurien.behavior": "error",
        "vaurien.fault": "OOM",
    }


def test_it_is_a_child_of_the_clients() -> None:
    (span,) = spans(fired(f"00-{TRACE}-{PARENT}-01"))
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)


def test_what_the_client_does_not_sample_is_left_out() -> None:
    assert spans(fired(f"00-{TRACE}-{PARENT}-00")) == []


@pytest.mark.parametrize("trace", ["nonsense", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-x-01"])
def test_nonsense_is_no_parent(trace: str) -> None:
    (span,) = spans(fired(trace))
    assert span.parent is None


def test_a_behavior_without_faults() -> None:
    (span,) = spans(fired(detail=""))
    assert span.name == "error"
