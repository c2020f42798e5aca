"""Lines about changes say what they are about."""

from __future__ import annotations

import pytest

from vaurien.control.logged import log


def test_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    log("Proxy %s added", "cache", proxy="cache", generation=3)
    (record,) = caplog.records
    assert record.getMessage() == "Proxy cache added"
    assert (record.__dict__["proxy"], record.__dict__["generation"]) == ("cache", 3)
