"""The errors of each API."""

from __future__ import annotations

import json

import pytest

from acting import firing, request
from vaurien.fault import values_of
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.http.llm_errors import REFUSALS, error_body, refusal_of
from vaurien.protocols.http.statuses import STATUSES
from vaurien.values.actions import Reply

POST = b"POST /v1/x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"


def replied(name: str, provider: str, **parameters: object) -> tuple[bytes, object]:
    """The head and the data of what is replied to a request."""
    fault = CATALOGUE.find(name)
    message = request(POST)._replace(labels={"provider": provider}, about="POST")
    (reply,) = fault.play(message, firing(), values_of(fault, parameters))
    assert isinstance(reply, Reply)
    head, _, body = reply.data.partition(b"\r\n\r\n")
    return head, json.loads(body)


def test_both_apis_have_the_same_kinds() -> None:
    assert REFUSALS["openai"].keys() == REFUSALS["anthropic"].keys()
    for kinds in REFUSALS.values():
        assert {refusal.status for refusal in kinds.values()} <= STATUSES.keys()


def test_compatible_servers_answer_as_openai() -> None:
    assert (
        refusal_of("compatible", "quota")
        is refusal_of("", "quota")
        is refusal_of("openai", "quota")
    )


def test_overloaded() -> None:
    head, data = replied("overloaded", "anthropic")
    assert head.startswith(b"HTTP/1.1 529 Site is overloaded\r\n")
    assert b"\r\nrequest-id: req_" in head
    assert data == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_011CVaurien0000000000000",
    }
    head, _ = replied("overloaded", "openai", retry_after=3)
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 3\r\n" in head
    assert b"\r\nx-request-id: req_" in head


def test_quota() -> None:
    head, data = replied("insufficient-quota", "compatible", message="no")
    assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert data == {
        "error": {
            "message": "no",
            "type": "insufficient_quota",
            "param": None,
            "code": "insufficient_quota",
        }
    }
    head, data = replied("insufficient-quota", "anthropic", message="no")
    assert isinstance(data, dict)
    assert data["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}
    assert b"retry-after" not in head


@pytest.mark.parametrize("asked", ["openai", "anthropic"])
def test_the_form_may_be_chosen(asked: str) -> None:
    head, _ = replied("overloaded", asked, provider_form="anthropic")
    assert head.startswith(b"HTTP/1.1 529 ")


def test_the_body_is_json() -> None:
    assert "type" in json.loads(error_body("anthropic", refusal_of("anthropic", "error"), "é"))
