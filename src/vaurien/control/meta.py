"""A reverse proxy for the HTTP servers of a host, as an ASGI application.

A request for ``/<port>/path`` is forwarded to ``/path`` on that port, unchanged except for
``Host``, which names that server.  Bodies are streamed both ways.
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
"""Seconds that a client may pause while it sends a request."""
HEAD_LIMIT = 64 * 1024
CHUNK = 64 * 1024
HOP_BY_HOP = frozenset(
    b"connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection "
    b"te trailer transfer-encoding upgrade".split()
)
"""Headers that apply to a single connection, and are not forwarded (RFC 9110, section 7.6.1)."""

Headers = list[tuple[bytes, bytes]]


class Meta:
    """Forwards requests to the ports of a host."""

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
        forwarding = Forwarding(reader, writer)
        try:
            failure = await forwarding.run(request, receive, send)
        finally:
            writer.close()
        if failure and not forwarding.responded:
            await problem(failure, "path", str(target.port), "no response")(scope, receive, send)


class Forwarding:
    """Forwards one request to another server, and its response back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.responded = False
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, HEAD_LIMIT)

    async def run(self, request: h11.Request, receive: Receive, send: Send) -> int:
        """Forward both ways at once, until the response is complete or one side fails.

        Return 0, or the status of an error response, to send if none has been started.
        """
        self._writer.write(self._http.send(request) or b"")
        up = asyncio.create_task(self._forward_request(receive))
        down = asyncio.create_task(self._forward_response(send))
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

    async def _forward_request(self, receive: Receive) -> int:
        """Return when the client has disconnected (0), or paused for too long (408)."""
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
            # A server that no longer reads may have responded already.
            with contextlib.suppress(OSError, h11.LocalProtocolError):
                self._writer.write(self._http.send(h11.Data(message.get("body", b""))) or b"")
                if not more:
                    self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
                await self._writer.drain()

    async def _forward_response(self, send: Send) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                self.responded = True
                headers = _end_to_end(event.headers)
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
    headers = [pair for pair in _end_to_end(given) if pair[0] not in replaced]
    headers += [(b"host", str(target).encode()), (b"connection", b"close")]
    return [*headers, (b"transfer-encoding", b"chunked")] if chunked else headers


def _end_to_end(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    named = b",".join(value.lower() for name, value in headers if name == b"connection")
    hop_by_hop = HOP_BY_HOP | {name.strip() for name in named.split(b",")}
    return [(name, value) for name, value in headers if name not in hop_by_hop]
