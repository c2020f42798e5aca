"""The errors of the APIs of language models, in the form of each API, and how they are played.

Sources: what OpenAI and Anthropic document, and responses of theirs that users have reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

from ...fault import Values
from ...values.messages import Message
from .fault_types import ForgedResponse
from .statuses import STATUSES

REQUEST_ID = "req_011CVaurien0000000000000"
ORGANIZATION = "org-vaurien"


class Refusal(NamedTuple):
    """An error of one of the APIs."""

    status: int
    type: str
    code: str | None
    message: str


REFUSALS: dict[str, dict[str, Refusal]] = {
    "openai": {
        "requests": Refusal(
            429,
            "requests",
            "rate_limit_exceeded",
            "Rate limit reached for {model} in organization "
            + ORGANIZATION
            + " on requests per min (RPM): Limit {limit}, Used {used}, Requested {cost}. "
            "Please try again in {wait}.",
        ),
        "tokens": Refusal(
            429,
            "tokens",
            "rate_limit_exceeded",
            "Rate limit reached for {model} in organization "
            + ORGANIZATION
            + " on tokens per min (TPM): Limit {limit}, Used {used}, Requested {cost}. "
            "Please try again in {wait}.",
        ),
        "quota": Refusal(
            429,
            "insufficient_quota",
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        "overloaded": Refusal(
            503, "server_error", None, "The engine is currently overloaded, please try again later."
        ),
        "error": Refusal(
            500, "server_error", None, "The server had an error while processing your request."
        ),
    },
    "anthropic": {
        "requests": Refusal(
            429,
            "rate_limit_error",
            None,
            "This request would exceed your organization's rate limit of {limit} requests per "
            "minute.",
        ),
        "tokens": Refusal(
            429,
            "rate_limit_error",
            None,
            "This request would exceed your organization's rate limit of {limit} input tokens per "
            "minute.",
        ),
        "quota": Refusal(
            429,
            "rate_limit_error",
            "enforced_spend_limit_reached",
            "Your organization has reached its monthly spend limit.",
        ),
        "overloaded": Refusal(529, "overloaded_error", None, "Overloaded"),
        "error": Refusal(500, "api_error", None, "Internal server error"),
    },
}


def refusal_of(provider: str, kind: str) -> Refusal:
    """Return the error of a kind, as this provider has it."""
    return REFUSALS.get(provider, REFUSALS["openai"])[kind]


def error_body(provider: str, refusal: Refusal, message: str) -> str:
    """Return the body that tells of an error, or the data of an event that does."""
    if provider == "anthropic":
        error: dict[str, object] = {"type": refusal.type, "message": message}
        if refusal.code:
            error["details"] = {"error_code": refusal.code}
        return json.dumps({"type": "error", "error": error, "request_id": REQUEST_ID})
    told = {"message": message, "type": refusal.type, "param": None, "code": refusal.code}
    return json.dumps({"error": told})


@dataclass(frozen=True, kw_only=True)
class ModelError(ForgedResponse):
    """An error in the form of the provider that was asked."""

    kind: str
    """The key of ``REFUSALS``."""

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        provider = str(values["provider_form"]) or first.labels.get("provider", "")
        refusal = refusal_of(provider, self.kind)
        lines = head_lines(refusal.status, provider)
        if retry_after := str(values.get("retry_after", "")):
            lines.append(f"retry-after: {retry_after}")
        text = str(values["message"]) or refusal.message
        return refusal.status, lines, error_body(provider, refusal, text).encode()


def head_lines(status: int, provider: str) -> list[str]:
    """Return the first lines of a response that tells of an error."""
    name = "request-id" if provider == "anthropic" else "x-request-id"
    phrase = STATUSES[status].phrase
    return [
        f"HTTP/1.1 {status} {phrase}",
        "Content-Type: application/json",
        f"{name}: {REQUEST_ID}",
    ]
