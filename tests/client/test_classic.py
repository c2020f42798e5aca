"""The methods that clients of every version have, with the HTTP API of a real proxy."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver

import pytest

from live import Http, Live
from peers import serving_in_thread
from vaurien import Client
from vaurien.client import ClientError


class OldServer(http.server.BaseHTTPRequestHandler):
    """The API of a version without plans."""

    behaviors = ["delay", "dummy"]
    current = "dummy"
    calls: list[object] = []

    def do_GET(self) -> None:
        if self.path == "/behavior":
            self.answer(200, {"behavior": OldServer.current})
        else:
            self.answer(404, None)

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        OldServer.calls.append(body)
        OldServer.current = body["name"]
        self.answer(200, {"status": "ok"})

    def answer(self, status: int, body: object) -> None:
        data = b"<h1>404</h1>" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


def test_defaults() -> None:
    client = Client()
    assert (client.host, client.port, client.scheme) == ("localhost", 8080, "http")
    assert client.root_url == "http://localhost:8080"
    assert Client("::1", 80).root_url == "http://[::1]:80"


def test_behaviors(client: Client, running: Live) -> None:
    assert client.get_behavior() == "10:delay"
    client.set_behavior("delay", sleep=2)
    assert client.get_behavior() == "delay"
    assert running.control.plan()[0]["sleep"] == 2.0
    assert client.list_behaviors() == running.control.behaviors()


def test_behaviors_by_their_oldest_name(client: Client, running: Live) -> None:
    client.set_handler("delay", sleep=0)
    with client.with_handler("hang"):
        assert client.get_handler() == "hang"
    assert client.get_handler() == "delay"
    assert client.list_handlers() == client.list_behaviors()


def test_a_refusal_is_a_value_error(client: Client) -> None:
    with pytest.raises(ValueError, match=r"^the 'nope' behavior does not exist$"):
        client.set_behavior("nope")
    with pytest.raises(ValueError, match="sleep='long' is not allowed"):
        client.set_behavior("delay", sleep="long")
    with pytest.raises(ValueError, match="'nowhere' is not an address"):
        client.set_backend("nowhere")


def test_backend(client: Client, running: Live) -> None:
    assert client.get_backend() == str(running.proxy.backend)
    client.set_backend("localhost:81")
    assert client.get_backend() == "localhost:81"


def test_connections_to_the_old_backend_stay_or_are_reset(client: Client, running: Live) -> None:
    with running.connect() as stays:
        stays.sendall(b"hello")
        assert stays.recv(5) == b"hello"
        client.set_backend("localhost:81")
        stays.sendall(b"still")
        assert stays.recv(5) == b"still"
        client.set_backend("localhost:82", reset=True)
        with pytest.raises(ConnectionResetError):
            stays.recv(1)


def test_with_behavior_restores_everything(client: Client, running: Live) -> None:
    (slow,) = running.control.plan()
    client.set_behavior("delay", sleep=0.25)
    before = running.proxy.plan.rules
    with client.with_behavior("error", warmup=3):
        assert client.get_behavior() == "error"
        assert running.control.plan()[0]["warmup"] == 3
        assert running.control.plan()[1] == slow
    assert running.proxy.plan.rules == before
    assert running.control.plan()[0]["sleep"] == 0.25


def test_with_behavior_can_be_nested(client: Client, running: Live) -> None:
    client.set_behavior("5:error,10:delay")
    with client.with_behavior("delay", sleep=1):
        with client.with_behavior("delay", sleep=2):
            assert running.control.plan()[0]["sleep"] == 2
        assert running.control.plan()[0]["sleep"] == 1
    assert client.get_behavior() == "5:error,10:delay"


def test_with_behavior_restores_rules_that_were_changed_meanwhile(
    client: Client, running: Live
) -> None:
    before = running.proxy.plan.rules
    with client.with_behavior("hang"):
        running.control.set_plan([])
    assert running.proxy.plan.rules == before


def test_with_behavior_restores_after_an_exception(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), client.with_behavior("hang"):
        _ = 1 / 0
    assert client.get_behavior() == "10:delay"


def test_with_behavior_that_is_refused_changes_nothing(client: Client, running: Live) -> None:
    before = running.proxy.plan
    with pytest.raises(ValueError, match="'nope'"), client.with_behavior("nope"):
        pytest.fail("the block ran")
    assert running.proxy.plan is before


def test_with_behavior_makes_do_with_an_old_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OldServer, "calls", [])
    with (
        serving_in_thread(socketserver.TCPServer(("127.0.0.1", 0), OldServer)) as address,
        Client(address.host, address.port).with_behavior("delay", sleep=2),
    ):
        assert OldServer.current == "delay"
    assert OldServer.calls == [{"name": "delay", "sleep": 2}, {"name": "dummy"}]


def test_nobody_there(nobody: int) -> None:
    with pytest.raises(
        ClientError, match=f"vaurien does not respond at http://127.0.0.1:{nobody}: "
    ):
        Client("127.0.0.1", nobody).get_behavior()


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client("127.0.0.1", silent.getsockname()[1], timeout=0.05)
        with pytest.raises(ClientError, match="timed out"):
            client.get_behavior()


class NotVaurien(socketserver.StreamRequestHandler):
    """A server that is not vaurien."""

    answer = b""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(self.answer)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops",
            "the server does not answer as vaurien does: status 500: oops",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\noops",
            "the server does not answer as vaurien does: status 200: oops",
        ),
        (b"HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n[]", r"^\[\]$"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\noops", "vaurien does not respond"),
        (b"-ERR unknown command\r\n", "vaurien does not respond"),
        (b"", "vaurien does not respond"),
    ],
)
def test_a_server_that_is_no_vaurien(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, text: str
) -> None:
    monkeypatch.setattr(NotVaurien, "answer", answer)
    with (
        serving_in_thread(socketserver.TCPServer(("127.0.0.1", 0), NotVaurien)) as address,
        pytest.raises((ClientError, ValueError), match=text),
    ):
        Client(address.host, address.port).get_behavior()


# Several proxies.


def test_a_client_is_of_the_proxy_that_it_names(several: Http) -> None:
    cache = Client(several.host, several.port, proxy="cache")
    db = Client(several.host, several.port, proxy="db")
    with cache.with_behavior("hang"):
        assert (cache.get_behavior(), db.get_behavior()) == ("hang", "10:delay")
    assert cache.get_behavior() == "10:delay"
    db.set_backend("example.com:80")
    assert db.get_backend() == "example.com:80"
    assert cache.get_backend() != "example.com:80"
    assert cache.list_behaviors() == db.list_behaviors()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "there are 2 proxies: name one of cache, db"),
        ("a b&c=é/?", "the 'a b&c=é/[?]' proxy does not exist"),
    ],
)
def test_a_proxy_that_is_not_there(several: Http, name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Client(several.host, several.port, proxy=name).set_behavior("hang")
