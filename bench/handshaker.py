"""Clients that shake hands in full: ``python handshaker.py PORT SECONDS CLIENTS``, on loopback.

Each connects, makes one request of a web server over TLS, reads the response to its end, and begins
again; no session is resumed.  It prints the number of responses, how many there were a second,
and how many connections failed.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import sys
import time

from certificate import accepting

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
LIMIT = 5.0
"""Seconds that one response may take."""
COUNTS = struct.Struct("=QQd")
"""Responses, failures, and the seconds that they took."""


def shake_hands(port: int, seconds: float) -> tuple[int, int, float]:
    """Make connections for this long; return what ``COUNTS`` holds."""
    context = accepting()
    done = failed = 0
    began = time.monotonic()
    while (took := time.monotonic() - began) < seconds:
        try:
            request(context, port)
        except OSError:
            failed += 1
        else:
            done += 1
    return done, failed, took


def request(context: ssl.SSLContext, port: int) -> None:
    """Make one request on a connection of its own. Raises OSError."""
    with (
        socket.create_connection(("127.0.0.1", port), LIMIT) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(REQUEST)
        size = 0
        while taken := connection.recv(4096):
            size += len(taken)
        if not size:
            raise ConnectionAbortedError("there was no response")


def main(port: int, seconds: float, clients: int) -> None:
    counts = []
    for _ in range(clients):
        ours, theirs = os.pipe()
        if not os.fork():
            os.write(theirs, COUNTS.pack(*shake_hands(port, seconds)))
            os._exit(0)
        os.close(theirs)
        counts.append(ours)
    samples = [COUNTS.unpack(os.read(pipe, COUNTS.size)) for pipe in counts]
    responses = sum(done for done, _, _ in samples)
    rate = sum(done / took for done, _, took in samples)
    print(responses, rate, sum(failed for _, failed, _ in samples))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
