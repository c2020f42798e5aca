"""A client that sends continuously: ``python pinger.py PORT``, on loopback.

It sends a few bytes, waits for the response, and sends again, until its standard input ends.
Then it writes the beginning and the end of each exchange to standard output, as doubles: seconds
of the clock that ``time.perf_counter`` reads in every process.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from array import array

PING = b"x" * 32


def ping(connection: socket.socket) -> array[float]:
    """Make exchanges until standard input ends; return their beginnings and ends, alternating."""
    moments = array("d")
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    while not poll.poll(0):
        for _ in range(20):  # asking whether to go on takes time too
            moments.append(time.perf_counter())
            connection.sendall(PING)
            if connection.recv(len(PING), socket.MSG_WAITALL) != PING:
                raise SystemExit("the connection was closed before it was answered")
            moments.append(time.perf_counter())
    return moments


if __name__ == "__main__":
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdout.buffer.write(ping(made).tobytes())
