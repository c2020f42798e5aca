"""An HTTP server in its own thread: uvicorn on the standard asyncio loop.

Law: it shares the interpreter lock with the traffic, so its steps are short; and it limits
connections, heads and bodies, so its clients cannot exhaust memory.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import Server

from .classic import make_app
from .guard import Guard
from .pace import Pace, Paced
from .sockets import BACKLOG, NO_RESOURCE, Opened
from .tokens import Tokens
from .toxiproxy.app import ToxiproxyApp
from .v1.app import NativeApp
from .v1.dashboard import Dashboard

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .server import Control

HEAD_LIMIT = 4.5
"""Seconds within which a request's head must arrive, or the unread rest of its body."""
CONNECTION_LIMIT = 256
"""Open connections; for another one, that which has been idle for longest is cut."""
DISCARD_LIMIT = 1024 * 1024
"""Bytes of a body that may follow the response to it."""
REQUEST_LIMIT = 30.0
"""Seconds from the head of a request to the end of the response, unless that is a stream."""
READING_LIMIT = 30.0
"""Seconds within which a client must read enough of a response for more to be sent."""
STREAM = b"text/event-stream"
LASTING = "lasting"
"""Key of the scope of a request that is answered by a stream."""
STOP_LIMIT = 5.0
SWITCH_INTERVAL = 0.0001
LOG = logging.getLogger("vaurien")
SERVER_LOG = LOG.getChild("http")


class LimitedProtocol(H11Protocol):
    """uvicorn's connection, with the limits on time and number that it lacks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = SERVER_LOG
        self.access_log = False
        self._deadline: asyncio.TimerHandle | None = None
        self._request: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._heard = self.loop.time()
        self._discarded = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)  # it narrows the parameter's type likewise
        self._start_deadline()
        if len(self.connections) > CONNECTION_LIMIT:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        super().data_received(data)
        state = self.conn.their_state
        discarding = state is h11.SEND_BODY and self.cycle.response_complete
        self._discarded = self._discarded + len(data) if discarding else 0
        if self._discarded > DISCARD_LIMIT:
            self.transport.abort()
        # The response may precede the end of the body, whose rest is then discarded.
        if state is h11.IDLE or discarding:
            self._start_deadline()
        else:
            self._cancel_deadline()
        self._limit_request()

    def on_response_complete(self) -> None:
        self._cancel_request()
        super().on_response_complete()
        self._limit_request()  # another one may have been waiting

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self._cancel_request()
        self._cancel_reading()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading = self.loop.call_later(READING_LIMIT, self.transport.abort)

    def resume_writing(self) -> None:
        self._cancel_reading()
        super().resume_writing()

    def _make_room(self) -> None:
        """Cut the connection that has been without a request for longest, maybe this one."""
        idle = (each for each in self.connections if isinstance(each, LimitedProtocol))
        min(filter(LimitedProtocol._is_idle, idle), key=lambda each: each._heard).transport.abort()

    def _is_idle(self) -> bool:
        return not self.transport.is_closing() and (
            self.cycle is None or self.cycle.response_complete
        )

    def _limit_request(self) -> None:
        if self._request is None and not self._is_idle():
            self._request = self.loop.call_later(REQUEST_LIMIT, self._end_request)

    def _end_request(self) -> None:
        if not self.scope.get(LASTING):
            self.transport.abort()

    def _cancel_request(self) -> None:
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def _cancel_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _start_deadline(self) -> None:
        """Start the deadline, unless it is running: further pieces do not extend it."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_LIMIT, self.transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Lasting:
    """An ASGI application that marks the requests of another one which are answered by a stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                kinds = [value for name, value in message["headers"] if name == b"content-type"]
                scope[LASTING] = any(kind.startswith(STREAM) for kind in kinds)
            await send(message)

        await self._app(scope, receive, mark)


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
    """A server that runs until ``stop``, which also closes what was opened for it."""

    def __init__(
        self, app: ASGIApp, opened: Sequence[Opened], then: Callable[[], None] = lambda: None
    ) -> None:
        """``then`` is called when it has stopped."""
        self._then = then
        self.address = opened[0].address
        self._opened = opened
        self._server = StoppableServer(
            Config(
                Lasting(app),
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
                backlog=BACKLOG,
            )
        )
        # How long a thread waits before it requests the interpreter lock from one that is
        # computing.  At the default of 5 ms, each step of a request could delay traffic by
        # that much.
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = threading.Thread(
            target=self._server.run,
            args=([sock for each in opened for sock in each.sockets],),
            name=f"http {self.address}",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Give pending requests about a second to complete, then close everything."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(STOP_LIMIT)
            sys.setswitchinterval(self._switch_interval)
        for each in self._opened:
            each.close()
        self._then()


def control_app(control: Control) -> ASGIApp:
    """Make all APIs of the proxies one application, without access control: see ``Guard``."""
    app = Dashboard(NativeApp(control, ToxiproxyApp(control, make_app(control))))
    return Paced(app, Pace(control.traffic_seconds))


def start_control(
    control: Control,
    opened: Sequence[Opened],
    hosts: Iterable[str] = (),
    tokens: Tokens = Tokens(),  # noqa: B008 - a value
) -> ServerThread:
    """Serve the APIs of proxies; see ``Guard`` for ``hosts`` and ``tokens``."""
    own = [each.address.host for each in opened]
    control.live.history.start()
    app = Guard(control_app(control), [*own, *hosts], tokens)
    return ServerThread(app, opened, control.live.history.stop)
