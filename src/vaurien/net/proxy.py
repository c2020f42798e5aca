"""A proxy: a listener, its backend, its protocol and its plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from errno import ECONNRESET
from functools import partial
from math import inf
from typing import TYPE_CHECKING, ClassVar

from ..behavior import Firing
from ..parsing.tally import KINDS, Tally, count
from ..rules.active_plan import ActivePlan, MakeRule
from ..rules.plan import Plan, Rule
from ..values.events import Emit, Event, Fired, Trouble
from ..values.messages import Direction
from .address import Address
from .backends import Backends
from .closing import InUse
from .connection import Connection
from .dial import NO_DESCRIPTOR, Dial
from .drain import Drain
from .listener import Listener
from .reactor import Alarm, Reactor
from .recent import Recent
from .resolver import Resolved, Resolver
from .spec import ProxySpec
from .sweep import Sweep
from .system import Endpoint, Socket
from .totals import Count, Totals, add
from .turns import Followers, in_turns

if TYPE_CHECKING:
    from .tls.credentials import Credentials
    from .tls.opening import Opener
    from .tls.spec import Tls

RETRY_DELAY = 0.1
"""Seconds before another attempt to listen, when another process took the address."""
NO_BACKENDS = "cannot connect to backends"


def ignore_event(event: Event) -> None:
    """The ``emit`` of a proxy whose events are not used."""
    del event


class Proxy:
    """Call it in the reactor's thread; ``open`` also before the reactor runs."""

    connection_type: ClassVar[type[Connection]] = Connection

    def __init__(self, reactor: Reactor, spec: ProxySpec, emit: Emit = ignore_event) -> None:
        """Not open yet; ``emit`` takes its events."""
        self.reactor = reactor
        self.listen = spec.listen
        self.backend = spec.backend
        self.protocol = spec.protocol
        self.name = spec.name
        self.emit = emit
        self.limits = spec.limits
        self.tls: Tls | None = None
        self.credentials: Credentials | None = None
        self._opener: Opener | None = None
        self.secure(spec)
        self.backends = Backends()
        """Which backends are allowed; all proxies of a process share it."""
        self.active_plan = ActivePlan(spec.plan, spec.name, reactor.clock())
        self.connections: dict[Connection, None] = {}
        """The open ones, in the order of their numbers, so that a seed repeats a run."""
        self.gave_up = 0
        self.tally = Tally()
        """Counts of messages, with a framed protocol."""
        self.recent: Recent | None = None
        """Where firings are kept."""
        self.emits_firings = True
        """Emit an event for each rule that fires; without it, firing is faster."""
        self._followers = Followers(reactor)
        self.on_holding = self._followers.hold
        self._resolver = Resolver(reactor)
        self._listener: Listener | None = None
        self.bound: Endpoint | None = None
        """Where it listens, or did last, as the system reports it: IPv4 if there is both."""
        self._opened = self._refused = 0
        self.killed = 0
        """Connections that were closed on request."""
        self._fired = 0
        self._carried: dict[Direction, list[int]] = {way: [0, 0] for way in Direction}
        """Bytes and chunks of closed connections."""
        self._edge = Alarm(reactor, lambda: self.apply(self.plan))
        self._sweep = Sweep(self, spec.limits.timeout)
        self._drain: Drain | None = None
        self._full = False
        self._reported: set[str] = set()

    @property
    def plan(self) -> Plan:
        return self.active_plan.plan

    @property
    def address(self) -> Address:
        """Where it listens, with the actual port; safe in any thread."""
        listener = self._listener  # read once: the reactor's thread may set it to None
        return listener.address if listener is not None else self.listen

    # Opening, changing and closing.

    def open(self, listener: Listener | None = None) -> None:
        """Listen, with a new listener or one that another proxy had; close the present one.

        Raises:
            ListenError: the address is in use, or not of this machine.
        """
        listener = listener or self.make_listener()
        self.stop_listening()
        self._listener = listener
        self.backends.loops.listen(self.name, listener.endpoints)
        self.bound = listener.first_endpoint
        self._listener.attach(self._on_client, self._on_accept_error)
        self._forget_drain()
        in_turns(self.reactor, self.connections, lambda each: each.drain(wanted=False))
        self._full = self._is_full
        if self._full:
            self._listener.pause()
        else:
            self._listener.resume()
        self._edge.set(self.active_plan.next_edge)
        self._refuse_or_listen()
        self._sweep.start()

    def relocate(self, address: Address) -> None:
        """Take an address to listen on when it is opened; it is not open now."""
        if address != self.listen:
            self.listen, self.bound = address, None

    def make_listener(
        self, address: Address | None = None, resolved: Resolved | None = None
    ) -> Listener:
        """Return a listener at an address, whose host may be ``resolved``, for ``open``.

        Raises:
            ListenError: the address is in use, or not of this machine.
        """
        return Listener(
            self.reactor,
            address or self.listen,
            self.limits.backlog,
            on_client=self._on_client,
            on_accept_error=self._on_accept_error,
            resolved=resolved,
        )

    @property
    def listener(self) -> Listener | None:
        """None if the proxy is not open."""
        return self._listener

    @property
    def expired(self) -> frozenset[str]:
        """Names of the rules whose time to live has passed."""
        return self.active_plan.expired

    def apply(self, plan: Plan, make: MakeRule | None = None) -> None:
        """Replace the plan, for open connections too; ``make``: see ``ActivePlan``."""
        now, before = self.reactor.clock(), self.active_plan
        self.active_plan = ActivePlan(plan, self.name, now, before, make)
        self._edge.set(self.active_plan.next_edge)
        self._refuse_or_listen()
        self._followers.tell(self.connections if self.active_plan.opens else ())

    def change_backend(self, backend: Address, *, reset: bool = False) -> None:
        """Connect new clients to another backend.

        ``reset``: reset the open connections to the old one.
        """
        self.backend = backend
        self.backends.loops.forget(self.name)
        if reset:
            self.reset_all("its backend was replaced")

    def drain(self, done: Callable[[], None], limit: float) -> None:
        """Stop accepting, let exchanges finish, close, and call back; within ``limit`` seconds."""
        self._forget_drain()
        drain = self._drain = Drain(self, done, limit)
        if self._listener is not None:
            self._listener.accept_all(drain.begin)
        else:
            drain.begin()

    def close(self, why: str = "") -> None:
        """Close the listener and all connections now; the proxy may be opened again.

        Those that lose bytes are reset.  ``why`` is emitted for each connection.
        """
        self._stop()
        for connection in list(self.connections):
            connection.cut(why)
        self._end_drain()

    def reset(self, why: str, done: Callable[[], None]) -> None:
        """Close the listener now, reset all connections, in turns, and call back.

        ``why`` is emitted for each connection.
        """
        self._stop()
        self._end_drain()
        self.reset_all(why, done)

    def stop_listening(self) -> None:
        """Close the listener."""
        listener = self.detach_listener()
        if listener is not None:
            listener.close()

    def detach_listener(self) -> Listener | None:
        """Return the listener, which stays open for another proxy; None if there is none."""
        listener = self._listener
        if listener is not None:
            self.listen = listener.address  # first: other threads ask for the address
            self.backends.loops.leave(self.name)
        self._listener = None
        return listener

    def totals(self) -> Totals:
        """Return the counters, with those of open connections."""
        count = self.count()
        for connection in self.connections:
            count.add(connection.links)
        return count.totals

    def count(self) -> Count:
        """Return the counters, without those of the links of open connections."""
        return Count(
            opened=self._opened,
            open=len(self.connections),
            refused=self._refused,
            killed=self.killed,
            fired=self._fired,
            gave_up=self.gave_up,
            sums={way: list(counted) for way, counted in self._carried.items()},
        )

    # Backends.

    def secure(self, spec: ProxySpec) -> None:
        """Have new connections treat TLS as in a spec; its files are read now, if they were not.

        Raises:
            OptionError: one cannot be used.
        """
        if (self.tls, self.credentials) == (spec.tls, spec.credentials):
            return
        self.tls, self.credentials, self._opener = spec.tls, spec.credentials, None
        if spec.tls is not None:
            from .tls import opening  # most proxies never need it, and ssl

            self._opener = opening.Opener(self, spec.tls, spec.credentials)

    def connect(self, connection: Connection) -> None:
        """Attach a backend to a connection, now or later, or close it."""
        if self._opener is None:
            self.dial(connection, connection.attach_backend)
        else:
            self._opener.open(connection)

    def dial(self, connection: Connection, then: Callable[[Socket], None]) -> None:
        """Connect to the backend, then call ``then`` with the socket; or refuse the client."""
        backend = self.backend

        def on_dialled(outcome: Socket | OSError) -> None:
            connection.on_close = None
            if isinstance(outcome, OSError):
                known = outcome.errno not in NO_DESCRIPTOR
                what = f"backend {backend} cannot be reached" if known else NO_BACKENDS
                self.refuse(connection, what, str(outcome), reset=outcome.errno == ECONNRESET)
            else:
                then(outcome)

        dial = Dial(
            self.reactor,
            self._resolver,
            backend,
            timeout=self.limits.dial_timeout or inf,
            check=partial(self.backends.check, self.name, backend),
            then=on_dialled,
        )
        if not dial.done:
            connection.on_close = dial.cancel

    def in_use(self, connection: Connection) -> InUse:
        """Return why a connection should not be closed yet."""
        return connection.in_use()

    def refuse(
        self, connection: Connection, what: str, detail: str = "", *, reset: bool = False
    ) -> None:
        """Close a client that gets no backend, count it, and emit why."""
        self._refused += 1
        self.emit(Trouble(self.name, what, detail, connection.number))
        connection.close(reset=reset)  # not always: it would fail a connect() under way

    # Called by connections.

    def on_fired(
        self, rule: Rule, firing: Firing, direction: Direction, labels: Mapping[str, str]
    ) -> None:
        self._fired += 1
        detail = rule.behavior.detail(firing)
        if detail:
            count(self.tally.injected, detail)
        recent, acts = self.recent, (self.name, rule.name, rule.behavior.name)
        if recent is not None:
            kept = (*acts, firing.facts, direction, labels, detail)
            recent.append((next(recent.numbers), recent.clock(), kept))
        if self.emits_firings:
            when = firing.connection, firing.exchange, firing.draw, firing.count
            known = direction, labels, detail, firing.noted, firing.trace
            every = (*acts, *when, *known)
            self.emit(Fired(*every))

    def report_once(self, text: str) -> None:
        """Emit a remark of the protocol, unless it was emitted before."""
        if text not in self._reported and len(self._reported) < KINDS:
            self._reported.add(text)
            self.emit(Trouble(self.name, text))

    def on_closed(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        self._followers.leave(connection)
        for link in connection.links:
            add(self._carried, link)
        if self._full and self._listener is not None:
            self._full = False
            self._listener.resume()
        if self._drain is not None and not self.connections:
            self.close()

    # Internal.

    def _stop(self) -> None:
        """Close the listener and stop the timers."""
        self.stop_listening()
        self._sweep.stop()
        self._edge.set(None)

    def reset_all(self, why: str, done: Callable[[], None] | None = None) -> None:
        """Reset all connections, in turns, and call back; ``why`` is emitted for each."""
        in_turns(self.reactor, self.connections, lambda each: each.close(reset=True, why=why), done)

    def _end_drain(self) -> None:
        drain = self._drain
        self._forget_drain()
        if drain is not None:
            drain.done()

    def _forget_drain(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None

    @property
    def _is_full(self) -> bool:
        limit = self.limits.max_connections
        return bool(limit) and len(self.connections) >= limit

    def _on_client(self, sock: Socket) -> None:
        self._opened += 1
        connection = self.connection_type(self, self._opened, sock)
        self.connections[connection] = None
        connection.begin()
        if self._is_full and self._listener is not None:
            self._full = True
            self._listener.pause()
            limit = self.limits.max_connections
            what = f"{limit} connections are open, the maximum; more clients wait"
            self.emit(Trouble(self.name, what))

    def _on_accept_error(self, error: OSError) -> None:
        self.emit(Trouble(self.name, "cannot accept clients", str(error)))

    def _refuse_or_listen(self) -> None:
        """Have the system refuse clients while a rule of the plan does so."""
        listener = self._listener
        if listener is None or listener.refusing is self.active_plan.refuses:
            return
        if self.active_plan.refuses:
            listener.accept_all(self._refuse_or_listen_now)
        else:
            self._refuse_or_listen_now()

    def _refuse_or_listen_now(self) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            listener.refuse(self.active_plan.refuses)
        except OSError as error:
            self.emit(Trouble(self.name, f"cannot listen on {self.address} again", str(error)))
            self.reactor.call_later(RETRY_DELAY, self._refuse_or_listen)
