"""Containers of an engine that runs processes of this machine instead."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live import echo
from peers import connect, receive, serving_in_thread
from servers import free_port, stop
from serving import command
from vaurien.net.address import Address

pytest.importorskip("testcontainers")

if TYPE_CHECKING:
    from vaurien.testcontainers import VaurienContainer

IDENTIFIER = "c0ffee"


class Relay(socketserver.BaseRequestHandler):
    """Passes a connection on to a port, as an engine does for one that it publishes."""

    def handle(self) -> None:
        assert isinstance(self.server, Published)
        with socket.create_connection(("127.0.0.1", self.server.target)) as other:
            back = threading.Thread(target=_copy, args=(other, self.request))
            back.start()
            _copy(self.request, other)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Published(socketserver.ThreadingTCPServer):
    """A port of the container, published on another one."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        self.target = target
        super().__init__(("127.0.0.1", 0), Relay)


class Engine(ThreadingHTTPServer):
    """Enough of the engine's API for one container."""

    daemon_threads = True

    def __init__(self, log: Path) -> None:
        super().__init__(("127.0.0.1", 0), Calls)
        self.log = log
        self.wanted: dict[str, object] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.published: dict[str, int] = {}
        self._closing = contextlib.ExitStack()

    def start(self) -> None:
        words, environment = self.wanted["Cmd"], self.wanted["Env"]
        ports = self.wanted["ExposedPorts"]
        assert isinstance(words, list)
        assert isinstance(environment, list)
        assert isinstance(ports, dict)
        assert words[0] == "vaurien"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command(*words[1:]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(each.split("=", 1) for each in environment),
            )
        for name in ports:
            target = Published(int(name.removesuffix("/tcp")))
            self.published[name] = self._closing.enter_context(serving_in_thread(target)).port

    def end(self) -> None:
        self._closing.close()
        if self.process is not None:
            stop(self.process)


class Calls(BaseHTTPRequestHandler):
    server: Engine

    def do_GET(self) -> None:
        match self.words:
            case ["version"]:
                self.answer({"ApiVersion": "1.44", "MinAPIVersion": "1.24"})
            case ["images", *_, "json"]:
                self.answer({"Id": "image", "RepoTags": []})
            case ["containers", _, "json"]:
                published = {
                    name: [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
                    for name, port in self.server.published.items()
                }
                self.answer(
                    {
                        "Id": IDENTIFIER,
                        "State": {"Status": "running"},
                        "Config": {"Tty": True},
                        "NetworkSettings": {"Ports": published},
                    }
                )
            case ["containers", _, "logs"]:
                self.answer(self.server.log.read_bytes())
            case _:
                self.answer({"message": f"unknown: {self.path}"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.words:
            case ["containers", "create"]:
                self.server.wanted = json.loads(body)
                self.answer({"Id": IDENTIFIER, "Warnings": []}, 201)
            case ["containers", _, "start"]:
                self.server.start()
                self.answer(b"", 204)

    def do_DELETE(self) -> None:
        self.server.end()
        self.answer(b"", 204)

    @property
    def words(self) -> list[str]:
        path = self.path.partition("?")[0]
        return re.sub(r"^/v[0-9.]+/", "/", path).split("/")[1:]

    def answer(self, body: object, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VaurienContainer]:
    engine = Engine(tmp_path / "log")
    with serving_in_thread(engine) as address:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://{address}")
        from testcontainers.core.config import ConnectionMode, testcontainers_config

        monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
        mode = ConnectionMode.docker_host
        monkeypatch.setattr(testcontainers_config, "connection_mode_override", mode)
        from vaurien.testcontainers import VaurienContainer

        ports = [free_port(), free_port()]
        with VaurienContainer("vaurien:3", port=free_port(), proxy_ports=ports) as started:
            yield started


def test_a_container(container: VaurienContainer) -> None:
    assert container.client.is_ready()
    with echo() as backend:
        container.create("cache", backend=str(backend))
        with connect(Address(*container.address("cache"))) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
        container.create("db", backend=str(backend))
        assert [proxy.name for proxy in container.client.proxies()] == ["cache", "db"]
        with pytest.raises(ValueError, match="all ports that the container publishes are taken"):
            container.create("third", backend=str(backend))


def test_what_is_refused_takes_no_port(container: VaurienContainer) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="nowhere"):
            container.create("cache", backend="nowhere")
    container.create("cache", backend="localhost:1")
