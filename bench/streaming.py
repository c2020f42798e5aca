"""A server of streams: ``python streaming.py PORT``, on loopback.

Each request is answered with server-sent events, 20 a second, until the client goes away. The
streams take turns, so that the events of all of them are evenly spread. An event has the time when
it was sent, in seconds of the clock that ``time.monotonic`` reads in every process.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time

from echo import accept

RATE = 20
"""Events a second of each stream."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TURN = 64
"""Events at most between two looks at requests."""


def event() -> bytes:
    """An event with the time, in a chunk: about as long as one of a language model."""
    said = b'data: {"at": %.7f, "choices": [{"delta": {"content": "%b"}}]}\n\n'
    data = said % (time.monotonic(), b"x" * 120)
    return b"%x\r\n%b\r\n" % (len(data), data)


def serve(port: int) -> None:
    """Stream until killed, on any number of connections."""
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    streams: list[socket.socket] = []
    turn, due = 0, time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic()) if streams else None
        for fd, _ in poller.poll(wait):
            if fd == listener.fileno():
                accept(listener, poller, connections)
            elif begins(connections[fd]):
                streams.append(connections[fd])
                due = time.monotonic()
            else:
                closed = connections.pop(fd)
                streams = [each for each in streams if each is not closed]
                closed.close()
        for _ in range(TURN):
            if not streams or time.monotonic() < due:
                break
            turn = (turn + 1) % len(streams)
            with contextlib.suppress(OSError):  # its end is seen by the poller
                streams[turn].send(event())
            due += 1 / (RATE * len(streams))


def begins(connection: socket.socket) -> bool:
    """Begin a stream with what has arrived; return whether the connection is still open."""
    try:
        asked = connection.recv(65536)
        if asked:
            connection.send(HEAD)
    except OSError:
        return False
    return bool(asked)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
