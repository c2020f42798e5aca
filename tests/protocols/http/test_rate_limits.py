"""Rate limits, counted down."""

from __future__ import annotations

import json

import pytest

from acting import ARRIVAL, Stage, firing, request, response
from vaurien.fault import values_of
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.http.rate_limits import duration
from vaurien.protocols.tcp import Tcp
from vaurien.testing import at_work
from vaurien.values.actions import Forward, Reply

POST = b"POST /v1/x HTTP/1.1\r\nContent-Length: 40\r\n\r\n" + b"x" * 40
OK = b"HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


class Limited:
    """A rule with a limit, and requests from several connections."""

    def __init__(self, unit: str, provider: str = "openai", **parameters: object) -> None:
        self.fault = CATALOGUE.find(f"rate-limit-{unit}")
        self.values = values_of(self.fault, parameters)
        self.provider = provider
        self.source = at_work()

    def ask(self, at: float = ARRIVAL, answer: bytes = OK) -> tuple[list[str], str]:
        """What a request gets: the lines of the head, and the body."""
        fired = firing(stage=Stage(Tcp(), at, at), source=self.source)
        labels = {"provider": self.provider, "model": "m"}
        asked = request(POST)._replace(labels=labels, about="POST", at=at)
        (action,) = self.fault.play(asked, fired, self.values)
        if isinstance(action, Forward):
            assert action.message == asked
            answered = response(answer)._replace(about="POST", at=at)
            (action,) = self.fault.play(answered, fired, self.values)
            assert isinstance(action, Forward)
            data = action.message.data
        else:
            assert isinstance(action, Reply)
            data = action.data
        head, _, body = data.decode().partition("\r\n\r\n")
        return head.split("\r\n"), body


def test_requests_are_counted_down_and_then_refused() -> None:
    limited = Limited("requests", limit=2, window=30)
    for left, after in ((1, 0), (0, 10)):
        head, _ = limited.ask(ARRIVAL + after)
        assert head[:4] == [
            "HTTP/1.1 200 OK",
            "x-ratelimit-limit-requests: 2",
            f"x-ratelimit-remaining-requests: {left}",
            f"x-ratelimit-reset-requests: {30 - after}s",
        ]
    head, body = limited.ask(ARRIVAL + 20.5)
    assert head[0] == "HTTP/1.1 429 Too Many Requests"
    assert head[3:8] == [
        "x-ratelimit-limit-requests: 2",
        "x-ratelimit-remaining-requests: 0",
        "x-ratelimit-reset-requests: 9.5s",
        "retry-after: 10",
        "retry-after-ms: 9500",
    ]
    error = json.loads(body)["error"]
    assert error["code"] == "rate_limit_exceeded"
    assert error["message"].endswith("Limit 2, Used 2, Requested 1. Please try again in 9.5s.")
    head, _ = limited.ask(ARRIVAL + 30)
    assert head[:3] == [
        "HTTP/1.1 200 OK",
        "x-ratelimit-limit-requests: 2",
        "x-ratelimit-remaining-requests: 1",
    ]


def test_tokens_are_a_quarter_of_the_bytes() -> None:
    limited = Limited("tokens", limit=25)
    assert "x-ratelimit-remaining-tokens: 15" in limited.ask()[0]
    assert "x-ratelimit-remaining-tokens: 5" in limited.ask()[0]
    head, body = limited.ask()
    assert head[0].startswith("HTTP/1.1 429 ")
    assert "x-ratelimit-remaining-tokens: 5" in head
    assert json.loads(body)["error"]["type"] == "tokens"


def test_the_fields_of_anthropic() -> None:
    limited = Limited("requests", "anthropic", limit=1, window=60)
    fields = [
        "anthropic-ratelimit-requests-limit: 1",
        "anthropic-ratelimit-requests-remaining: 0",
        "anthropic-ratelimit-requests-reset: 2026-11-29T10:01:00Z",
    ]
    assert limited.ask()[0][1:4] == fields
    head, body = limited.ask(ARRIVAL + 15)
    assert head[3:7] == [*fields, "retry-after: 45"]
    assert json.loads(body)["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("date", ["", "Date: soon\r\n", "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"])
def test_without_the_time_of_the_backend_no_moment_is_told(date: str) -> None:
    limited = Limited("requests", "anthropic", limit=1)
    answer = f"HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\n\r\n".encode()
    assert not [line for line in limited.ask(answer=answer)[0] if "reset" in line]
    assert not [line for line in limited.ask()[0] if "reset" in line]


def test_what_it_tells_to_wait_may_be_another() -> None:
    assert "retry-after: soon" in Limited("requests", retry_after="soon").ask()[0]
    lines = Limited("requests", retry_after="none").ask()[0]
    assert not [line for line in lines if line.startswith("retry-after")]
    assert "retry-after-ms: 60000" in Limited("requests").ask()[0]


def test_a_response_that_is_replaced() -> None:
    limited = Limited("requests")
    fired = firing(source=limited.source)
    answered = response(OK)._replace(about="POST")
    (action,) = limited.fault.play(answered, fired, limited.values)
    assert isinstance(action, Forward)
    assert action.message.data.startswith(b"HTTP/1.1 429 ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0202, "21ms"), (1, "1s"), (59.9, "59.9s"), (60, "1m0s"), (360.2, "6m1s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
