"""The example applications keep their promises: their own tests pass, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from postgresql_server import postgresql_server
from vaurien.net.address import Address

EXAMPLES = Path(__file__).parents[2] / "examples"
ALONE = ("-c", os.devnull, "-W", "error", "-p", "no:cacheprovider", "-p", "vaurien.pytest_plugin")
"""Flags for a pytest that knows nothing of this project's settings."""


def outcome(example: str, **environment: str) -> str:
    """What pytest says of an example, whose tests must pass."""
    folder = EXAMPLES / example
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *ALONE, "--rootdir", str(folder), "."],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
    return done.stdout


def test_notes(redis_address: Address) -> None:
    with postgresql_server() as database:
        assert "passed" in outcome("notes", DATABASE=str(database), CACHE=str(redis_address))


def test_outbox() -> None:
    assert "passed" in outcome("outbox")
