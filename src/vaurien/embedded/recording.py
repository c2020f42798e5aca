"""A proxy that notes each exchange: two rules that only look, around all others.

The first sees what the client sends and the backend answers; the last, what the backend and the
client get.  They are part of the plan in force, and of no state: whoever reads or replaces the
plan sees none of them.

Law: what is noted is written in the reactor's thread, and copied there for others.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar

from ..behavior import Behavior, Firing
from ..net.closing import Ending
from ..net.connection import Connection as OpenConnection
from ..net.proxy import Proxy
from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule
from ..rules.active_plan import MakeRule
from ..rules.dice import Dice
from ..rules.plan import Plan, Rule
from ..values.actions import Actions, Forward
from ..values.events import Fired
from ..values.messages import Direction, Ended, Message
from .exchanges import Connection, Exchange, Exchanges, Injected, in_order
from .trace import ProxyTrace

if TYPE_CHECKING:
    from ..net.reactor import Reactor
    from ..net.spec import ProxySpec
    from ..values.events import Emit, Event

HEAD_SIZE = 2048
"""Bytes that are kept of a request, and of what answers it."""
LIMIT = 100_000
"""Exchanges, and connections, that are kept of a proxy: the newest."""
FIRST, LAST = "record-asked", "record-passed"
"""Names of the two rules."""


class Recording:
    """What is noted of one proxy."""

    def __init__(self, proxy: str, incidental: str = "") -> None:
        """``incidental``: the pattern of that name of the protocol, ``incidental_head``."""
        self.proxy = proxy
        self._incidental = re.compile(incidental.encode()) if incidental else None
        self.exchanges: OrderedDict[tuple[int, int], Exchange] = OrderedDict()
        """By the numbers of the connection, and of the exchange on it."""
        self.connections: OrderedDict[int, Connection] = OrderedDict()
        self.injected: list[Injected] = []
        self.forgotten = 0
        """Exchanges that were too many to keep."""
        self._digests: dict[tuple[int, int], blake2b] = {}
        self._forwarded: dict[tuple[int, int], blake2b] = {}

    def clear(self) -> None:
        """Forget what was noted; connections that are open are noted on."""
        self.exchanges.clear()
        self.injected.clear()
        self._digests.clear()
        self._forwarded.clear()
        self.forgotten = 0
        for number in [each.number for each in self.connections.values() if each.closed_at]:
            del self.connections[number]

    # Called by the rules.

    def accepted(self, firing: Firing) -> None:
        self.connections[firing.connection] = Connection(self.proxy, firing.connection, firing.now)
        if len(self.connections) > LIMIT:
            self.connections.popitem(last=False)

    def opened(self, firing: Firing) -> None:
        connection = self.connections.get(firing.connection)
        if connection is not None and connection.opened_at is None:
            connection.opened_at = firing.now

    def asked(self, message: Message, connection: int) -> None:
        """The client has sent a piece of a request."""
        key = connection, message.exchange
        exchange = self._begun(key, message.labels, message.at)
        exchange.asked_at = min(exchange.asked_at, message.at)  # rules are decided on later
        exchange.head = with_head(exchange.head, message.data)
        if not exchange.asked_bytes:
            exchange.expects_answer = message.expects_reply
        if message.begins:
            exchange.forwarded_at = None  # there is more of the request, such as a mail's content
        exchange.asked_bytes += len(message.data)
        digest = self._digests.get(key)
        if digest is not None:
            digest.update(self._told_apart_by(message))
            if message.ends:
                exchange.digest = digest.hexdigest()

    def _begun(self, key: tuple[int, int], labels: Mapping[str, str], at: float) -> Exchange:
        """Return an exchange, which begins now if it has not."""
        exchange = self.exchanges.get(key)
        if exchange is None:
            exchange = self.exchanges[key] = Exchange(self.proxy, *key, dict(labels), at)
            self._digests[key] = blake2b(digest_size=8)
            if len(self.exchanges) > LIMIT:
                oldest, _ = self.exchanges.popitem(last=False)
                self._digests.pop(oldest, None)
                self._forwarded.pop(oldest, None)
                self.forgotten += 1
        return exchange

    def forwarded(self, message: Message, firing: Firing) -> None:
        """The backend is sent a piece of a request."""
        key = firing.connection, message.exchange
        exchange = self.exchanges.get(key)
        if exchange is None or message.again:
            return
        connection = self.connections.get(firing.connection)
        if connection is not None and connection.backend_ended_at is not None:
            return  # the backend has gone
        digest = self._forwarded.setdefault(key, blake2b(digest_size=8))
        digest.update(self._told_apart_by(message))
        if message.ends:
            exchange.forwarded_at = firing.now
            exchange.altered = digest.hexdigest() != exchange.digest

    def _told_apart_by(self, message: Message) -> bytes:
        """Return the bytes of a piece of a request by which it is told from other requests."""
        data = message.data
        if self._incidental is None or not message.begins:
            return data
        head, empty, rest = data.partition(b"\r\n\r\n")
        return self._incidental.sub(b"", head + empty) + rest

    def answered(self, message: Message, firing: Firing) -> None:
        """The backend has sent a piece of a response."""
        exchange = self.exchanges.get((firing.connection, message.exchange))
        if exchange is None:
            return
        if exchange.answered_at is None:
            exchange.answered_at = message.at
        exchange.answer = with_head(exchange.answer, message.data)
        own = message.labels.items() - exchange.labels.items()  # it has those of the request, too
        exchange.answer_labels = {**exchange.answer_labels, **dict(own)}
        if message.ends and message.final:
            self._complete(exchange)
            exchange.answer_ended_at = message.at  # a piece before may be held

    def _complete(self, exchange: Exchange) -> None:
        """There is no more of a request."""
        key = exchange.connection, exchange.number
        self._digests.pop(key, None)
        self._forwarded.pop(key, None)

    def told(self, message: Message, firing: Firing) -> None:
        """The client is sent a piece of a response."""
        exchange = self.exchanges.get((firing.connection, message.exchange))
        if exchange is None:
            return
        exchange.told = with_head(exchange.told, message.data)
        exchange.told_bytes += len(message.data)
        if message.ends and message.final:
            exchange.told_at = firing.now

    def replied(self, message: Message, connection: int, reply: bytes, at: float) -> None:
        """A rule has replied to a request, in the backend's place."""
        exchange = self.exchanges.get((connection, message.exchange))
        if exchange is not None:
            exchange.replied_at = at
            exchange.told = with_head(exchange.told, reply)
            exchange.told_bytes += len(reply)

    # Called by the proxy.

    def fired(self, event: Fired, at: float) -> None:
        """A rule has fired."""
        injected = Injected(
            event.rule,
            event.behavior,
            event.detail,
            at,
            event.connection,
            event.exchange,
            dict(event.labels),
        )
        if len(self.injected) < LIMIT:
            self.injected.append(injected)
        connection = self.connections.get(event.connection)
        if event.exchange:  # rules are decided on before the first of them sees the request
            exchange = self._begun((event.connection, event.exchange), event.labels, at)
            exchange.injected += (injected,)
        elif connection is not None:
            connection.injected += (injected,)

    def ended(self, ended: Ended, firing: Firing) -> None:
        """A peer has ended its stream, and all before has passed."""
        self._ended(firing.connection, ended.direction, ended.at, reset=ended.reset)

    def _ended(self, number: int, direction: Direction, at: float, *, reset: bool) -> None:
        connection = self.connections.get(number)
        if connection is None:
            return
        if direction is Direction.TO_BACKEND:
            connection.client_ended_at, connection.client_reset = at, reset
        else:
            connection.backend_ended_at, connection.backend_reset = at, reset

    def note_ends(self, connection: OpenConnection) -> None:
        """Note which ends have arrived, and when; what came before may be held."""
        for link in connection.links:
            if link.source.ended_at is not None:
                reset = link.ending is Ending.RST
                self._ended(connection.number, link.direction, link.source.ended_at, reset=reset)

    def closed(self, number: int, at: float) -> None:
        """A connection is closed."""
        connection = self.connections.get(number)
        if connection is not None:
            connection.closed_at = at
        for key in [key for key in self._digests if key[0] == number]:
            self._complete(self.exchanges[key])


