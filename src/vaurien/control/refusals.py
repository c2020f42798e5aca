"""Refusals of requests that no route sees, in the form of the API that was asked for."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

from .classic import problem
from .toxiproxy.answers import Refusal
from .toxiproxy.app import OWN

if TYPE_CHECKING:
    from starlette.types import Scope

NATIVE = frozenset({"v1", "livez", "readyz", "metrics", "openapi.json", "docs", "ui"})
"""The first segments of the native API's paths."""


def is_native(path: str) -> bool:
    return _first(path) in NATIVE


def refusal(scope: Scope, status: int, header: str, why: str) -> Response:
    """Return the response to a request that is refused because of a header, if that has a name."""
    path = scope["path"]
    text = f"{header}: {why}" if header else why
    if is_native(path):
        fields = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": text,
            **({"errors": [{"parameter": header, "detail": why}]} if header else {}),
        }
        return Response(json.dumps(fields), status, media_type="application/problem+json")
    if _first(path) in OWN:
        return Refusal(status, text).response
    return problem(status, "header", header, why)


def _first(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
