"""What requests mean, by their labels."""

from __future__ import annotations

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.mysql.semantics import SEMANTICS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("opening", {"phase": "login", "command": "LOGIN", "verb": "LOGIN"}, True),
        (
            "opening",
            {"phase": "command", "command": "QUERY", "verb": "SET", "sql": "SET NAMES utf8"},
            True,
        ),
        ("opening", {"phase": "command", "command": "QUERY", "verb": "SELECT"}, False),
        ("safe", {"phase": "command", "command": "QUERY", "verb": "SELECT"}, True),
        ("safe", {"phase": "command", "command": "QUERY", "verb": "INSERT"}, False),
        ("failed", {"error": "1213"}, True),
        ("commit", {"verb": "COMMIT"}, True),
        ("begin", {"verb": "START"}, True),
        ("chain", {"verb": "SET", "sql": "SET autocommit=0"}, True),
        ("rollback", {"verb": "ROLLBACK"}, True),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets
