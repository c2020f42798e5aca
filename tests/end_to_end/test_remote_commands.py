"""Commands that drive a running vaurien, from another process: tokens, sockets, events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from peers import PATIENCE, Scripted, connect, echo, receive, wait_until
from serving import Served, command, proxy_table, served
from vaurien.net.address import Address

TOKEN = "a-token-of-many-letters"
READ_TOKEN = "a-token-that-may-look"
TOXIPROXY_CLI = "import sys; from vaurien.cli.toxiproxy.main import main; sys.exit(main())"


@pytest.fixture(scope="module")
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def run(
    words: Sequence[str], environment: Mapping[str, str], program: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(program or command()), *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )


def test_tokens(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}\nread {READ_TOKEN}\n")
    file.chmod(0o600)
    words = ["--no-config", "--host", "127.0.0.1", "--port", "0", "--token-file", str(file)]
    create = ["create", "cache", "--backend", "localhost:1", "--listen", "localhost:0"]
    with served(*words, log=log) as serving:
        where = {"VAURIEN_URL": f"http://{serving.http}", "TOXIPROXY_URL": str(serving.http)}
        done = run(["list"], where)
        assert (done.returncode, done.stdout) == (1, "")
        assert "token" in done.stderr
        assert TOKEN not in serving.log
        looking = {**where, "VAURIEN_TOKEN": READ_TOKEN}
        assert run(["list"], looking).returncode == 0
        assert run(create, looking).returncode == 1
        assert run([*create, "--token-file", str(file)], where).returncode == 0
        toxiproxy_cli = [sys.executable, "-c", TOXIPROXY_CLI]
        assert run(["list"], where, toxiproxy_cli).returncode == 1
        done = run(["list"], looking, toxiproxy_cli)
        assert (done.returncode, done.stdout.split("\t")[0]) == (0, "cache")
        assert run(["healthcheck"], where).returncode == 0


def test_a_unix_socket(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "api"
    with served("--no-config", "--http-socket", str(path), log=log):
        where = {"VAURIEN_URL": f"unix:{path}"}
        create = ["create", "shop/größe", "--backend", "localhost:1", "--listen", "localhost:0"]
        assert run(create, where).returncode == 0
        done = run(["list", "-o", "name"], where)
        assert (done.stdout, done.stderr) == ("shop/größe\n", "")
        assert run(["delete", "shop/größe"], where).returncode == 0


def follow(serving: Served, output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as target:
        return subprocess.Popen(
            command("events", "--follow", "--type", "fired", "-o", "json"),
            stdout=target,
            env={**os.environ, "VAURIEN_URL": f"http://{serving.http}"},
        )


def test_events_are_followed_beyond_a_restart(echoing: Address, log: Path, tmp_path: Path) -> None:
    output, config = tmp_path / "events", tmp_path / "vaurien.toml"
    config.write_text(proxy_table("cache", echoing, 'rules = [{behavior = "delay", sleep = 0}]'))
    words = ["--config", str(config), "--host", "127.0.0.1", "--port"]

    def fire(serving: Served, count: int) -> None:
        assert serving.ask("cache") == b"hello"
        wait_until(lambda: output.read_bytes().count(b'"fired"') == count, "the event")

    with served(*words, "0", log=log) as serving:
        where = serving.http
        process = follow(serving, output)
        try:
            fire(serving, 1)
            assert serving.end() == 0
            with served(*words, str(where.port), log=tmp_path / "again") as again:
                fire(again, 2)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130


def test_events_as_they_happen(echoing: Address, log: Path, tmp_path: Path) -> None:
    output = tmp_path / "events"
    words = ["--no-config", "--host", "127.0.0.1", "--port", "0"]
    with served(*words, log=log) as serving:
        where = {"VAURIEN_URL": f"http://{serving.http}"}
        rule = ["--rule", "delay sleep=0", "-o", "json"]
        made = run(["create", "cache", "--backend", str(echoing), *rule], where)
        address = Address.parse(json.loads(made.stdout)["status"]["address"])
        process = follow(serving, output)
        try:
            for number in (1, 2):
                with connect(address) as client:
                    client.sendall(b"hello")
                    assert receive(client, 5) == b"hello"
                wait_until(lambda: output.read_bytes().count(b"\n") == number, "the event")  # noqa: B023
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        events = [json.loads(line) for line in output.read_text().splitlines()]
        assert [event["type"] for event in events] == ["fired", "fired"]
        assert events[0]["data"]["rule"] == "delay"
        past = run(["events", "--type", "fired", "-o", "json"], where)
        assert [json.loads(line) for line in past.stdout.splitlines()] == events
