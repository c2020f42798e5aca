"""What hostile clients send to the API, byte by byte."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from live import echo
from peers import connect, receive
from serving import Served, proxy_table, served

GIB = 1 << 30
CHUNK = 64 * 1024
SENT_LIMIT = 16 * 1024 * 1024
"""Bytes that may be on their way when a body is refused: what buffers hold."""
GROWTH_LIMIT = 64 * 1024
"""KiB of memory that a process may need in addition."""
IDLE = 10_000
RESERVED = 500
"""Descriptors for everything else."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("hostile")
    config = folder / "vaurien.toml"
    with echo() as backend:
        config.write_text(proxy_table("cache", backend))
        words = ["--config", str(config), "--port", "0", "--host", "127.0.0.1"]
        with served(*words, log=folder / "log") as process:
            yield process
            assert "Traceback" not in process.log
            assert process.end() == 0


def heard(sock: socket.socket) -> bytes:
    """All that a server sends, until it closes the connection."""
    data = b""
    with suppress(ConnectionError):
        while news := sock.recv(65536):
            data += news
    return data


def asked(serving: Served, request: bytes) -> bytes:
    with connect(serving.http) as sock:
        sock.sendall(request.replace(b"PORT", b"%d" % serving.http.port))
        return heard(sock)


def is_well(serving: Served) -> bool:
    request = b"GET /version HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n\r\n"
    return asked(serving, request).startswith(b"HTTP/1.1 200 ") and serving.ask("cache") == b"hello"


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/../../etc/passwd",
        "/v1/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/docs/../../etc/passwd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/proxies/../../../etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
        "/etc/passwd%00.html",
        "/v1/proxies/%00",
        "/v1/proxies/%ff%fe",
        "/proxies/%ff",
        "http://evil.example/",
        "*",
        "/" + "a" * 8000,
        "/v1/" + "%25" * 2000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "CONNECT", "TRACE", "X" * 50])
def test_targets_lead_nowhere(serving: Served, target: str, method: str) -> None:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n\r\n"
    answer = asked(serving, head.encode())
    assert answer[:12] in (b"", *(b"HTTP/1.1 %d" % status for status in (301, 400, 404, 405)))
    assert b"root:" not in answer


HEAD = b"POST /proxies HTTP/1.1\r\nHost: localhost:PORT\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 0x5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nhello",
        HEAD + b"X : y\r\n\r\n",
        HEAD + b"X: y\0z\r\n\r\n",
        HEAD + b"Host: evil.example\r\n\r\n",
        b"POST /proxies HTTP/1.1\r\n\r\n",
        b"POST /proxies HTTP/9.9\r\nHost: localhost:PORT\r\n\r\n",
        b"POST  /proxies  HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
        b"\0" * 1000 + b"\r\n\r\n",
        b"\r\n" * 1000,
    ],
)
def test_malformed_requests_change_nothing(serving: Served, request_: bytes) -> None:
    answer = asked(serving, request_)
    assert answer[:12] in (b"", *(b"HTTP/1.1 %d" % status for status in (400, 403, 408))), answer
    assert is_well(serving)


def test_lengths_that_contradict_each_other_smuggle_nothing(serving: Served) -> None:
    inner = b"POST /reset HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n"
    request = HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner
    answer = asked(serving, request)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("start", [b"", b"G", b"GET /version HTTP/1.1\r\nHost: local"])
def test_a_head_at_a_tenth_of_a_byte_a_second_is_cut_within_five(
    serving: Served, start: bytes
) -> None:
    """The second byte would be due after ten seconds."""
    begun = time.monotonic()
    with connect(serving.http) as sock:
        sock.sendall(start)
        assert heard(sock) == b""
    assert time.monotonic() - begun < 5
    assert is_well(serving)


def memory(serving: Served) -> int:
    """Peak of resident memory in KiB."""
    status = Path(f"/proc/{serving.process.pid}/status").read_text()
    words = status.partition("VmRSS:")[2].split()
    return int(words[0]) if words else 0


@pytest.mark.parametrize("path", ["/behavior", "/proxies", "/v1/proxies", "/nothing"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_a_gibibyte_is_refused(serving: Served, path: str, chunked: bool) -> None:
    method = "PUT" if path == "/behavior" else "POST"
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {GIB}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{serving.http.port}", length]
    head = "\r\n".join([*lines, "Content-Type: application/json", "", ""])
    piece = b"%x\r\n" % CHUNK + b" " * CHUNK + b"\r\n" if chunked else b" " * CHUNK
    before = memory(serving)
    sent = 0
    with connect(serving.http) as sock:
        sock.sendall(head.encode())
        with suppress(OSError):
            while sent < GIB:
                sock.sendall(piece)
                sent += CHUNK
        answer = heard(sock)
    assert sent < SENT_LIMIT
    assert answer == b"" or answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 404 ")), answer
    assert memory(serving) - before < GROWTH_LIMIT
    assert is_well(serving)


def test_ten_thousand_idle_connections_keep_nobody_out(serving: Served) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + RESERVED
    if most[1] != resource.RLIM_INFINITY and most[1] < wanted:
        pytest.skip(f"the limit of open files is {most[1]}: it takes {wanted}")
    with ExitStack() as closing:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(most[0], wanted), most[1]))
        closing.callback(resource.setrlimit, resource.RLIMIT_NOFILE, most)
        client = closing.enter_context(connect(serving.address("cache")))
        for number in range(IDLE):
            closing.enter_context(connect(serving.http))
            if number % 1000 == 999:
                assert is_well(serving)
                client.sendall(b"hello")
                assert receive(client, 5) == b"hello"
    assert is_well(serving)
