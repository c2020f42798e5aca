"""The proxy whose connections old plugins may serve."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from ..net.closing import InUse
from ..net.proxy import Proxy, ignore_event
from ..rules.active import ActiveRule
from ..rules.active_plan import MakeRule
from ..rules.plan import Plan
from ..values.events import Cut, Emit, PluginFailed
from .adaptation import LegacyBehavior, LegacyProtocol
from .forms import BaseHandler, Call, Dummy, call_by_position, call_of_handler, form_of
from .instances import Instance, PluginProxy
from .protocols import PassThrough
from .session import Session
from .sockets import ClientSocket

if TYPE_CHECKING:
    from ..net.connection import Connection
    from ..net.reactor import Reactor
    from ..net.spec import ProxySpec

THREADS_FLAG = "--max-plugin-threads"
"""The flag for ``max_threads``, for the log."""
REFUSED = "a connection is refused"
NO_TLS = "old plugins cannot be used where there is TLS"
THREAD_NAME = "old plugin"
CLOSED_BY_PLUGIN = frozenset({errno.EBADF, errno.ENOTCONN})


class LegacyProxy(Proxy):
    """A proxy that starts a thread for each connection that an old plugin serves."""

    def __init__(
        self,
        reactor: Reactor,
        spec: ProxySpec,
        emit: Emit = ignore_event,
        *,
        settings: Mapping[str, object],
        max_threads: int,
    ) -> None:
        """``settings``: the old settings that some plugins read, such as ``stay_connected``.

        ``max_threads``: maximum number of connections that old plugins serve at once; more
        are refused.
        """
        super().__init__(reactor, spec, emit)
        self.settings = settings
        self.max_threads = max_threads
        self._threads = 0
        self._sessions: dict[Connection, Session] = {}
        self._plugin_proxy = PluginProxy(self, settings)
        self._instances: dict[ActiveRule, Instance] = {}
        self._protocol = (
            Instance(self.protocol, self._plugin_proxy)
            if isinstance(self.protocol, LegacyProtocol)
            else None
        )

    def apply(self, plan: Plan, make: MakeRule | None = None) -> None:
        super().apply(plan, make)
        is_on = self.active_plan.is_on
        self._instances = {
            rule: made
            for rule, made in self._instances.items()
            if is_on(rule) and made.adapted == cast(LegacyBehavior, rule.rule.behavior)
        }

    def connect(self, connection: Connection) -> None:
        drawn = self._draw(connection)
        if drawn is None and self._protocol is None:
            super().connect(connection)
        elif self.tls is not None:
            self.refuse(connection, REFUSED, NO_TLS)
        elif self._has_room(connection):
            plugin = self.protocol.name if drawn is None else drawn.rule.behavior.name
            call = self._call(drawn)
            self.dial(
                connection,
                lambda sock: self._serve(connection, cast(socket.socket, sock), plugin, call),
            )

    def in_use(self, connection: Connection) -> InUse:
        """Return why a connection should not be closed yet.

        A plugin that serves it holds it open until the client ends.
        """
        session = self._sessions.get(connection)
        if session is not None and session.calling and connection.to_backend.ending is None:
            return super().in_use(connection) | InUse.HELD
        return super().in_use(connection)

    # Choosing the plugin.

    def _draw(self, connection: Connection) -> ActiveRule | None:
        """Return the first rule with an old plugin that fires on this connection."""
        for active_rule in self.active_plan.rules:
            old = isinstance(active_rule.rule.behavior, LegacyBehavior)
            if old and connection.decisions.draw(active_rule) is not None:
                return active_rule
        return None

    def _call(self, drawn: ActiveRule | None) -> Callable[[], Call]:
        """Return a function for the connection's thread, which returns how to call the plugins."""
        protocol = self._protocol
        if drawn is None:
            return lambda: self._around(protocol, Dummy())
        behavior = cast(LegacyBehavior, drawn.rule.behavior)
        if drawn not in self._instances:
            self._instances[drawn] = Instance(behavior, self._plugin_proxy)
        instance = self._instances[drawn]
        if form_of(behavior.plugin) is BaseHandler:
            return lambda: call_of_handler(cast("Callable[..., object]", instance.get()))
        return lambda: self._around(protocol, instance.get())

    def _around(self, protocol: Instance | None, behavior: object) -> Call:
        """Return how to call a protocol with a behavior."""
        moving: object
        if protocol is None:
            moving = PassThrough(self.protocol.name, self.settings, self._plugin_proxy)
        else:
            moving = protocol.get()
        return call_by_position(cast("Callable[..., object]", moving), behavior)

    def _has_room(self, connection: Connection) -> bool:
        """Whether another thread may start; if not, refuse the connection."""
        if self._threads < self.max_threads:
            return True
        self.refuse(
            connection,
            REFUSED,
            f"old plugins serve {self._threads} others, the maximum of {THREADS_FLAG}",
        )
        return False

    # Running it.

    def _socket_pair(self) -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        if max(one.fileno() for one in pair) >= self.reactor.system.descriptor_limit:
            for one in pair:
                one.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return pair

    def _serve(
        self, connection: Connection, backend: socket.socket, plugin: str, call: Callable[[], Call]
    ) -> None:
        """Start a thread that calls a plugin, between a connection and its backend."""
        if connection.closed or not self._has_room(connection):
            self.reactor.discard(backend)
            return
        try:
            ours, theirs = self._socket_pair()
        except OSError as error:
            self.reactor.discard(backend)
            self.refuse(connection, REFUSED, str(error))
            return
        ours.setblocking(False)
        peer, own = _addresses(cast(socket.socket, connection.client_socket))
        session = Session(
            ClientSocket(theirs, peer, own),
            backend,
            timeout=float(str(self.settings.get("timeout", self.limits.timeout))),
            stay_connected=bool(self.settings.get("stay_connected", False)),
        )
        thread = threading.Thread(
            target=lambda: self._run(connection, session, plugin, call),
            name=THREAD_NAME,
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread left
            ours.close()
            session.close()
            self.refuse(connection, REFUSED, str(error))
            return
        self._threads += 1
        self._sessions[connection] = session
        connection.on_close = lambda: self._on_connection_closed(connection)
        connection.attach_backend(ours)

    def _run(
        self, connection: Connection, session: Session, plugin: str, call: Callable[[], Call]
    ) -> None:
        """Run in the thread.  No exception of a plugin leaves it."""
        try:
            session.run(call())
        except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit
            session.timed_out = type(error) is TimeoutError and not error.errno
            if not session.severed and not _is_end_of_connection(error):
                what = f"{plugin} failed on connection {connection.number}"
                failed = PluginFailed(self.name, what, traceback.format_exc(), connection.number)
                self.reactor.post(lambda: self.emit(failed))
        finally:
            if session.timed_out and not session.severed:
                what = f"connection {connection.number} was idle for {session.timeout:g} s"
                cut = Cut(self.name, f"{what}, and was closed", connection=connection.number)
                self.reactor.post(lambda: self.emit(cut))
            session.close()
            self.reactor.post(lambda: self._on_thread_done(connection))

    def _on_thread_done(self, connection: Connection) -> None:
        """Close a connection once the data that its plugin sent has been forwarded."""
        self._threads -= 1
        if self._sessions.pop(connection, None) is None or connection.closed:
            return
        connection.on_close = None
        connection.to_backend.kill()
        if connection.to_client.end_sent:
            connection.close()

    def _on_connection_closed(self, connection: Connection) -> None:
        session = self._sessions.pop(connection, None)
        if session is not None:
            session.sever()


def _addresses(client: socket.socket) -> tuple[object, object]:
    """Return both addresses of a client's socket, peer first; empty if it is disconnected."""
    peer: object = ("", 0)
    own: object = ("", 0)
    with contextlib.suppress(OSError):
        peer = client.getpeername()
        own = client.getsockname()
    return peer, own


def _is_end_of_connection(error: BaseException) -> bool:
    """Whether an error only means that the connection has ended."""
    return isinstance(error, (ConnectionError, TimeoutError)) or (
        isinstance(error, OSError) and error.errno in CLOSED_BY_PLUGIN
    )
