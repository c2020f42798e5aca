"""What requests mean, by their labels."""

from __future__ import annotations

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.smtp.semantics import SEMANTICS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("opening", {"verb": "EHLO"}, True),
        ("opening", {"verb": "MAIL"}, False),
        ("safe", {"verb": "RCPT"}, True),
        ("safe", {"verb": "DATA"}, False),
        ("failed", {"code": "451"}, True),
        ("failed", {"code": "250"}, False),
    ],
)
def test_what_requests_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets
