"""A pytest plugin: it writes the outcome of each test to the file ``OUTCOMES``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FILE = "OUTCOMES"
"""The environment variable with the name of the file."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Record the outcome of the call, and that of set-up and tear-down unless they passed."""
    if report.when == "call" or not report.passed:
        _write(report.outcome, report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(report.outcome, report.nodeid)


def _write(outcome: str, test: str) -> None:
    # Write at once, so that an interrupted run leaves the outcomes so far.
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(f"{outcome}\t{test}\n")
