"""The API of a running process: what happens is told, and readers do not hold up its end."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

from live import echo
from peers import PATIENCE, connect, receive
from serving import served
from vaurien.net.address import Address

JSON = {"Content-Type": "application/json"}
RULE = {"name": "slow", "behavior": "delay", "sleep": 0}


class UnixConnection(HTTPConnection):
    """Talks to the API on a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = connect(Address("", 0, str(self._path)))


@pytest.mark.parametrize("on_socket", [False, True])
def test_events_of_a_process_are_told_until_its_end(tmp_path: Path, *, on_socket: bool) -> None:
    path = tmp_path / "api"
    words = ["--http-socket", str(path), "--no-http"] if on_socket else ["--port", "0"]
    with echo() as backend, served(*words, log=tmp_path / "log") as process:

        def api() -> HTTPConnection:
            if on_socket:
                return UnixConnection(path)
            return HTTPConnection("localhost", process.http.port, timeout=PATIENCE)

        made = {"name": "a", "listen": "127.0.0.1:0", "backend": str(backend), "rules": [RULE]}
        asked = api()
        asked.request("POST", "/v1/proxies", json.dumps(made), JSON)
        address = json.load(asked.getresponse())["status"]["address"]
        asked.close()
        reader = api()
        reader.request("GET", "/v1/events?type=fired&after=0")
        told = reader.getresponse()
        with connect(Address.parse(address)) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
        lines = iter(told.readline, b"")
        data = next(line for line in lines if line.startswith(b"data: "))
        assert json.loads(data.removeprefix(b"data: "))["rule"] == "slow"
        assert process.end() == 0
        assert "Traceback" not in process.log
        assert list(lines)[-1:] in ([], [b"\n"])
        reader.close()
