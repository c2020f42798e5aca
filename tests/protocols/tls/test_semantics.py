"""What handshakes mean, by their labels."""

from __future__ import annotations

import re

import pytest

from vaurien.embedded.meaning import meets_any
from vaurien.protocols.tls.faults import CATALOGUE
from vaurien.protocols.tls.semantics import SEMANTICS
from vaurien.protocols.tls.wire import ALERTS


@pytest.mark.parametrize(
    ("what", "labels", "meets"),
    [
        ("safe", {"tls_version": "TLSv1.3"}, True),
        ("failed", {"alert": "unknown_ca"}, True),
        ("failed", {"negotiated": "TLSv1.3"}, False),
    ],
)
def test_what_handshakes_mean(what: str, labels: dict[str, str], meets: bool) -> None:
    assert meets_any(labels, getattr(SEMANTICS, what)) is meets


def test_no_alert_is_both_transient_and_fatal() -> None:
    for name in ALERTS.values():
        assert not (re.search(SEMANTICS.transient, name) and re.search(SEMANTICS.fatal, name))


def test_telling_faults_are_in_the_catalogue() -> None:
    for options in SEMANTICS.telling:
        assert CATALOGUE.find(options["fault"]).name == options["fault"]
