"""The reverse proxy, with real servers behind it."""

from __future__ import annotations

import http.server
import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from live import LIMIT, Http, controlled, live
from peers import Listening, receive, receive_until_fin, serving_in_thread, wait_until
from vaurien.control import meta
from vaurien.control.guard import Guard
from vaurien.control.http import ServerThread
from vaurien.control.sockets import on_tcp
from vaurien.net.address import Address


@pytest.fixture(scope="module")
def ask() -> Iterator[Http]:
    server = ServerThread(Guard(meta.Meta("127.0.0.1")), [on_tcp("127.0.0.1", 0)])
    try:
        yield Http(server)
    finally:
        server.stop()


class Mirror(http.server.BaseHTTPRequestHandler):
    """Echoes its requests."""

    def do_GET(self) -> None:
        length = self.headers["Content-Length"]
        body = self.rfile.read(int(length)) if length else b""
        data = b"\n".join([self.requestline.encode(), bytes(self.headers), body])
        self.send_response(203)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Keep-Alive", "timeout=5")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def mirror() -> Iterator[Address]:
    with serving_in_thread(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mirror)) as address:
        yield address


def test_it_leads_to_the_interface_of_a_proxy(ask: Http) -> None:
    with live() as running, controlled(running) as api:
        answer = ask("PUT", f"/{api.port}/behavior", {"name": "hang"})
        assert (answer.status, answer.body) == (200, b'{"status": "ok"}')
        assert ask("GET", f"/{api.port}/behavior").body == b'{"behavior": "hang"}'
        assert ask("PUT", f"/{api.port}/behavior", {"name": "X"}).status == 400


@pytest.mark.parametrize(
    ("path", "passed_on"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a=1", "/?a=1"),
        ("/a/b?c=d/e&f", "/a/b?c=d/e&f"),
        ("/%2e%2e/a%20b//", "/%2e%2e/a%20b//"),
        ("/80/x", "/80/x"),
    ],
)
def test_the_path_is_passed_on_as_it_is(ask: Http, path: str, passed_on: str) -> None:
    with mirror() as there:
        answer = ask("GET", f"/{there.port}{path}")
        assert answer.body.startswith(f"GET {passed_on} HTTP/1.1\n".encode())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_and_bodies_are_passed_on(ask: Http, method: str) -> None:
    with mirror() as there:
        answer = ask(method, f"/{there.port}/x", b"the body", {"X-Own": "yes", "TE": "trailers"})
        assert answer.status == 203
        assert answer.body.startswith(f"{method} /x HTTP/1.1\n".encode())
        assert b"\nx-own: yes\n" in answer.body
        assert b"\ncontent-length: 8\n" in answer.body
        assert f"\nhost: {there}\n".encode() in answer.body
        assert b"\nte:" not in answer.body
        assert answer.body.endswith(b"\nthe body")


def test_headers_of_the_response_are_passed_on(ask: Http) -> None:
    with mirror() as there, socket.create_connection((ask.host, ask.port), LIMIT) as sock:
        head = f"HEAD /{there.port}/ HTTP/1.1\r\nHost: localhost:{ask.port}\r\n"
        sock.sendall(f"{head}Connection: close\r\n\r\n".encode())
        heard = receive_until_fin(sock)
        assert b"set-cookie: a=1\r\nset-cookie: b=2\r\n" in heard
        assert b"keep-alive" not in heard
        assert heard.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "path",
    ["/", "/port/x", "/0/x", "/65536/x", "/-1/x", "/8000000000/x", "//8000/", "/80a", "/%38"],
)
def test_what_is_not_a_port_is_not_found(ask: Http, path: str) -> None:
    answer = ask("GET", path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"


def test_nobody_there(ask: Http) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        answer = ask("GET", f"/{port}/x")
    assert answer.status == 503
    assert f"{port} not responding".encode() in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}"])
def test_a_name_of_somebody_else_leads_nowhere(ask: Http, host: str) -> None:
    with mirror() as there:
        answer = ask("GET", f"/{there.port}/", headers={"Host": host.format(port=ask.port)})
        assert answer.status == 403


def test_another_site_leads_nowhere(ask: Http) -> None:
    with mirror() as there:
        answer = ask("GET", f"/{there.port}/", headers={"Origin": "http://evil.example"})
        assert answer.status == 403


