"""A client that pipelines as fast as it can: ``python pipeliner.py PORT < REQUEST``, on loopback.

It sends the request that it reads from its standard input, again and again, without waiting for
responses, which it discards, until it is killed.
"""

from __future__ import annotations

import select
import socket
import sys

BLOCK = 256 * 1024
"""Bytes of requests that it offers to send at once."""


def pipeline(connection: socket.socket, request: bytes) -> None:
    """Send and receive until the connection ends."""
    block = memoryview(request * (BLOCK // len(request)))
    left = block
    buffer = bytearray(BLOCK)
    connection.setblocking(False)
    while True:
        readable, writable, _ = select.select((connection,), (connection,), ())
        if readable and not connection.recv_into(buffer):
            return
        if writable:
            left = left[connection.send(left) :] or block


if __name__ == "__main__":
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as made:
        pipeline(made, sys.stdin.buffer.read())
