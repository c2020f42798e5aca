"""Requests made up from ``/openapi.json``: nothing fails, and answers are as described.

``API_SECONDS`` is how long each test takes at least; a minute finds more than the default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving import served
from vaurien import Client

pytest.importorskip("schemathesis")

SECONDS = int(os.environ.get("API_SECONDS", "3"))
TOKEN = "t" * 24
READ = "r" * 24
CONFIG = """
[proxies.cache]
listen = "127.0.0.1:0"
backend = "localhost:6379"
[[proxies.cache.rules]]
behavior = "latency"
name = "slow"
"""
# What a schema allows may still be wrong in itself, such as an address: hence the first check.
# Preconditions come before the body, hence 412.
CHECKS = """
[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [
    "400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422",
]
"""
THERE = """
[parameters]
"path.proxy" = "cache"
"path.rule" = "slow"
"path.behavior" = "latency"
"path.protocol" = "redis"
"path.fault" = "OOM"
"path.profile" = "3g"
"path.recipe" = "flapping-link"
"path.connection" = 1
"""
ENDLESS = ["--exclude-path", "/v1/events", "--exclude-path", "/v1/live"]
REMOVING = ["--exclude-method", "DELETE", "--exclude-path-regex", "/v1/(state|changes|reset)$"]
FOLLOWING = ["--exclude-checks", "ensure_resource_availability"]
"""What looks for a new resource under its own name, where parameters are fixed."""


def explore(schema: str, folder: Path, *words: str, parameters: str = "") -> None:
    """Make requests, all but endless ones; fail with the report of what is wrong, if anything."""
    config = folder / "schemathesis.toml"
    config.write_text(CHECKS + parameters)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [schema, "--max-time", str(SECONDS), "--no-color", *ENDLESS, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.mark.timeout(60 + 2 * SECONDS)
def test_any_request(tmp_path: Path) -> None:
    with served("--host", "127.0.0.1", "--port", "0", log=tmp_path / "log") as server:
        explore(f"http://{server.http}/openapi.json", tmp_path)
        assert "Traceback" not in server.log


@pytest.mark.timeout(60 + 2 * SECONDS)
def test_any_request_with_a_token(tmp_path: Path) -> None:
    environment = {"VAURIEN_TOKEN": TOKEN}
    words = ["--host", "127.0.0.1", "--port", "0"]
    with served(*words, log=tmp_path / "log", environment=environment) as server:
        header = f"Authorization: Bearer {TOKEN}"
        explore(f"http://{server.http}/openapi.json", tmp_path, "--header", header)


@pytest.mark.timeout(60 + 2 * SECONDS)
@pytest.mark.parametrize("token", ["", READ], ids=["no token", "one that may only read"])
def test_any_request_that_may_not_change_anything(token: str, tmp_path: Path) -> None:
    tokens, config, schema = (tmp_path / name for name in ("tokens", "v.toml", "openapi.json"))
    tokens.touch(0o600)
    tokens.write_text(f"{TOKEN}\nread {READ}\n")
    config.write_text(CONFIG)
    words = ["--config", str(config), "--token-file", str(tokens), "--port", "0"]
    with served(*words, log=tmp_path / "log") as server:
        url = f"http://{server.http}"
        client = Client(url=url, token=TOKEN)
        before = client.export()
        schema.write_text(json.dumps(client.request("GET", "/openapi.json")))
        header = ["--header", f"Authorization: Bearer {token}"] if token else []
        explore(str(schema), tmp_path, "--url", url, *header)
        assert client.export() == before


@pytest.mark.timeout(60 + 2 * SECONDS)
def test_any_request_about_what_is_there(tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    config.write_text(CONFIG)
    words = ["--config", str(config), "--host", "127.0.0.1", "--port", "0"]
    with served(*words, log=tmp_path / "log") as server:
        explore(
            f"http://{server.http}/openapi.json", tmp_path, *REMOVING, *FOLLOWING, parameters=THERE
        )
        assert "Traceback" not in server.log
