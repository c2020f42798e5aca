"""What requests mean, by their labels."""

from __future__ import annotations

import re

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.http.semantics import SEMANTICS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("safe", {"method": "GET"}, True),
        ("safe", {"method": "POST"}, False),
        ("idempotent", {"method": "PUT"}, True),
        ("idempotent", {"method": "PATCH"}, False),
        ("idempotent", {"method": "POST", "provider": "openai"}, True),
        ("failed", {"status": "503"}, True),
        ("failed", {"status": "201"}, False),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets


def test_what_makes_a_request_safe_to_repeat() -> None:
    head = "POST /pay HTTP/1.1\r\nHost: x\r\nidempotency-key: 17\r\n\r\n"
    found = re.search(SEMANTICS.identity, head)
    assert found is not None
    assert found[1] == "17"
    assert not re.search(SEMANTICS.identity, head.replace("idempotency-", "x-"))


def test_what_says_nothing_of_what_is_asked() -> None:
    head = "POST / HTTP/1.1\r\nAccept-Encoding: gzip\r\nx-stainless-retry-count: 1\r\nA: b\r\n\r\n"
    assert re.sub(SEMANTICS.incidental_head, "", head) == "POST / HTTP/1.1\r\nA: b\r\n\r\n"
