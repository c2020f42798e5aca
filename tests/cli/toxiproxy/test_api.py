"""The client of the API: requests, and what can go wrong."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from peers import serving_in_thread
from vaurien.cli.toxiproxy.api import Api, ApiError


class Asked:
    """What a server was asked last, and what it answers."""

    def __init__(self) -> None:
        self.line = ""
        self.headers: dict[str, str] = {}
        self.body: object = None
        self.status = 200
        self.answer = b"{}"


@contextmanager
def server(asked: Asked) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.line = f"{self.command} {self.path}"
            asked.headers = {name.lower(): value for name, value in self.headers.items()}
            length = int(self.headers.get("Content-Length", 0))
            asked.body = json.loads(self.rfile.read(length) or b"null")
            self.send_response(asked.status)
            self.end_headers()
            self.wfile.write(asked.answer)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with serving_in_thread(HTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield str(address)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_requests(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAURIEN_TOKEN", raising=False)
    with server(asked) as address:
        api = Api(address)
        assert api.proxies() == {}
        assert asked.line == "GET /proxies"
        assert asked.headers["user-agent"].startswith("toxiproxy-cli/2.12.0 (")
        assert "authorization" not in asked.headers
        api = Api(f"http://{address}/behind/")
        api.proxy("shop/redis ö")
        assert asked.line == "GET /behind/proxies/shop%2Fredis%20%C3%B6"
        api.create("a", "l:1", "u:1")
        assert asked.body == {"name": "a", "listen": "l:1", "upstream": "u:1", "enabled": True}
        api.save({"name": "a", "enabled": False})
        assert (asked.line, asked.body) == (
            "POST /behind/proxies/a",
            {"name": "a", "enabled": False},
        )
        api.add_toxic("a", {"type": "latency"})
        assert (asked.line, asked.body) == (
            "POST /behind/proxies/a/toxics",
            {"type": "latency"},
        )
        api.update_toxic("a", "t/1", {})
        assert asked.line == "PATCH /behind/proxies/a/toxics/t%2F1"
        asked.answer = b""
        api.remove_toxic("a", "t")
        assert asked.line == "DELETE /behind/proxies/a/toxics/t"
        api.delete("a")
        assert asked.line == "DELETE /behind/proxies/a"


def test_a_token_of_the_environment(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAURIEN_TOKEN", "secret")
    with server(asked) as address:
        Api(address).proxies()
    assert asked.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (404, b'{"error":"proxy not found","status":404}', "HTTP 404: proxy not found"),
        (404, b"404 page not found\n", "HTTP 404: 404 page not found"),
        (503, b"", "HTTP 503: "),
        (503, b"[]", "HTTP 503: []"),
        (200, b"<html>", "HTTP 200: the answer is not JSON"),
        (200, b"\xff", "HTTP 200: the answer is not JSON"),
    ],
)
def test_refusals(status: int, answer: bytes, text: str, asked: Asked) -> None:
    asked.status, asked.answer = status, answer
    with server(asked) as address, pytest.raises(ApiError) as caught:
        Api(address).proxies()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no Host in request URL"),
        ("http://", "no Host in request URL"),
        ("http://h:x", "Port could not be cast"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("127.0.0.1:1", "Connection refused"),
    ],
)
def test_addresses_without_a_server(url: str, reason: str) -> None:
    with pytest.raises(ApiError, match=reason) as caught:
        Api(url).proxies()
    assert str(caught.value).startswith('fail to request: Get "')


def test_a_server_that_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            listening.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ApiError, match="fail to request"):
            Api(f"127.0.0.1:{listening.getsockname()[1]}").proxies()
        thread.join()
