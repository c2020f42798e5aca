"""A server that plays the answers of a test, and notes the requests."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

LIMIT = 10.0
CUT = b"close the connection instead of an answer"
HOLD = b"wait until the client closes the connection"


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def events(*numbers: int) -> bytes:
    """What a stream of events begins with."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b": hello\n\n")
    return head + b"".join(chunk(b"id: %d\ndata: {}\n\n" % number) for number in numbers)


OK = response(b'{"seed": 7}')
LAST = response(b'{"seed": 7}', "200 OK", "Connection: close")
UNKNOWN = response(b'{"detail": "there is none"}', "404 Not Found")


class Player:
    """The server.  ``script``: the answers on each connection, which is closed after the last."""

    def __init__(self, listener: socket.socket, script: tuple[tuple[bytes, ...], ...]) -> None:
        self.requests: list[list[str]] = []
        """The requests on each connection."""
        name = listener.getsockname()
        self.url = f"unix:{name}" if isinstance(name, str) else f"http://127.0.0.1:{name[1]}"
        self._listener = listener
        self._script = script

    @property
    def counts(self) -> list[int]:
        """How many requests there were on each connection."""
        return list(map(len, self.requests))

    def play(self) -> None:
        for answers in self._script:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(LIMIT)
            self.requests.append([])
            with sock, contextlib.suppress(ConnectionError):
                self._play_on(sock, answers)

    def _play_on(self, sock: socket.socket, answers: tuple[bytes, ...]) -> None:
        for each in answers:
            if each == HOLD:
                while sock.recv(65536):
                    pass
                return
            request = _request(sock)
            if request:
                self.requests[-1].append(request)
            if not request or each == CUT:
                return
            sock.sendall(each)


def _request(sock: socket.socket) -> str:
    """Return a whole request; '' at the end of the connection."""
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: ([0-9]+)", head)
        if end and (length is None or len(body) == int(length[1])):
            return data.decode()
        piece = sock.recv(65536)
        if not piece:
            return ""
        data += piece


@contextlib.contextmanager
def playing(*script: tuple[bytes, ...], path: Path | None = None) -> Iterator[Player]:
    """Play answers on connections that come one after the other."""
    if path is None:
        listener = socket.create_server(("127.0.0.1", 0))
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
    player = Player(listener, script)
    thread = threading.Thread(target=player.play)
    thread.start()
    try:
        yield player
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        thread.join()
        listener.close()
