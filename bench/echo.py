"""An echo server on loopback: ``python echo.py PORT``.

Messages are small and answered one at a time, so there are no short writes.
"""

from __future__ import annotations

import select
import socket
import sys


def serve(port: int) -> None:
    """Echo until killed, on any number of connections."""
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poller.poll():
            if fd == listener.fileno():
                accept(listener, poller, connections)
            elif not echo(connections[fd]):
                connections.pop(fd).close()


def accept(
    listener: socket.socket, poller: select.epoll, connections: dict[int, socket.socket]
) -> None:
    """Accept all waiting connections."""
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
        poller.register(connection, select.EPOLLIN)


def echo(connection: socket.socket) -> bool:
    """Echo what has arrived; return whether the connection is still open."""
    try:
        data = connection.recv(65536)
        if data:
            connection.send(data)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(data)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
