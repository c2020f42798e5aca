"""The server in its thread, with misbehaving clients."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from live import LIMIT, Http, Live, controlled, live
from vaurien.control import http
from vaurien.control.sockets import LOOPBACK, on_tcp

GET = b"GET /behavior HTTP/1.1\r\nHost: localhost:%d\r\n\r\n"
HEAD_LIMIT = 0.2


@pytest.fixture
def running() -> Iterator[Live]:
    with live() as started:
        yield started


@pytest.fixture
def ask(running: Live) -> Iterator[Http]:
    with controlled(running) as started:
        yield started


def hears(sock: socket.socket) -> bytes:
    """Receive once; empty if the server has closed the connection."""
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


def get(sock: socket.socket, port: int) -> None:
    """Send a request on an open connection, and receive the response."""
    sock.sendall(GET % port)
    heard = b""
    while not heard.endswith(b'"dummy"}'):
        news = hears(sock)
        assert news, "the connection was cut"
        heard += news


def test_it_accepts_as_soon_as_it_is_started_and_no_more_when_it_is_stopped(running: Live) -> None:
    server = http.start_control(running.control, [on_tcp("127.0.0.1", 0)])
    ask = Http(server)
    assert ask("GET", "/behavior").status == 200
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask.connect()


def test_it_can_be_stopped_at_once_and_twice(running: Live) -> None:
    server = http.start_control(running.control, [on_tcp("127.0.0.1", 0)])
    server.stop()
    server.stop()


def test_threads_take_quicker_turns_while_it_runs(running: Live) -> None:
    before = sys.getswitchinterval()
    with controlled(running):
        assert sys.getswitchinterval() == pytest.approx(http.SWITCH_INTERVAL)
    assert sys.getswitchinterval() == before


def test_localhost_is_both_its_addresses(running: Live) -> None:
    server = http.start_control(running.control, [on_tcp("localhost", 0)])
    try:
        assert server.address.host == "localhost"
        for host in LOOPBACK:
            with socket.create_connection((host, server.address.port), LIMIT) as sock:
                sock.sendall(GET % server.address.port)
                assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    finally:
        server.stop()


@pytest.mark.parametrize("start", [b"", b"G", b"GET /behavior HTTP/1.1\r\nHost: local"])
def test_a_head_that_is_not_completed_is_cut(
    ask: Http, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(http, "HEAD_LIMIT", HEAD_LIMIT)
    with ask.connect() as sock:
        sock.sendall(start)
        assert hears(sock) == b""


def test_a_head_that_comes_in_drips_is_cut(ask: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_LIMIT", HEAD_LIMIT)
    with ask.connect() as sock:
        sock.settimeout(HEAD_LIMIT / 10)
        sock.sendall(b"GET /behavior HTTP/1.1\r\n")
        for _ in range(10_000):
            try:
                sock.sendall(b"X: y\r\n")
                assert sock.recv(1) == b""
                return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    pytest.fail("it went on")


def test_a_body_that_nobody_waits_for_is_cut(ask: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_LIMIT", HEAD_LIMIT)
    with ask.connect() as sock:
        head = GET[:-2] % ask.port + b"Content-Length: 10000000\r\n\r\n"
        sock.sendall(head)
        heard = b""
        while not heard.endswith(b'"dummy"}'):
            heard += hears(sock)
        sock.settimeout(HEAD_LIMIT / 10)
        for _ in range(10_000):
            try:
                sock.sendall(b"x")
                assert sock.recv(1) == b""
                return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    pytest.fail("it went on")


def test_the_second_head_of_a_connection_is_cut_too(
    ask: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "HEAD_LIMIT", 2 * HEAD_LIMIT)
    with ask.connect() as sock:
        get(sock, ask.port)
        sock.sendall(b"GET /beh")
        assert hears(sock) == b""


def test_a_connection_may_rest_between_requests(ask: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_LIMIT", 2 * HEAD_LIMIT)
    with ask.connect() as resting:
        get(resting, ask.port)
        with ask.connect() as silent:
            assert hears(silent) == b""  # so the time has passed for both
        get(resting, ask.port)


def test_requests_in_a_row_are_answered_in_a_row(ask: Http) -> None:
    with ask.connect() as sock:
        sock.sendall(GET % ask.port * 3)
        heard = b""
        while heard.count(b'"dummy"}') < 3:
            heard += sock.recv(65536)
        assert heard.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize(
    "bad",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000],
)
def test_what_is_not_http_is_refused_without_noise(
    ask: Http, caplog: pytest.LogCaptureFixture, bad: bytes
) -> None:
    with ask.connect() as sock:
        sock.sendall(bad)
        assert re.match(rb"HTTP/1.1 400 |$", hears(sock))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_connection_that_was_idle_for_longest_is_cut_for_another_one(
    ask: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CONNECTION_LIMIT", 3)
    held = [ask.connect() for _ in range(3)]
    try:
        for sock in held:
            get(sock, ask.port)
        get(held[0], ask.port)
        with ask.connect() as sock:
            get(sock, ask.port)
        assert hears(held[1]) == b""
        for sock in (held[0], held[2]):
            get(sock, ask.port)
    finally:
        for sock in held:
            sock.close()


def test_requests_in_progress_are_not_cut_for_another_connection(
    ask: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CONNECTION_LIMIT", 2)
    head = b"PUT /behavior HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 17\r\n"
    head += b"Expect: 100-continue\r\n\r\n"
    held = [ask.connect() for _ in range(2)]
    try:
        for sock in held:
            sock.sendall(head % ask.port)
            assert hears(sock).startswith(b"HTTP/1.1 100 ")
        with ask.connect() as sock:
            with suppress(ConnectionError):  # it may be cut before that
                sock.sendall(GET % ask.port)
            assert hears(sock) == b""
        for sock in held:
            sock.sendall(b'{"name": "dummy"}')
            assert hears(sock).startswith(b"HTTP/1.1 200 ")
    finally:
        for sock in held:
            sock.close()


def test_what_goes_wrong_otherwise_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with closing(asyncio.new_event_loop()) as loop:
        http.on_trouble(loop, {"message": "no", "exception": OSError(errno.EMFILE, "no")})
        http.on_trouble(loop, {"message": "odd", "exception": ValueError("odd")})
    assert [record.message.splitlines()[0] for record in caplog.records] == ["odd"]


def test_it_stops_although_somebody_is_in_the_middle_of_a_request(running: Live) -> None:
    server = http.start_control(running.control, [on_tcp("127.0.0.1", 0)])
    with Http(server).connect() as sock:
        head = b"PUT /behavior HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 9\r\n"
        sock.sendall(head % server.address.port + b"Expect: 100-continue\r\n\r\n")
        assert hears(sock).startswith(b"HTTP/1.1 100 ")
        server.stop()
        assert not server._thread.is_alive()


def test_nothing_but_the_server_imports_asyncio() -> None:
    code = "import sys, vaurien.control.server; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_needs_nothing_that_some_systems_lack() -> None:
    code = (
        "import sys, vaurien.net.reactor\n"  # it asks which system this is
        "sys.modules['fcntl'] = None\n"
        "import vaurien.control.http\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=LIMIT)
