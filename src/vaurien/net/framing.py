"""Framing: the messages of a connection's two directions, and what is decided on each.

Law: framing makes messages of bytes, and puts none on the wire.

A quiet link has passed the bytes on before the parser sees them.  Otherwise messages are cut
out of them, and decided on.  When a parser fails, or a connection turns to something else (TLS,
a WebSocket), its links continue without framing.
"""

from __future__ import annotations

import copy
import enum
from traceback import format_exception
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from ..errors import ProtocolError
from ..parsing.exchanges import Exchanges, QueuedReply
from ..parsing.stream import Stream
from ..rules.active import Decision
from ..values.actions import Reply
from ..values.events import GaveUp, PluginFailed
from ..values.messages import NO_LABELS, TO_CLIENT, Direction, Message
from .overdue import Overdue
from .reactor import BUFFER_SIZE

if TYPE_CHECKING:
    from ..protocol import Protocol
    from .decisions import Decisions

READ_SIZE = 8 * 1024
"""Bytes that are read at once, if they may have to be parsed."""

Decided = tuple[Message, Decision | Reply]
"""A message with the decision on it, or with the protocol's reply to it."""


class State(enum.Enum):
    """Where in its stream a framing is."""

    START = enum.auto()  # no byte has arrived
    PASSING = enum.auto()  # messages pass
    DISCARDING = enum.auto()  # the protocol has replied: the rest of the message is dropped


START, PASSING, DISCARDING = State


class Framing:
    """The messages of one direction."""

    __slots__ = (
        "_exchanges",
        "_protocol",
        "_sent_ahead",
        "at",
        "conversation",
        "failure",
        "keeps_too_much",
        "observes",
        "receiving",
        "room",
        "state",
        "stream",
    )

    def __init__(self, stream: Stream, conversation: Conversation) -> None:
        self.stream = stream
        self.conversation = conversation
        self.state = START
        self.failure: Exception | None = None  # what the parser raised
        self.at = 0.0  # when the newest bytes arrived
        self.room = READ_SIZE
        """Bytes that may be read at once: few, if all may have to be parsed."""
        self.observes = False
        """These were passed on before the parser saw them."""
        self.keeps_too_much = False
        """More is kept back than any server waits for before it answers."""
        self.receiving = False
        """Messages are on their way from the parser to the link."""
        self._exchanges, self._protocol = conversation.exchanges, conversation.protocol
        self._sent_ahead = 0  # bytes that are in no message yet, and were passed on while quiet

    @property
    def in_message(self) -> bool:
        """The sink has the beginning of a message, and not its end."""
        return self.stream.in_message or self._sent_ahead > 0

    @property
    def holds_unseen(self) -> bool:
        """It lags, and what the parser has not seen has not been passed on either."""
        return self.stream.lags and not self.observes

    def observe(self, view: bytes | memoryview, at: float) -> bool:
        """Parse what was passed on already; True if ``after_parsing`` is to be called."""
        self.at = at
        self.observes = True
        stream = self.stream
        stream.turn = self.conversation.decisions.proxy.active_plan.turn
        try:
            if self.state is START:
                self._start()
            self._sent_ahead = stream.watch(view, at)
        except Exception as error:  # noqa: BLE001 - a parser must not break traffic
            stream.surrender()
            self.failure = error
            return True
        skipping = stream.skipping
        self.room = READ_SIZE if skipping < READ_SIZE else min(skipping, BUFFER_SIZE)
        if stream.aside or self._protocol.adjusting or self.conversation.last is not None:
            return True
        return self._exchanges.opaque or len(self._exchanges.replies) > 0

    def receive(self, data: bytes, at: float, *, free: bool) -> list[Decided]:
        """Cut what has arrived into messages, as many as one turn allows, and decide on them.

        If the parser fails, return all of it.  ``free``: nothing is queued; then all before the
        first message on which a rule acts is in ``stream.passed``, uncut.
        """
        self.at = at
        self.observes = False
        self.receiving = True
        stream, protocol, decisions = self.stream, self._protocol, self.conversation.decisions
        stream.turn = decisions.proxy.active_plan.turn
        free = free and not (self._sent_ahead or protocol.adjusting or self.state is DISCARDING)
        if free and stream.direction is TO_CLIENT:
            free = not (protocol.delivers or self._exchanges.replies)  # these go between messages
        try:
            if self.state is START:
                self._start()
            messages = stream.feed(data, at, decisions.passes if free else None)
            self.room = min(max(READ_SIZE, stream.skipping), BUFFER_SIZE)
        except Exception as error:  # noqa: BLE001 - a parser must not break traffic
            messages = stream.surrender(data if self.state is START else b"")
            self.failure = error
            return self.decide(messages, surrendered=True)
        return self.decide(messages) if messages else []

    def passes_ahead(self) -> bool:
        """Whether no rule acts on the message that begins with what the parser keeps back."""
        stream = self.stream
        if self.receiving or self._sent_ahead:
            return not self.receiving
        announced, decisions = stream.announced, self.conversation.decisions
        passes = announced is not None and decisions.passes_ahead(announced, stream.unknown)
        self.keeps_too_much = not passes and stream.kept_back > stream.keep_limit
        return passes

    def send_ahead(self) -> bytes:
        """Return what the parser keeps back and was not passed on, for that to be done now."""
        ahead = self.stream.peek(self._sent_ahead)
        self._sent_ahead += len(ahead)
        return ahead

    def _start(self) -> None:
        """See the first bytes.

        Raises:
            ProtocolError: the client has sent them, where the protocol has the backend begin.
            Exception: whatever the parser raised when it was called.
        """
        conversation, protocol, stream = self.conversation, self._protocol, self.stream
        if stream.direction is TO_CLIENT:
            conversation.backend_spoke = True
            parser = protocol.responses(stream)
        elif protocol.backend_first and not conversation.backend_spoke:
            raise ProtocolError("the client sent data before the backend's greeting")
        else:
            parser = protocol.requests(stream)
        stream.parse_with(iter(parser))  # raises TypeError if it is no generator
        self.state = PASSING

    def decide(self, messages: list[Message], *, surrendered: bool = False) -> list[Decided]:
        """Decide on all messages before the first is played, which may end their exchange.

        ``surrendered``: those without labels are what the parser could not make messages of.
        """
        protocol, decisions = self._protocol, self.conversation.decisions
        plain = not (surrendered or self._sent_ahead or protocol.adjusting)
        if plain and self.state is PASSING:
            return [(message, decisions.decide(message)) for message in messages]
        decided: list[Decided] = []
        for message in messages:
            if self.state is DISCARDING:
                if message.ends:
                    self.state = PASSING
                continue
            if self._sent_ahead:
                self._exchanges.pass_on(message, decisions.proxy.reactor.now)
                decisions.complete(message)
                size = min(self._sent_ahead, len(message.data))
                self._sent_ahead -= size
                message = message._replace(data=message.data[size:], begins=False)
            if protocol.adjusting and message.begins:
                adjusted = protocol.adjust(message)
                if isinstance(adjusted, Reply):
                    if not message.ends:
                        self.state = DISCARDING
                    decided.append((message, adjusted))
                    continue
                message = adjusted.message
            opaque = surrendered and message.labels is NO_LABELS
            decided.append((message, decisions.decide(message, opaque=opaque)))
        return decided


