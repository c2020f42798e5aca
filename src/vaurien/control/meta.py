"""An HTTP server's application that leads to other servers on the same host.

``/<port>/path`` is passed on to ``/path`` on that port, as it is but for the ``Host``,
which becomes the other server's.  Bodies stream both ways.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence

import h11
from starlette.types import Receive, Scope, Send

from ..net.address import Address
from .classic import problem

PATH = re.compile(rb"/([0-9]{1,5})(/.*)?")
CONNECT_LIMIT = 5.0
BODY_PATIENCE = 30.0
"""Seconds that a client may pause within a request."""
HEAD_LIMIT = 64 * 1024
CHUNK = 64 * 1024
OF_ONE_HOP = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection "
    b"te trailer transfer-encoding upgrade".split()
)
"""What concerns one connection alone, and is not passed on (RFC 9110, section 7.6.1)."""

Headers = list[tuple[bytes, bytes]]


class Meta:
    """The ASGI application that leads to the ports of a host."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = PATH.fullmatch(scope["raw_path"])
        if found is None or not 0 < int(found[1]) < 65536:
            await problem(404, "path", scope["path"], "not /<port>/path")(scope, receive, send)
            return
        target = Address(self._host, int(found[1]))
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        request = h11.Request(
            method=scope["method"],
            target=(found[2] or b"/") + query,
            headers=_request_headers(scope["headers"], target),
        )
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                reader, writer = await asyncio.open_connection(target.host, target.port)
        except OSError:
            what = f"{target.port} not responding"
            await problem(503, "path", str(target.port), what)(scope, receive, send)
            return
        passage = Passage(reader, writer)
        try:
            failure = await passage.run(request, receive, send)
        finally:
            writer.close()
        if failure and not passage.answered:
            await problem(failure, "path", str(target.port), "no answer")(scope, receive, send)


class Passage:
    """One request on its way to another server, and the response on its way back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.answered = False
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, HEAD_LIMIT)

    async def run(self, request: h11.Request, receive: Receive, send: Send) -> int:
        """Pass all on, both ways at once, until one side ends.

        Returns 0, or the status to answer if nothing was answered yet.
        """
        self._writer.write(self._http.send(request) or b"")
        up = asyncio.create_task(self._pass_request(receive))
        down = asyncio.create_task(self._pass_response(send))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if not down.done():
                return up.result()
            await down
        except (OSError, h11.ProtocolError):
            return 502
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        return 0

    async def _pass_request(self, receive: Receive) -> int:
        """Ends when the client has gone or been silent for too long."""
        more = True
        while True:
            try:
                async with asyncio.timeout(BODY_PATIENCE if more else None):
                    message = await receive()
            except TimeoutError:
                return 408
            if message["type"] == "http.disconnect":
                return 0
            more = message.get("more_body", False)
            # A server that listens no more may have answered already.
            with contextlib.suppress(OSError, h11.LocalProtocolError):
                self._writer.write(self._http.send(h11.Data(message.get("body", b""))) or b"")
                if not more:
                    self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
                await self._writer.drain()

    async def _pass_response(self, send: Send) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                self.answered = True
                headers = _without_hop(event.headers)
                start = {"status": event.status_code, "headers": headers}
                await send({"type": "http.response.start", **start})
            elif isinstance(event, h11.Data):
                body = {"body": bytes(event.data), "more_body": True}
                await send({"type": "http.response.body", **body})
            elif isinstance(event, h11.EndOfMessage):
                await send({"type": "http.response.body", "body": b""})
                return
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the server closed the connection")


def _request_headers(given: Headers, target: Address) -> Headers:
    chunked = any(name == b"transfer-encoding" for name, _ in given)
    replaced = (b"host", b"content-length") if chunked else (b"host",)
    headers = [pair for pair in _without_hop(given) if pair[0] not in replaced]
    headers += [(b"host", str(target).encode()), (b"connection", b"close")]
    return [*headers, (b"transfer-encoding", b"chunked")] if chunked else headers


def _without_hop(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    named = b",".join(value.lower() for name, value in headers if name == b"connection")
    gone = OF_ONE_HOP | {name.strip() for name in named.split(b",")}
    return [(name, value) for name, value in headers if name not in gone]