# A server whose every step is the test's.


@pytest.fixture
def there() -> Iterator[Listening]:
    with Listening() as listening:
        yield listening


def start(ask: Http, there: Listening, rest: str) -> socket.socket:
    sock = ask.connect()
    head = f"{{}} /{there.address.port}/ HTTP/1.1\r\nHost: localhost:{ask.port}\r\n"
    method, _, more = rest.partition("\r\n")
    sock.sendall((head.format(method) + more).encode())
    return sock


def head_of(sock: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(sock, 1)
    return head


def test_bodies_stream_both_ways(ask: Http, there: Listening) -> None:
    with start(ask, there, "POST\r\nTransfer-Encoding: chunked\r\n\r\n") as client:
        server = there.accept()
        with server:
            assert b"transfer-encoding: chunked\r\n" in head_of(server).lower()
            for piece in (b"3\r\none\r\n", b"3\r\ntwo\r\n"):
                client.sendall(piece)
                assert receive(server, len(piece)) == piece
            client.sendall(b"0\r\n\r\n")
            assert receive(server, 5) == b"0\r\n\r\n"
            server.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert b"transfer-encoding: chunked\r\n" in head_of(client).lower()
            for piece in (b"4\r\nfour\r\n", b"5\r\nfives\r\n", b"0\r\n\r\n"):
                server.sendall(piece)
                assert receive(client, len(piece)) == piece


def test_a_response_may_come_before_the_request_has_ended(ask: Http, there: Listening) -> None:
    client = start(ask, there, "POST\r\nContent-Length: 9\r\n\r\nbegin")
    with client, there.accept() as server:
        head_of(server)
        server.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        assert head_of(client).startswith(b"HTTP/1.1 413 ")
        assert receive(client, 2) == b"no"


def test_a_response_without_a_length_ends_with_the_connection(ask: Http, there: Listening) -> None:
    with start(ask, there, "GET\r\nConnection: close\r\n\r\n") as client:
        with there.accept() as server:
            head_of(server)
            server.sendall(b"HTTP/1.0 200 OK\r\n\r\nsome")
        assert b"some" in receive_until_fin(client)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 O", b"-ERR unknown command\r\n", b"\x00\r\n\r\n"]
)
def test_a_server_that_does_not_speak_http(ask: Http, there: Listening, said: bytes) -> None:
    with start(ask, there, "GET\r\n\r\n") as client:
        with there.accept() as server:
            head_of(server)
            server.sendall(said)
        assert head_of(client).startswith(b"HTTP/1.1 502 ")


def test_a_response_that_is_cut_is_passed_on_as_cut(ask: Http, there: Listening) -> None:
    with start(ask, there, "GET\r\n\r\n") as client:
        with there.accept() as server:
            head_of(server)
            server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            assert head_of(client).startswith(b"HTTP/1.1 200 ")
            assert receive(client, 4) == b"half"
        assert ends(client)


def test_a_client_that_leaves_lets_the_server_go(ask: Http, there: Listening) -> None:
    client = start(ask, there, "GET\r\n\r\n")
    with there.accept() as server:
        head_of(server)
        client.close()
        assert ends(server)


def test_a_client_that_pauses_for_too_long_is_told(
    ask: Http, there: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meta, "BODY_PATIENCE", 0.1)
    client = start(ask, there, "POST\r\nContent-Length: 9\r\n\r\nbegin")
    with client, there.accept() as server:
        assert head_of(client).startswith(b"HTTP/1.1 408 ")
        head_of(server)
        receive(server, 5)
        assert ends(server)


def test_a_client_that_does_not_read_does_not_make_us_hoard(ask: Http, there: Listening) -> None:
    with start(ask, there, "GET\r\n\r\n"), there.accept() as server:
        head_of(server)
        server.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        server.setblocking(False)
        sent = 0

        def is_stuck() -> bool:
            nonlocal sent
            before = sent
            try:
                while sent < 100_000_000:
                    sent += server.send(bytes(1_000_000))
            except BlockingIOError:
                return sent == before
            return True

        wait_until(is_stuck, "back-pressure")
        assert sent < 100_000_000


def ends(sock: socket.socket) -> bool:
    """Whether the connection has ended, by a FIN or a RST."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True
