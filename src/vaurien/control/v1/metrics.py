"""Metrics, for Prometheus."""

from __future__ import annotations

from starlette.responses import Response

from .routes import Call, Route


def metrics(call: Call) -> Response:
    """Answer in the format that the client accepts.

    Raises:
        StalledError, EndingError: the data plane does not answer.
    """
    from ..metrics import exposition  # its library takes a while to import

    text, media_type = exposition(call.control, call.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


ROUTES = [
    Route(
        "GET",
        "/metrics",
        metrics,
        "Return metrics in the text format of Prometheus, or that of OpenMetrics.",
        answers={200: {"type": "string"}},
        statuses=[503],
        media_type="text/plain",
    ),
]