class FramedLink(Interface):
    """A link as its conversation sees it."""

    direction: Direction
    quiet: bool
    framing: Framing | None
    paused: bool
    dead: bool

    @property
    def congested(self) -> bool: ...
    def arrive(self, decided: list[Decided]) -> None: ...
    def reply(self, reply: QueuedReply) -> None: ...
    def resume(self) -> None: ...
    def settle(self) -> None: ...
    def update_quiet(self) -> None: ...
    def catch_up(self) -> None: ...


class Conversation:
    """Both directions of a framed connection: requests, responses, and replies in order."""

    __slots__ = (
        "_number",
        "backend_spoke",
        "decisions",
        "exchanges",
        "last",
        "overdue",
        "protocol",
        "to_backend",
        "to_client",
    )

    def __init__(
        self,
        number: int,
        protocol: Protocol,
        decisions: Decisions,
        to_backend: FramedLink,
        to_client: FramedLink,
    ) -> None:
        """Have a copy of ``protocol`` parse what the links of connection ``number`` carry."""
        proxy = decisions.proxy
        self._number, self.decisions, self.backend_spoke = number, decisions, False
        self.exchanges = decisions.exchanges = Exchanges(proxy.tally, protocol.tallied)
        self.last: int | None = None
        """The last exchange that is served, while a drain is closing the connection."""
        self.protocol = copy.copy(protocol)
        from .tls.server import tls_server

        of_connection = {"tell": proxy.report_once, "tls_server": tls_server}
        vars(self.protocol).update(of_connection, backend=str(proxy.backend))
        self.to_backend, self.to_client = to_backend, to_client
        self.overdue: Overdue | None = None  # nothing is, with most clients
        for link in (to_backend, to_client):
            link.framing = Framing(Stream(link.direction, self.exchanges), self)

    def after_parsing(self, link: FramedLink, framing: Framing) -> None:
        """Follow what the parser has changed besides cutting messages."""
        framing.receiving = False
        if framing.failure is not None:
            self._give_up(link, framing.failure)
            return
        if link.quiet and self.protocol.adjusting:
            link.update_quiet()
        stream, replies = framing.stream, self.exchanges.replies
        if replies and link is self.to_client and not framing.in_message:
            self.send_due_replies()
        if self.exchanges.opaque and stream.opaque:
            self._turn_opaque()
        if replies.stalled and link is self.to_client:
            self._resume_client()
        if not link.quiet:
            if stream.waits or not self.decisions.proxy.active_plan.acts_on_messages:
                link.update_quiet()
            if framing.keeps_too_much:
                self._give_up(link, ProtocolError("a head that is too long to wait for"))
                return
        if (stream.aside or stream.overdue) and not link.paused:
            self.to_backend.paused = self.to_client.paused = True
            self.decisions.proxy.reactor.call_next(link.catch_up)
        if stream.waits_briefly and not link.quiet:
            if self.overdue is None:
                self.overdue = Overdue(self.decisions.proxy.reactor, self.to_backend)
            self.overdue.wait()
        if self.last is not None or self.exchanges.encrypts:
            self.to_client.resume()

    @property
    def unanswered(self) -> bool | None:
        """Whether an answer or a message is under way; None if a direction is not parsed."""
        requests, responses = self.to_backend.framing, self.to_client.framing
        if requests is None or responses is None:
            return None
        busy = self.exchanges.pending or self.exchanges.replies or self.exchanges.encrypts
        return bool(busy) or any(one.in_message or one.stream.lags for one in (requests, responses))

    def drain(self, last: int | None) -> None:
        """Take no request after the exchange with this number, and close when all are answered."""
        self.last = last
        self.to_backend.settle()
        self.to_client.settle()

    @property
    def is_full(self) -> bool:
        """No further request of the client is taken, by a drain or before TLS begins."""
        full = self.last is not None and self.exchanges.begun >= self.last
        framing = self.to_backend.framing if full or self.exchanges.encrypts else None
        return framing is not None and not framing.in_message

    def end(self, link: FramedLink) -> None:
        """The source of a link has ended: pass on what is in no message yet."""
        if link.framing is None:
            return
        self._drop_framing(link)
        if link is self.to_client:
            self.decisions.lose_step()
            self.send_due_replies()
            self._resume_client()

    def reply(self, exchange: int, reply: QueuedReply) -> None:
        """Reply to a request, once the responses to earlier ones have been sent."""
        exchanges, framing = self.exchanges, self.to_client.framing
        between_messages = framing is None or not framing.in_message
        if between_messages and not (exchanges.pending or exchanges.replies):
            self.to_client.reply(reply)
            return
        exchanges.replies.put(exchange, reply)
        if between_messages:
            self.send_due_replies()
        if exchanges.replies:
            self.to_client.update_quiet()  # they go between its messages

    def send_due_replies(self, before: int | None = None) -> None:
        """Send the replies that come before the response of an exchange, or all that are due."""
        if not self.exchanges.replies:
            return
        self.exchanges.replies.stalled |= self.to_backend.congested
        for reply in self.exchanges.due_replies(before):
            self.to_client.reply(reply)

    def _resume_client(self) -> None:
        """Read the client again, if replies kept it from being read and have left."""
        replies = self.exchanges.replies
        if replies.stalled and not self.to_backend.congested:
            replies.stalled = False
            self.to_backend.resume()

    def _drop_framing(self, link: FramedLink) -> None:
        """Pass on what the parser keeps back: from now on, bytes have no meaning."""
        framing, link.framing = link.framing, None
        if framing is not None:
            messages = framing.stream.surrender()
            if not link.quiet:
                link.arrive(framing.decide(messages, surrendered=True))

    def _turn_opaque(self) -> None:
        """Stop parsing, as a parser asks: each direction once no message is under way."""
        self.decisions.lose_step()
        for link in (self.to_backend, self.to_client):
            if link.framing is not None and link.framing.stream.opaque:
                self._drop_framing(link)
                if link is self.to_client:
                    self.send_due_replies()
        self.to_backend.settle()
        self.to_client.settle()

    def _give_up(self, failed: FramedLink, error: Exception) -> None:
        """Stop parsing both directions: without the one that failed, the other is out of step."""
        self.decisions.proxy.gave_up += 1
        self._report(failed, error)
        self.exchanges.opaque = True
        for link in (self.to_backend, self.to_client):
            self._drop_framing(link)
        self.decisions.lose_step()
        self.send_due_replies()
        self.to_backend.settle()
        self.to_client.settle()

    def _report(self, failed: FramedLink, error: Exception) -> None:
        """Emit that a parser failed: in a line, if it knows why."""
        proxy, number = self.decisions.proxy, self._number
        of_client = failed is self.to_backend
        exchange = 0 if of_client else self.exchanges.answers
        peer = "client" if of_client else "backend"
        what = f"connection {number}: data from the {peer} cannot be parsed as "
        what += f"{proxy.protocol.name}; the connection is passed on unparsed"
        known = isinstance(error, ProtocolError)
        detail = str(error) if known else "".join(format_exception(error))
        proxy.emit((GaveUp if known else PluginFailed)(proxy.name, what, detail, number, exchange))
