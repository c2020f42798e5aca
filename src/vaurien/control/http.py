"""An HTTP server in its own thread: uvicorn on the standard asyncio loop.

Law: it shares the interpreter lock with the traffic, so its steps are short; and it limits
connections, heads and bodies, so its clients cannot exhaust memory.
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
from .toxiproxy.app import ToxiproxyApp
from .v1.app import NativeApp

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .server import Control

HEAD_LIMIT = 5.0
"""Seconds within which a request's head must arrive, or the unread rest of its body."""
CONNECTION_LIMIT = 256
BACKLOG = 128
STOP_LIMIT = 5.0
SWITCH_INTERVAL = 0.0005
NO_RESOURCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The errors after which asyncio pauses accepting."""
LOOPBACK = ("127.0.0.1", "::1")
LOG = logging.getLogger("vaurien")
SERVER_LOG = LOG.getChild("http")


class LimitedProtocol(H11Protocol):
    """uvicorn's connection, with the limits on time and number that it lacks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = SERVER_LOG
        self.access_log = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)  # it narrows the parameter's type likewise
        if len(self.connections) > CONNECTION_LIMIT:
            transport.abort()
        else:
            self._start_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        # The response may precede the end of the body, whose rest is then discarded.
        if state is h11.IDLE or (state is h11.SEND_BODY and self.cycle.response_complete):
            self._start_deadline()
        else:
            self._cancel_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def _start_deadline(self) -> None:
        """Start the deadline, unless it is running: further pieces do not extend it."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_LIMIT, self.transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ListeningSocket(socket.socket):
    """Says once, until it accepts again, that it cannot.

    asyncio pauses accepting for a second, but only after it has accepted as often as the
    backlog is long, each failure with a traceback: here a failure ends its loop.
    """

    _failing = False
    _ended = False

    def accept(self) -> tuple[socket.socket, Any]:
        if self._ended:
            self._ended = False
            raise BlockingIOError
        try:
            accepted = super().accept()
        except OSError as error:
            if error.errno not in NO_RESOURCE:
                raise
            self._ended = True
            if not self._failing:
                self._failing = True
                LOG.error("The HTTP server cannot accept clients: %s", error.strerror)
            raise
        self._failing = False
        return accepted


def on_trouble(loop: asyncio.AbstractEventLoop, trouble: dict[str, Any]) -> None:
    """Leave out what a ``ListeningSocket`` has logged."""
    error = trouble.get("exception")
    if not (isinstance(error, OSError) and error.errno in NO_RESOURCE):
        loop.default_exception_handler(trouble)


class StoppableServer(Server):
    """uvicorn's server, waiting for an event instead of polling ten times a second."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._started = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(on_trouble)
        self._started.set()
        await self._stopping.wait()

    def stop(self) -> None:
        """Stop the server; call this from another thread, while the server's is alive."""
        if self._started.wait(STOP_LIMIT) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)


class ServerThread:
    """A server that runs until ``stop``; ``address`` is where it listens."""

    def __init__(self, app: ASGIApp, sockets: list[socket.socket], address: Address) -> None:
        self.address = address
        self._server = StoppableServer(
            Config(
                app,
                loop="asyncio",
                http=LimitedProtocol,
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
        # How long a thread waits before it requests the interpreter lock from one that is
        # computing.  At the default of 5 ms, each step of a request could delay traffic by
        # that much.
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = threading.Thread(
            target=self._server.run, args=(sockets,), name=f"http {address}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Give pending requests about a second to complete, then close everything."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(STOP_LIMIT)
            sys.setswitchinterval(self._switch_interval)


def start_control(control: Control, host: str, port: int) -> ServerThread:
    """Serve the HTTP API; it accepts connections when this returns.

    Raises:
        ListenError: the address cannot be listened on.
    """
    app = NativeApp(control, ToxiproxyApp(control, make_app(control)))
    return start_server(Guard(app, host), host, port)


def start_server(app: ASGIApp, host: str, port: int) -> ServerThread:
    """Serve an application.  Port 0 picks a free one; ``localhost`` is both 127.0.0.1 and ::1.

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
    return ServerThread(app, sockets, address)


def _warn_if_open(sock: socket.socket, address: Address) -> None:
    if not ipaddress.ip_address(sock.getsockname()[0]).is_loopback:
        LOG.warning(
            "The HTTP server on %s has no password: anyone who can reach it can use it", address
        )


def _listen(host: str, port: int) -> list[socket.socket]:
    if host != "localhost":
        return [_listening(host, port)]
    first = _listening(LOOPBACK[0], port)
    try:
        return [first, _listening(LOOPBACK[1], first.getsockname()[1])]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return [first]  # this machine has no IPv6
        first.close()
        if port:
            raise
    return _listen(host, port)  # the port that the system picked is free on one address only


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.create_server(address, family=family, backlog=BACKLOG)
    # Connections inherit this.  Without it, the body of a response waits for the client's
    # delayed ACK of its head: 40 ms.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ListeningSocket(fileno=sock.detach())
