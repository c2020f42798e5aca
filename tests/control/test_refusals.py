"""The form of a refusal is that of the API that was asked for."""

from __future__ import annotations

import json

import pytest

from vaurien.control.refusals import is_native, refusal


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1", "application/problem+json"),
        ("/v1/proxies/a", "application/problem+json"),
        ("//v1/proxies", "application/problem+json"),
        ("/docs", "application/problem+json"),
        ("/proxies", "text/plain; charset=utf-8"),
        ("/version", "text/plain; charset=utf-8"),
        ("/behavior", "application/json"),
        ("/v10", "application/json"),
        ("/", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_form_follows_the_path(path: str, kind: str) -> None:
    response = refusal({"type": "http", "path": path}, 403, "Host", "is odd")
    assert response.status_code == 403
    assert response.headers["content-type"] == kind
    assert "is odd" in json.dumps(json.loads(bytes(response.body)))
    assert is_native(path) is (kind == "application/problem+json")
