"""The example application: its bugs are found, and the version without them passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postgresql_server import postgresql_server
from servers import free_port, serving
from vaurien.net.address import Address

EXAMPLE = Path(__file__).parents[2] / "examples" / "checkout"
BUGS = tomllib.loads((EXAMPLE / "bugs.toml").read_text())["bug"]
BUDGET = "5s"


@pytest.fixture(scope="module")
def environment(
    redis_address: Address, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Where the services are."""
    mail = free_port()

    def services(port: int) -> list[str]:
        return [sys.executable, str(EXAMPLE / "services.py"), str(port), str(mail)]

    log = tmp_path_factory.mktemp("checkout") / "services.log"
    with postgresql_server() as orders, serving(services, log) as payments:
        yield {
            "ORDERS": str(orders),
            "CACHE": str(redis_address),
            "PAYMENTS": str(payments),
            "MAIL": f"127.0.0.1:{mail}",
        }


def explored(
    version: str, environment: dict[str, str], folder: Path, *words: str
) -> dict[str, Any]:
    """What an exploration of a version finds, as JSON."""
    vaurien = [sys.executable, "-m", "vaurien", "explore"]
    vaurien += ["--config", str(EXAMPLE / "vaurien.toml"), "--jobs", "2"]
    vaurien += ["--folder", str(folder / "memory"), "--json", str(folder / "all.json"), *words]
    command = [sys.executable, str(EXAMPLE / "check.py"), version]
    done = subprocess.run(
        [*vaurien, "--", *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads((folder / "all.json").read_text())
    broken = [result["id"] for result in found["results"] if result["findings"]]
    assert done.returncode == bool(broken)
    return found


@pytest.fixture
def scenarios() -> list[str]:
    return [word for bug in BUGS for word in ("--scenario", bug["scenario"])]


def test_all_bugs_are_found(
    environment: dict[str, str], tmp_path: Path, scenarios: list[str]
) -> None:
    found = explored("broken", environment, tmp_path, *scenarios)
    findings = {result["id"]: result["findings"] for result in found["results"]}
    assert len(BUGS) == 10
    for bug in BUGS:
        assert any(bug["says"] in each for each in findings[bug["scenario"]]), bug


def test_the_fixed_version_passes(
    environment: dict[str, str], tmp_path: Path, scenarios: list[str]
) -> None:
    for words in (scenarios, ["--budget", BUDGET]):
        found = explored("fixed", environment, tmp_path, *words)
        assert not [result for result in found["results"] if result["findings"]]
        assert {result["result"] for result in found["results"]} <= {"passed", "failed"}
