"""The asynchronous client: it runs the operations in asyncio's loop."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from typing import Self

from .classic import ClassicMethods
from .errors import unreachable
from .native import Entry, NativeMethods, creation
from .proxy import ProxyMethods
from .steps import Answer, Asynchronous, Request, checked
from .stream import EventStream
from .wire import KEPT, REPEATABLE, Event, Location, ResponseReader, WireError, encode

PIECE = 64 * 1024


class Connection:
    """A connection to an API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.used_at = 0.0

    @classmethod
    async def open(cls, location: Location) -> Connection:
        """Connect; raise OSError if that fails."""
        if location.path:
            return cls(*await asyncio.open_unix_connection(location.path))
        tls = ssl.create_default_context() if location.scheme == "https" else None
        return cls(*await asyncio.open_connection(location.host, location.port, ssl=tls))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        return await self._reader.read(PIECE)

    @property
    def is_usable(self) -> bool:
        """Whether it is young enough, and has not ended."""
        return time.monotonic() - self.used_at < KEPT and not (
            self._reader.at_eof() or self._reader.exception() or self._writer.is_closing()
        )

    def close(self) -> None:
        self._writer.transport.abort()


class StreamTransport:
    """Sends requests in asyncio's loop.

    ``keeps``: connections are kept until ``close``, for further requests.
    """

    def __init__(self, location: Location, token: str, timeout: float) -> None:
        self.keeps = False
        self._location = location
        self._token = token
        self._timeout = timeout
        self._kept: list[Connection] = []

    async def send(self, request: Request) -> Answer:
        """Send a request; return the response.

        Raises:
            ClientError: there is none within ``timeout`` seconds.
        """
        data = encode(request, self._location, self._token)
        try:
            async with asyncio.timeout(self._timeout):
                kept = self._take()
                if kept is not None:
                    reader = ResponseReader()
                    try:
                        return await self._exchange(kept, data, reader)
                    except (ConnectionError, WireError):
                        if reader.status or request.method not in REPEATABLE:
                            raise
                fresh = await Connection.open(self._location)
                return await self._exchange(fresh, data, ResponseReader())
        except (OSError, WireError) as error:
            raise unreachable(self._location, error) from error

    async def stream(self, request: Request) -> Body:
        """Send a request; return the body of the response, as it arrives.

        Raises:
            ApiError: the request is refused.
            ClientError: there is no response within ``timeout`` seconds.
        """
        data = encode(request, self._location, self._token)
        reader = ResponseReader()
        try:
            async with asyncio.timeout(self._timeout):
                connection = await Connection.open(self._location)
                try:
                    await connection.send(data)
                    while not (reader.complete or reader.status == 200):
                        reader.feed(await connection.receive())
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
        while self._kept:
            connection = self._kept.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return None

    async def _exchange(
        self, connection: Connection, data: bytes, reader: ResponseReader
    ) -> Answer:
        try:
            await connection.send(data)
            while not reader.complete:
                reader.feed(await connection.receive())
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

    async def read(self, seconds: float) -> bytes:
        """Return what has arrived; b"" at the end, however it comes.

        Raises:
            TimeoutError: nothing has within so many seconds.
        """
        reader = self._reader
        try:
            async with asyncio.timeout(seconds):
                while not (reader.body or reader.complete):
                    reader.feed(await self._connection.receive())
        except TimeoutError:
            raise
        except (OSError, WireError):
            return b""
        return reader.take_body()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class AsyncProxyHandle(ProxyMethods, Asynchronous):
    """One proxy, whether it exists or not, by its name."""

    def __init__(self, transport: StreamTransport, name: str) -> None:
        self._transport = transport
        self.name = name


class AsyncClient(NativeMethods, ClassicMethods, Asynchronous):
    """Controls proxies over vaurien's HTTP API, in asyncio's loop.

    It has the methods of ``Client``, as coroutines and asynchronous context managers.  Used as
    a context manager itself, it keeps connections to the API between requests.
    """

    _transport: StreamTransport

    def _start(self, location: Location, token: str, timeout: float) -> None:
        self._transport = StreamTransport(location, token, timeout)

    async def __aenter__(self) -> Self:
        self._transport.keeps = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def proxy(self, name: str) -> AsyncProxyHandle:
        """Return a handle of one proxy, without asking whether it exists."""
        return AsyncProxyHandle(self._transport, name)

    async def create(
        self, name: str, *, backend: str, rules: Sequence[Entry] = (), **table: object
    ) -> AsyncProxyHandle:
        """Create a proxy with its rules; ``table``: other settings, such as ``listen``.

        Raises:
            ConflictError: the name or the address is taken.
        """
        await self._run(creation(name, backend, rules, table))
        return self.proxy(name)

    def events(
        self,
        *,
        after: str | int = "",
        timeout: float | None = None,
        proxy: str = "",
        type: str = "",  # noqa: A002 - the API's name
        rule: str = "",
    ) -> AsyncIterator[Event]:
        """Yield what happens, from now on or after the event of an id.

        Where the connection breaks, the stream is resumed; an event ``lost`` says how many
        events are gone by then.  ``timeout``: end after so many seconds without an event.

        Raises:
            ClientError: the API cannot be reached, or no longer.
        """
        return self._follow(EventStream(after, timeout, proxy=proxy, type=type, rule=rule))

    def samples(self, *, proxy: str = "", timeout: float | None = None) -> AsyncIterator[Event]:
        """Yield what proxies carry, once a second: the first with all, then what has changed.

        Where the connection breaks, it begins anew.  ``timeout``: end after so many seconds
        without a sample.

        Raises:
            ClientError: the API cannot be reached, or no longer.
        """
        return self._follow(EventStream("", timeout, of="live", proxy=proxy))

    async def _follow(self, stream: EventStream) -> AsyncIterator[Event]:
        while True:
            with await self._transport.stream(stream.request()) as body:
                try:
                    while piece := await body.read(stream.patience(time.monotonic())):
                        for event in stream.feed(piece):
                            yield event
                except TimeoutError:
                    if stream.is_over(time.monotonic()):
                        return
