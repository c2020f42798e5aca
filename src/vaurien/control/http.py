"""An HTTP server in a thread of its own: uvicorn on the standard asyncio loop.

Law: it shares the interpreter lock with the traffic, so its steps are small, and its
peers can't make it hold what they like: connections, heads and bodies are limited.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

from ..errors import ListenError
from ..net.address import Address
from .classic import make_app
from .guard import Guard

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .server import Control

HEAD_LIMIT = 5.0
"""Seconds until the head of a request must be complete, or a body that nobody reads."""
CONNECTION_LIMIT = 256
BACKLOG = 128
STOP_LIMIT = 5.0
SWITCH_INTERVAL = 0.0005
LOOPBACK = ("127.0.0.1", "::1")
LOG = logging.getLogger("vaurien")
SERVER_LOG = LOG.getChild("http")


class Visitor(H11Protocol):
    """uvicorn's connection, which waits for what its peer says for ever, made impatient."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = SERVER_LOG
        self.access_log = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)  # whose parameter is narrowed like this one
        if len(self.connections) > CONNECTION_LIMIT:
            transport.abort()
        else:
            self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        # A request may be answered before its body is there; the rest of it is thrown away.
        if state is h11.IDLE or (state is h11.SEND_BODY and self.cycle.response_complete):
            self._expect()
        else:
            self._forget_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Start the time of a head or a rest, unless it runs: more pieces don't prolong it."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_LIMIT, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Serving(Server):
    """uvicorn's server, which looks ten times a second whether to end, made to wait for it."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._begun = threading.Event()
        self._end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun.set()
        await self._end.wait()

    def end(self) -> None:
        """From another thread, while the server's lives."""
        if self._begun.wait(STOP_LIMIT) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)


class ControlThread:
    """A server that runs until ``stop``; ``address`` is where it listens."""

    def __init__(self, app: ASGIApp, sockets: list[socket.socket], address: Address) -> None:
        self.address = address
        self._server = Serving(
            Config(
                app,
                loop="asyncio",
                http=Visitor,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        # A thread waits so long, while another one computes, before it asks for the
        # interpreter lock.  At the default of 5 ms, each step of a request could hold
        # the traffic up for that long.
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = threading.Thread(
            target=self._server.run, args=(sockets,), name=f"http {address}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Let the requests under way end, within a second or so, and close everything."""
        if self._thread.is_alive():
            self._server.end()
            self._thread.join(STOP_LIMIT)
            sys.setswitchinterval(self._switch_interval)


def start_control(control: Control, host: str, port: int) -> ControlThread:
    """Serve a proxy's HTTP interface; it accepts when this returns.

    Raises:
        ListenError: the address cannot be listened on.
    """
    return start_server(Guard(make_app(control), host), host, port)


def start_server(app: ASGIApp, host: str, port: int) -> ControlThread:
    """Serve an application.  Port 0 takes a free one; ``localhost`` is both its addresses.

    Raises:
        ListenError: the address cannot be listened on.
    """
    try:
        sockets = _listen(host, port)
    except UnicodeError:
        raise ListenError(errno.EINVAL, f"{host!r} is not a host") from None
    except OSError as error:
        known = error.errno and not isinstance(error, socket.gaierror)
        reason = os.strerror(error.errno or 0) if known else error.strerror or error
        raise ListenError(
            error.errno, f"cannot listen on {Address(host, port)}: {reason}"
        ) from None
    address = Address(host, sockets[0].getsockname()[1])
    _warn_if_open(sockets[0], address)
    return ControlThread(app, sockets, address)


def _warn_if_open(sock: socket.socket, address: Address) -> None:
    if not ipaddress.ip_address(sock.getsockname()[0]).is_loopback:
        LOG.warning(
            "The HTTP server on %s asks nobody for a password: "
            "whoever can reach this address can use it",
            address,
        )


def _listen(host: str, port: int) -> list[socket.socket]:
    if host != "localhost":
        return [_listening(host, port)]
    first = _listening(LOOPBACK[0], port)
    try:
        return [first, _listening(LOOPBACK[1], first.getsockname()[1])]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return [first]  # there is no IPv6 here
        first.close()
        if port:
            raise
    return _listen(host, port)  # what the system chose was free on one of the two only


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.create_server(address, family=family, backlog=BACKLOG)
    # Its connections inherit this.  Without it the second half of an answer waits for
    # the client's delayed acknowledgement of the first: 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
