"""A plugin for pytest: writes what became of each test to the file ``OUTCOMES``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FILE = "OUTCOMES"
"""The variable of the environment that names the file."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has a report for each of its phases; a phase that only passed says nothing."""
    if report.when == "call" or not report.passed:
        _write(report.outcome, report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(report.outcome, report.nodeid)


def _write(outcome: str, test: str) -> None:
    # At once: a run that is cut short has said what it knew.
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(f"{outcome}\t{test}\n")
