"""An HTTP server on loopback in which each connection has a process: ``python private.py PORT``.

So no client waits for another one's requests.  It answers each head with the same few bytes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

HEAD_END = b"\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 128\r\n\r\n"
"""Without a body, as to HEAD."""


def serve(port: int) -> None:
    """Accept until killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    listener.close()
                    answer(connection)
                    os._exit(0)


def answer(connection: socket.socket) -> None:
    """Answer all requests of a connection."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    unanswered = b""
    try:
        while data := connection.recv(65536):
            *heads, unanswered = (unanswered + data).split(HEAD_END)
            connection.sendall(RESPONSE * len(heads))
    except OSError:
        return


if __name__ == "__main__":
    serve(int(sys.argv[1]))
