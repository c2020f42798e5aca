"""Failures are told once."""

from __future__ import annotations

import logging

import pytest

from vaurien.control.otel.reports import LIBRARY, Reasons, Reports


def test_once_and_again_when_it_works() -> None:
    told: list[tuple[str, str]] = []
    reports = Reports("spans", lambda what, detail: told.append((what, detail)))
    reports.sent()
    for _ in range(3):
        reports.lost(10, "refused")
        reports.missed(1)
    reports.sent()
    reports.sent()
    assert told == [
        ("spans cannot be sent to OpenTelemetry", "refused"),
        ("spans are sent to OpenTelemetry again", "lost: 33"),
    ]


def test_a_queue_that_overflows() -> None:
    told: list[tuple[str, str]] = []
    reports = Reports("spans", lambda what, detail: told.append((what, detail)))
    for count in (0, 5, 7):
        reports.missed(count)
    assert told == [("spans are not sent fast enough", "some are lost")]


def test_reasons_are_those_of_the_library(caplog: pytest.LogCaptureFixture) -> None:
    reasons = Reasons()
    reasons.install()
    log = LIBRARY.getChild("exporter")
    log.warning("Transient error %s, retrying", "refused")
    log.error("max retries")
    assert reasons.take() == "Transient error refused, retrying"
    log.error("code: 400")
    assert (reasons.take(), reasons.take()) == ("code: 400", "")
    assert caplog.records == []
    reasons.remove()
    log.error("of somebody else")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