def with_head(head: bytes, data: bytes) -> bytes:
    """Return a head with as much of the data as it has room for."""
    return head + data[: HEAD_SIZE - len(head)] if len(head) < HEAD_SIZE else head


class Look(Behavior):
    """The base class of behaviors that note what they see, and leave it alone."""

    name = "record"
    recording: ClassVar[Recording]


class LookFirst(Look):
    """Notes what the client and the backend send."""

    def on_connect(self, firing: Firing) -> Actions:
        self.recording.accepted(firing)
        yield from ()

    def on_open(self, firing: Firing) -> Actions:
        self.recording.opened(firing)
        yield from ()

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            self.recording.asked(message, firing.connection)
        elif message.exchange:
            self.recording.answered(message, firing)
        yield Forward(message)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        self.recording.ended(ended, firing)
        yield from ()


class LookLast(Look):
    """Notes what the backend and the client get."""

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if message.to_backend:
            self.recording.forwarded(message, firing)
        elif message.exchange:
            self.recording.told(message, firing)
        yield Forward(message)


class RecordedConnection(OpenConnection):
    """A connection that notes what rules reply."""

    __slots__ = ()

    def reply(self, message: Message, reply: QueuedReply) -> None:
        proxy = self.proxy
        if isinstance(proxy, RecordedProxy) and isinstance(reply, bytes) and message.to_backend:
            proxy.recording.replied(message, self.number, reply, proxy.reactor.clock())
        super().reply(message, reply)


