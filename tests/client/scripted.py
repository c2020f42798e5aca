"""Clients of an API that answers as a test says, without sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping

from vaurien.client import Client, ClientError, ProxyHandle
from vaurien.client.blocking import SocketTransport
from vaurien.client.steps import Answer, Request
from vaurien.client.wire import Location


def answer(status: int = 200, body: object = None) -> Answer:
    return Answer(status, {}, b"" if body is None else json.dumps(body).encode())


class Script(SocketTransport):
    """Gives the next answer to each request; ``asked`` are the requests so far."""

    def __init__(self, *answers: object) -> None:
        """An answer, an error, or JSON for a successful answer."""
        super().__init__(Location("http", "nowhere", 80), "", 0.0)
        self._answers = list(answers)
        self.requests: list[Request] = []

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    @property
    def told(self) -> list[str]:
        """The requests with their bodies."""
        return [
            f"{line} {json.dumps(body)}" if body is not None else line
            for line, body in zip(self.asked, self.bodies, strict=True)
        ]

    @property
    def bodies(self) -> list[object]:
        return [request.body for request in self.requests]

    @property
    def headers(self) -> list[Mapping[str, str]]:
        return [request.headers for request in self.requests]

    def send(self, request: Request) -> Answer:
        self.requests.append(request)
        given = self._answers.pop(0)
        if isinstance(given, ClientError):
            raise given
        return given if isinstance(given, Answer) else answer(200, given)

    @property
    def client(self) -> Client:
        client = Client()
        client._transport = self
        return client

    def proxy(self, name: str = "cache") -> ProxyHandle:
        return ProxyHandle(self, name)
