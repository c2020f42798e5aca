"""``toxiproxy-server``, where it is installed, and requests that it and vaurien are asked."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import quote

from peers import PATIENCE, connect, wait_until
from servers import free_port, stop
from vaurien.net.address import Address

SERVER = shutil.which("toxiproxy-server")
PLACES = 3
"""Ports that proxies listen on."""


class Request(NamedTuple):
    method: str
    path: str
    body: object = None
    """Bytes are sent as they are; ``{0}`` in texts is the port of a place."""
    headers: Mapping[str, str] = {}


class Answer(NamedTuple):
    status: int
    kind: str
    numbered: bool
    body: str


class Program:
    """One of the two, and the ports that its proxies use."""

    def __init__(self, address: Address) -> None:
        self.api = address
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=PATIENCE)
        self.ports = [free_port() for _ in range(PLACES)]

    def close(self) -> None:
        self._connection.close()

    def ask(self, request: Request) -> Answer:
        body = request.body
        if body is not None and not isinstance(body, bytes):
            text = json.dumps(body)
            for at, port in enumerate(self.ports):
                text = text.replace(f":{{{at}}}", f":{port}")
            body = text.encode()
        self._connection.request(request.method, request.path, body, dict(request.headers))
        response = self._connection.getresponse()
        text = response.read().decode()
        for at, port in enumerate(self.ports):
            text = text.replace(f":{port}", f":{{{at}}}")
        return Answer(
            response.status,
            response.headers.get("Content-Type", ""),
            "X-Toxiproxy-Request-Id" in response.headers,
            text,
        )

    def __call__(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, object]:
        """Return the status, and the body as JSON if it is."""
        answer = self.ask(Request(method, path, body, headers))
        try:
            return answer.status, json.loads(answer.body)
        except ValueError:
            return answer.status, answer.body

    def clear(self) -> None:
        for name in json.loads(self.ask(Request("GET", "/proxies")).body):
            self.ask(Request("DELETE", f"/proxies/{quote(name)}"))


def rows_of(page: str, section: str) -> list[str]:
    """The first column of a section's table of differences."""
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    table = text.partition("| | Toxiproxy | vaurien |\n| --- | --- | --- |\n")[2]
    lines = table.partition("\n\n")[0].splitlines()
    return [line.split(" | ")[0].removeprefix("| ") for line in lines]


def accepts(address: Address) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def toxiproxy(*words: str) -> Iterator[Program]:
    """Run ``toxiproxy-server`` with these words, as soon as it answers."""
    assert SERVER is not None
    address = Address("127.0.0.1", free_port())
    process = subprocess.Popen(
        [SERVER, "-host", address.host, "-port", str(address.port), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: accepts(address), "toxiproxy-server")
        program = Program(address)
        yield program
        program.close()
    finally:
        stop(process)
