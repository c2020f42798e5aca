"""The blocking client: it runs the operations on sockets."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Self

from .classic import ClassicMethods
from .errors import unreachable
from .native import Entry, NativeMethods, creation
from .proxy import ProxyMethods
from .steps import Answer, Blocking, Request, checked
from .stream import EventStream
from .wire import KEPT, REPEATABLE, Event, Location, ResponseReader, WireError, encode

PIECE = 64 * 1024


class Connection:
    """A connection to an API; each step ends at a deadline, with TimeoutError."""

    def __init__(self, location: Location, deadline: float) -> None:
        """Connect; raise OSError if that fails."""
        limit = _left(deadline)
        if location.path:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(limit)
            try:
                self._socket.connect(location.path)
            except BaseException:
                self._socket.close()
                raise
        else:
            self._socket = socket.create_connection((location.host, location.port), limit)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if location.scheme == "https":
            import ssl

            tls = ssl.create_default_context()
            self._socket = tls.wrap_socket(self._socket, server_hostname=location.host)
        self.used_at = 0.0

    def send(self, data: bytes, deadline: float) -> None:
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(data)

    def receive(self, deadline: float) -> bytes:
        self._socket.settimeout(_left(deadline))
        return self._socket.recv(PIECE)

    @property
    def is_usable(self) -> bool:
        """Whether it is young enough, and nothing has arrived, such as its end."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return time.monotonic() - self.used_at < KEPT and not poll.poll(0)

    def close(self) -> None:
        self._socket.close()


class SocketTransport:
    """Sends requests over sockets; safe to use from several threads.

    ``keeps``: connections are kept until ``close``, for further requests.
    """

    def __init__(self, location: Location, token: str, timeout: float) -> None:
        self.keeps = False
        self._location = location
        self._token = token
        self._timeout = timeout
        self._kept: list[Connection] = []
        self._process = os.getpid()

    def send(self, request: Request) -> Answer:
        """Send a request; return the response.

        Raises:
            ClientError: there is none within ``timeout`` seconds.
        """
        data = encode(request, self._location, self._token)
        deadline = time.monotonic() + self._timeout
        try:
            kept = self._take()
            if kept is not None:
                reader = ResponseReader()
                try:
                    return self._exchange(kept, data, reader, deadline)
                except (ConnectionError, WireError):
                    if reader.status or request.method not in REPEATABLE:
                        raise
            fresh = Connection(self._location, deadline)
            return self._exchange(fresh, data, ResponseReader(), deadline)
        except (OSError, WireError) as error:
            raise unreachable(self._location, error) from error

    def stream(self, request: Request) -> Body:
        """Send a request; return the body of the response, as it arrives.

        Raises:
            ApiError: the request is refused.
            ClientError: there is no response within ``timeout`` seconds.
        """
        data = encode(request, self._location, self._token)
        deadline = time.monotonic() + self._timeout
        reader = ResponseReader()
        try:
            connection = Connection(self._location, deadline)
            try:
                connection.send(data, deadline)
                while not (reader.complete or reader.status == 200):
                    reader.feed(connection.receive(deadline))
            except BaseException:
                connection.close()
                raise
        except (OSError, WireError) as error:
            raise unreachable(self._location, error) from error
        if reader.status != 200:
            connection.close()
            checked(reader.answer)
        return Body(connection, reader)

    def close(self) -> None:
        """Close the connections that are kept."""
        self.keeps = False
        while self._kept:
            self._kept.pop().close()

    def _take(self) -> Connection | None:
        """Return a kept connection that may be used again, if there is one."""
        if self._process != os.getpid():  # a forked process must not share them
            self._process = os.getpid()
            while self._kept:
                self._kept.pop().close()
        while self._kept:
            connection = self._kept.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return None

    def _exchange(
        self, connection: Connection, data: bytes, reader: ResponseReader, deadline: float
    ) -> Answer:
        try:
            connection.send(data, deadline)
            while not reader.complete:
                reader.feed(connection.receive(deadline))
        except BaseException:
            connection.close()
            raise
        if self.keeps and reader.reusable:
            connection.used_at = time.monotonic()
            self._kept.append(connection)
        else:
            connection.close()
        return reader.answer


class Body:
    """The body of a response that may have no end."""

    def __init__(self, connection: Connection, reader: ResponseReader) -> None:
        self._connection = connection
        self._reader = reader

    def read(self, seconds: float) -> bytes:
        """Return what has arrived; b"" at the end, however it comes.

        Raises:
            TimeoutError: nothing has within so many seconds.
        """
        reader = self._reader
        deadline = time.monotonic() + seconds
        try:
            while not (reader.body or reader.complete):
                reader.feed(self._connection.receive(deadline))
        except TimeoutError:
            raise
        except (OSError, WireError):
            return b""
        return reader.take_body()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class ProxyHandle(ProxyMethods, Blocking):
    """One proxy, whether it exists or not, by its name."""

    def __init__(self, transport: SocketTransport, name: str) -> None:
        self._transport = transport
        self.name = name


class Client(NativeMethods, ClassicMethods, Blocking):
    """Controls proxies over vaurien's HTTP API.

    Used as a context manager, it keeps connections to the API between requests.
    """

    _transport: SocketTransport

    def _start(self, location: Location, token: str, timeout: float) -> None:
        self._transport = SocketTransport(location, token, timeout)

    def __enter__(self) -> Self:
        self._transport.keeps = True
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def proxy(self, name: str) -> ProxyHandle:
        """Return a handle of one proxy, without asking whether it exists."""
        return ProxyHandle(self._transport, name)

    def create(
        self, name: str, *, backend: str, rules: Sequence[Entry] = (), **table: object
    ) -> ProxyHandle:
        """Create a proxy with its rules; ``table``: other settings, such as ``listen``.

        Raises:
            ConflictError: the name or the address is taken.
        """
        self._run(creation(name, backend, rules, table))
        return self.proxy(name)

    def events(
        self,
        *,
        after: str | int = "",
        timeout: float | None = None,
        proxy: str = "",
        type: str = "",  # noqa: A002 - the API's name
        rule: str = "",
    ) -> Iterator[Event]:
        """Yield what happens, from now on or after the event of an id.

        Where the connection breaks, the stream is resumed; an event ``lost`` says how many
        events are gone by then.  ``timeout``: end after so many seconds without an event.

        Raises:
            ClientError: the API cannot be reached, or no longer.
        """
        return self._follow(EventStream(after, timeout, proxy=proxy, type=type, rule=rule))

    def samples(self, *, proxy: str = "", timeout: float | None = None) -> Iterator[Event]:
        """Yield what proxies carry, once a second: the first with all, then what has changed.

        Where the connection breaks, it begins anew.  ``timeout``: end after so many seconds
        without a sample.

        Raises:
            ClientError: the API cannot be reached, or no longer.
        """
        return self._follow(EventStream("", timeout, of="live", proxy=proxy))

    def _follow(self, stream: EventStream) -> Iterator[Event]:
        while True:
            with self._transport.stream(stream.request()) as body:
                try:
                    while piece := body.read(stream.patience(time.monotonic())):
                        yield from stream.feed(piece)
                except TimeoutError:
                    if stream.is_over(time.monotonic()):
                        return


def _left(deadline: float) -> float:
    """Return the seconds until a deadline; raise TimeoutError if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
