"""A crowd of clients and their backend, as a process of its own: ``python crowd.py``.

It says the port of its backend, which echoes, in a line. It is told in a line of JSON
which ports each kind of client connects to, one connection for each time that a port is
named, and says ``ready`` when all are connected:

- ``held``: says something at once, and must hear nothing before the end;
- ``live``: says something, waits until all of it came back, pauses, and so on. Some
  half-close now and then, must hear the end, and begin anew;
- ``apart``: connects, says something, and takes whatever happens, over and over.

Every byte depends on its connection and its position. On a second line the crowd stops
talking: all that ``held`` and ``live`` have said must come back, and then the end. Then it
says what it has counted, as JSON, and ends with a status of 0.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import random
import select
import socket
import sys
import time
from collections.abc import Callable

HOST = "127.0.0.1"
CONTENT = random.Random(11).randbytes(1_000_003)
TWICE = CONTENT * 2
SIZES = (1, 40, 700, 1460, 3000, 20_000)
"""Bytes that are said at once."""
PAUSE = 0.5
"""Seconds between two exchanges of a live client, about."""
LIFE = 4
"""Exchanges of a live connection, if it is one that ends."""
RETRY = 0.05
"""Seconds after which a client that takes whatever happens connects again."""
WORD = b"*1\r\n$4\r\nPING\r\n"
"""What a client says that takes whatever happens; redis knows it as a request and as a reply."""
PATIENCE = 30.0
"""Seconds that pending responses may take at the end."""

Handler = Callable[[int], None]


class Loop:
    """What becomes of descriptors and of time."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def watch(self, sock: socket.socket, handler: Handler) -> None:
        sock.setblocking(False)
        self._handlers[sock.fileno()] = handler
        self._poll.register(sock, select.EPOLLIN)

    def want(self, sock: socket.socket, *, writing: bool) -> None:
        self._poll.modify(sock, select.EPOLLIN | (select.EPOLLOUT if writing else 0))

    def close(self, sock: socket.socket) -> None:
        self._handlers.pop(sock.fileno(), None)
        sock.close()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), call))

    def turn(self) -> None:
        """Handle what there is; wait for a moment if there is nothing."""
        rest = self._due[0][0] - time.monotonic() if self._due else 0.1
        for fd, events in self._poll.poll(min(max(rest, 0.0), 0.1)):
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(events)
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()