class RecordedProxy(Proxy):
    """A proxy with its recording."""

    connection_type = RecordedConnection

    def __init__(self, reactor: Reactor, spec: ProxySpec, emit: Emit) -> None:
        self.recording = Recording(spec.name, spec.protocol.semantics.incidental_head)
        self._first = _rule(LookFirst, FIRST, self.recording)
        self._last = _rule(LookLast, LAST, self.recording)
        self._labels = {**spec.matching.labels, **spec.matching.response_labels}
        self._plan = spec.plan
        self._emit_on = emit
        super().__init__(reactor, replace(spec, plan=self._around(spec.plan)), self._on_event)

    @property
    def plan(self) -> Plan:
        return self._plan

    def apply(self, plan: Plan, make: MakeRule | None = None) -> None:
        def make_others(rule: Rule, dice: Dice, at: float, since: int) -> ActiveRule:
            looks = rule is self._first or rule is self._last
            return (ActiveRule if looks else make or ActiveRule)(rule, dice, at, since)

        self._plan = plan
        super().apply(self._around(plan), make and make_others)

    def on_fired(
        self, rule: Rule, firing: Firing, direction: Direction, labels: Mapping[str, str]
    ) -> None:
        if rule is not self._first and rule is not self._last:
            super().on_fired(rule, firing, direction, labels)

    def on_closed(self, connection: OpenConnection) -> None:
        super().on_closed(connection)
        self.recording.note_ends(connection)
        self.recording.closed(connection.number, self.reactor.now)

    def trace(self) -> ProxyTrace:
        """Return copies of all that was noted."""
        noted = self.recording
        for connection in self.connections:
            noted.note_ends(connection)
        return ProxyTrace(
            type(self.protocol),
            Exchanges(in_order(map(copy, noted.exchanges.values())), self._labels),
            tuple(map(copy, noted.connections.values())),
            tuple(noted.injected),
            noted.forgotten,
        )

    def _around(self, plan: Plan) -> Plan:
        return replace(plan, rules=(self._first, *plan.rules, self._last))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Fired):
            self.recording.fired(event, self.reactor.clock())
        self._emit_on(event)


def _rule(kind: type[Look], name: str, recording: Recording) -> Rule:
    """Return a rule that looks at everything; each recording has a class for it."""
    looking = type(kind.__name__, (kind,), {"recording": recording, "__module__": kind.__module__})
    return Rule(behavior=looking(), name=name, scope="connection")
