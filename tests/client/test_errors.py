"""What errors say."""

from __future__ import annotations

import pytest

from vaurien.client import ApiError, ClientError, ConflictError, NotFoundError
from vaurien.client.errors import KINDS, unreachable


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        ({"title": "Not Found", "detail": "there is no proxy 'x'"}, "there is no proxy 'x'"),
        ({"title": "Not Found"}, "Not Found"),
        ({}, "status 422"),
        (
            {
                "detail": "2 values are invalid",
                "errors": [
                    {"pointer": "#/percent", "detail": "too much"},
                    {"pointer": "#/delay", "detail": "too little"},
                ],
            },
            "2 values are invalid; /percent: too much; /delay: too little",
        ),
        ({"detail": "odd", "errors": [{"pointer": "#", "detail": "very odd"}]}, "very odd"),
        ({"detail": "Host: it is odd", "errors": [{"detail": "it is odd"}]}, "Host: it is odd"),
        ({"detail": "it has changed", "errors": [{"detail": "it has changed"}]}, "it has changed"),
        (
            {"errors": [{"pointer": "#/rules/0/percent", "detail": "rules[0].percent is odd"}]},
            "rules[0].percent is odd",
        ),
        ({"detail": "odd", "errors": ["?", 3]}, "odd"),
        ({"detail": "odd", "errors": "?"}, "odd"),
    ],
)
def test_an_error_says_all_that_is_wrong_once(problem: dict[str, object], text: str) -> None:
    assert str(ApiError(422, problem)) == text


def test_an_error_has_what_was_answered() -> None:
    problem = {"detail": "no", "errors": [{"pointer": "#/rules/0", "detail": "no"}, "?"]}
    error = ApiError(422, problem)
    assert (error.status, error.problem) == (422, problem)
    assert error.errors == [{"pointer": "#/rules/0", "detail": "no"}]


def test_errors_are_those_of_old() -> None:
    assert issubclass(ApiError, ValueError)
    assert issubclass(ClientError, OSError)
    assert {404: NotFoundError, 409: ConflictError, 412: ConflictError} == KINDS


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
        (TimeoutError(), "timed out"),
        (EOFError(), "EOFError"),
    ],
)
def test_what_came_between(error: Exception, reason: str) -> None:
    said = f"vaurien does not respond at http://x:1: {reason}"
    assert str(unreachable("http://x:1", error)) == said