class Echo:
    """One connection of the backend."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self._loop = loop
        self._sock = sock
        self._owed = b""
        self._ended = False
        loop.watch(sock, self._on_event)

    def _on_event(self, events: int) -> None:
        try:
            if events & select.EPOLLIN and not self._ended:
                data = self._sock.recv(65536)
                self._ended = not data
                self._owed += data
            if self._owed:
                self._owed = self._owed[self._sock.send(self._owed) :]
        except BlockingIOError:
            pass
        except OSError:
            self._loop.close(self._sock)
            return
        if self._ended and not self._owed:
            self._loop.close(self._sock)
        else:
            self._loop.want(self._sock, writing=bool(self._owed))


class Client:
    """One client that checks what it hears."""

    def __init__(self, crowd: Crowd, number: int, port: int) -> None:
        self.crowd = crowd
        self.number = number
        self.port = port
        self.exchanges = 0
        self.ended = False
        self._connect()

    def _connect(self) -> None:
        self.said = self.heard = 0
        self.closing = False
        self.sock = socket.create_connection((HOST, self.port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.crowd.loop.watch(self.sock, self.on_event)
        self.crowd.loop.later(random.uniform(0, PAUSE), self.say)

    def content(self, position: int, size: int) -> bytes:
        start = (self.number * 7919 + position) % len(CONTENT)
        return TWICE[start : start + size]

    def say(self) -> None:
        """Say something, in one piece or more; it is so little that it always goes."""
        if self.crowd.stopping and self.said:
            self.finish()
            return
        for size in random.choices(SIZES, k=random.randint(1, 3)):
            self.sock.sendall(self.content(self.said, size))
            self.said += size

    def finish(self) -> None:
        """Say that there is no more to come."""
        if not self.closing:
            self.closing = True
            self.sock.shutdown(socket.SHUT_WR)

    def on_event(self, events: int) -> None:
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:  # it was for a socket that had the same number before
            return
        where = f"connection {self.number} to port {self.port}, at {self.heard} of {self.said}"
        if data != self.content(self.heard, len(data)):
            raise SystemExit(f"{where}: not what was said")
        self.heard += len(data)
        if not data and not (self.closing and self.heard == self.said):
            raise SystemExit(f"{where}: ended too early")
        if not data:
            self.on_end()
        elif self.heard == self.said:
            self.exchanges += 1
            self.crowd.exchanges += 1
            self.on_answer()

    def on_answer(self) -> None:
        """All that was said has come back."""
        raise NotImplementedError

    def on_end(self) -> None:
        """The end has come back too."""
        self.crowd.loop.close(self.sock)
        self.ended = True


class Live(Client):
    """See the module."""

    def on_answer(self) -> None:
        if not self.crowd.stopping and (self.exchanges % LIFE or self.number % 2):
            self.crowd.loop.later(random.uniform(0, 2 * PAUSE), self.say)
        else:
            self.finish()

    def on_end(self) -> None:
        super().on_end()
        if not self.crowd.stopping:
            self.crowd.begun_anew += 1
            self.ended = False
            self._connect()


class Held(Client):
    """See the module."""

    def on_event(self, events: int) -> None:
        if not self.crowd.stopping:
            raise SystemExit(f"connection {self.number} to port {self.port} was not held")
        super().on_event(events)

    def on_answer(self) -> None:
        self.finish()


class Apart:
    """See the module."""

    def __init__(self, crowd: Crowd, number: int, port: int) -> None:
        self._crowd = crowd
        self._port = port
        self._sock: socket.socket | None = None
        self._begin()

    def _begin(self) -> None:
        """Give up what was, and begin anew."""
        loop = self._crowd.loop
        if self._sock is not None:
            loop.close(self._sock)
            self._sock = None
        if not self._crowd.stopping:
            self._crowd.apart += 1
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((HOST, self._port))
            self._sock = sock
            loop.watch(sock, self._on_event)
            loop.later(RETRY, self._say)
            loop.later(random.uniform(2, 6) * RETRY, self._begin)

    def _say(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.send(WORD * random.randrange(1, 5))

    def _on_event(self, events: int) -> None:
        try:
            going_on = self._sock is not None and self._sock.recv(65536)
        except OSError:
            going_on = b""
        if not going_on and self._sock is not None:
            self._crowd.loop.close(self._sock)
            self._sock = None


class Crowd:
    """All of them."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.stopping = False
        self.exchanges = 0
        self.begun_anew = 0
        self.apart = 0
        self._clients: list[Client] = []

    def gather(self, ports: dict[str, list[int]]) -> None:
        numbers = itertools.count(1)
        for kind in (Held, Live):
            for port in ports[kind.__name__.lower()]:
                self._clients.append(kind(self, next(numbers), port))
                self.loop.turn()
        for port in ports["apart"]:
            Apart(self, next(numbers), port)

    def disperse(self) -> None:
        """Stop talking, and wait for all pending responses."""
        self.stopping = True
        end = time.monotonic() + PATIENCE
        for client in self._clients:
            if client.heard == client.said and client.said:
                client.finish()
        while waiting := [client for client in self._clients if not client.ended]:
            if time.monotonic() > end:
                told = ", ".join(f"{each.heard} of {each.said}" for each in waiting[:5])
                raise SystemExit(
                    f"{len(waiting)} clients still wait for responses: have {told} bytes"
                )
            self.loop.turn()

    def counted(self) -> dict[str, int]:
        names = ("exchanges", "begun_anew", "apart")
        return {name: getattr(self, name) for name in names}


def tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - whoever started it reads


def main() -> None:
    loop = Loop()
    listener = socket.create_server((HOST, 0), backlog=4096)

    def accept(_events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                Echo(loop, listener.accept()[0])

    loop.watch(listener, accept)
    tell(str(listener.getsockname()[1]))
    crowd = Crowd(loop)
    crowd.gather(json.loads(sys.stdin.readline()))
    tell("ready")
    orders = select.poll()
    orders.register(sys.stdin, select.POLLIN)
    while not orders.poll(0):
        loop.turn()
    crowd.disperse()
    tell(json.dumps(crowd.counted()))


if __name__ == "__main__":
    main()
