"""The example of version 0.2, by all the ways to name it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from peers import Scripted, connect, receive_until_fin
from servers import free_port
from vaurien.net.address import Address
from vaurien.util import start_proxy, stop_proxy

TESTS = Path(__file__).parent.parent
EXAMPLE = "legacy.plugins.documented.Dummy"
REGISTERING = """
import sys
from legacy.plugins.documented import Dummy, Handler
from vaurien.cli import main

class Example(Dummy):
    name = 'example'

Handler.register(Example)
main(sys.argv[1:])
"""


def http_1_0(sock: socket.socket) -> None:
    """A server of the kind that the example was written for: one answer, then the end."""
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = sock.recv(65536)
        if not chunk:
            return
        request += chunk
    sock.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + request.split()[1])


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(http_1_0) as backend:
        yield backend


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugins of the tests can be imported by the processes that are started."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), *sys.path]))


@contextlib.contextmanager
def running(backend: Address, options: Sequence[str]) -> Iterator[Address]:
    port = free_port()
    pid = start_proxy(
        proxy_host="127.0.0.1",
        proxy_port=port,
        backend_host=backend.host,
        backend_port=backend.port,
        http=False,
        options=options,
    )
    try:
        yield Address("127.0.0.1", port)
    finally:
        stop_proxy(pid)


def fetch(address: Address, path: str) -> bytes:
    with connect(address) as client:
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return receive_until_fin(client)


def rules_in(journal: Path) -> list[str]:
    """The rules that have fired."""
    return [json.loads(line)["rule"] for line in journal.read_text().splitlines()]


def test_by_dotted_path(server: Scripted, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    options = ["--behavior", f"100:{EXAMPLE}", "--journal", str(journal)]
    options += ["--handler-dummy-reuse-socket", "--handler-delay-sleep", "2"]
    with running(server.address, options) as address:
        for number in range(3):
            assert fetch(address, f"/{number}").endswith(f"/{number}".encode())
    assert rules_in(journal) == ["dummy"] * 3


def test_by_configuration_file(server: Scripted, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    config = tmp_path / "config.ini"
    config.write_text(
        "[vaurien]\n"
        "behavior = 100:foobar\n"
        f"journal = {journal}\n"
        "[handler:foobar]\n"
        f"callable = {EXAMPLE}\n"
        "foo=bar\n"
    )
    with running(server.address, ["--config", str(config)]) as address:
        for number in range(3):
            assert fetch(address, f"/{number}").endswith(f"/{number}".encode())
    assert rules_in(journal) == ["foobar"] * 3


def test_by_its_registered_name(server: Scripted, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    port = free_port()
    command = [sys.executable, "-c", REGISTERING, "--proxy", f"127.0.0.1:{port}"]
    command += ["--backend", str(server.address), "--behavior", "100:example"]
    command += ["--journal", str(journal)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            assert b"ready" in process.stderr.readline()
            for number in range(3):
                answer = fetch(Address("127.0.0.1", port), f"/{number}")
                assert answer.endswith(f"/{number}".encode())
        finally:
            process.terminate()
    assert process.returncode == 0
    assert rules_in(journal) == ["example"] * 3


def test_stuck_plugin_does_not_keep_the_process(server: Scripted) -> None:
    port = free_port()
    command = [sys.executable, "-m", "vaurien", "--proxy", f"127.0.0.1:{port}"]
    command += ["--backend", str(server.address), "--drain", "0.1"]
    command += ["--behavior", "100:legacy.plugins.unruly.Stuck", "--log-level", "debug"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        try:
            assert b"ready" in process.stderr.readline()
            with connect(Address("127.0.0.1", port)) as client:
                client.sendall(b"hi")
                assert b"stuck fired" in process.stderr.readline()
                process.terminate()
                assert b"SIGTERM" in process.stderr.readline()
                assert process.wait(10) == 0
        finally:
            process.kill()
