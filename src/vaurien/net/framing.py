"""The messages of one direction: how a framed link sees what it carries.

A quiet link passes bytes on first, and the parser looks on afterwards.  An armed one has
messages cut out of them, and plays these.  A parser that fails, or a connection that turns
to something else (TLS, a WebSocket), leaves a link without framing: bytes without meaning.
"""

from __future__ import annotations

from traceback import format_exception
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from ..parsing.exchanges import Exchanges
from ..parsing.stream import Stream
from ..rules.active import Decision
from ..values.actions import Reply
from ..values.events import GaveUp, PluginFailed
from ..values.messages import Direction, Message

if TYPE_CHECKING:
    from .link import Link


class Framing:
    """What a link has as long as its bytes are messages."""

    __slots__ = (
        "_ahead",
        "_crowded",
        "_first",
        "_replied",
        "exchanges",
        "link",
        "protocol",
        "stream",
    )

    def __init__(self, link: Link, stream: Stream, exchanges: Exchanges) -> None:
        self.link = link
        self.stream = stream
        self.exchanges = exchanges
        self.protocol = link.connection.protocol
        self._ahead = 0  # bytes that the parser keeps back, and the sink has already
        self._crowded = False  # so many replies waited for their turn that the client had to
        self._first = True  # nothing has arrived yet
        self._replied = False  # the protocol has replied to the message under way

    @property
    def in_message(self) -> bool:
        """The sink has the beginning of a message, and not its end."""
        return self.stream.in_message or self._ahead > 0

    def observe(self, view: memoryview) -> None:
        """Understand what has arrived and was passed on already."""
        stream = self.stream
        try:
            if self._first:
                self._check_who_speaks()
            self._ahead = stream.watch(view, self.link.reactor.now)
        except Exception as error:  # noqa: BLE001 - a parser must not break traffic
            stream.surrender()  # it was passed on already
            self._give_up(error)
            return
        exchanges = self.exchanges
        if exchanges.replies or exchanges.opaque or self.protocol.adjusting:
            self._go_on()

    def receive(self, view: memoryview) -> None:
        """Pass on what has arrived, as messages."""
        data = bytes(view)
        try:
            if self._first:
                self._check_who_speaks()
            messages = self.stream.feed(data, self.link.reactor.clock())
        except Exception as error:  # noqa: BLE001 - a parser must not break traffic
            self._arrive(self.stream.surrender(data if self._first else b""))
            self._give_up(error)
            return
        self._arrive(messages)
        self._go_on()

    def _check_who_speaks(self) -> None:
        """Where the backend speaks first, a client that does speaks something else."""
        asks = self.link.direction is Direction.TO_BACKEND
        if asks and self.protocol.backend_first and not self.link.source.incoming.bytes:
            raise ProtocolError("the client has spoken first")
        self._first = False

    def _go_on(self) -> None:
        """See to what the messages that have arrived have changed."""
        link = self.link
        stream = self.stream
        if self.protocol.adjusting:
            link.quiet = False
        if not self.in_message:
            self.send_due_replies(None)
        if stream.opaque:
            self._turn_opaque()
        self._hear_more()
        if not link.quiet:
            link.update_quiet()

    def end(self) -> None:
        """The source has ended: what is in no message yet is passed on as it is."""
        messages = self.stream.surrender()
        if not self.link.quiet:
            self._arrive(messages)
        if self.link.direction is Direction.TO_CLIENT:
            self.link.connection.decisions.lose_step()
            self.send_due_replies(None)
            self._hear_more()

    def flush_partial(self) -> None:
        """The link has become quiet: what the parser keeps back need not wait."""
        if self.stream.kept_back > self._ahead and not self.link.dead:
            kept = self.stream.peek(self._ahead)
            self._ahead += len(kept)
            self.link.write(kept)

    def send_due_replies(self, before: int | None) -> None:
        """Send the replies that come before a response, or all that are due."""
        if self.link.direction is Direction.TO_CLIENT:
            self._crowded |= self.link.sink.outgoing.congested
            for turn in self.exchanges.due(before):
                self.link.reply(turn)

    def _hear_more(self) -> None:
        """Replies have left: the client may go on, if it was kept from that by them."""
        asking = self.link.sink.outgoing
        if self._crowded and not asking.congested:
            self._crowded = False
            asking.resume()

    def _arrive(self, messages: list[Message]) -> None:
        """Messages, the first bytes of which may have been passed on while it was quiet.

        All are decided on before the first is played: the responses to one request may have
        come together, and the parser takes the exchange for answered.
        """
        link = self.link
        for message, decision in [self._decided(message) for message in messages]:
            if message.begins and message.exchange:
                self.send_due_replies(message.exchange)
            if decision is not None:
                link.arrive(message, decision)

    def _decided(self, message: Message) -> tuple[Message, Decision | Reply | None]:
        """A message as it is to be played, with what is decided on it or replied to it.

        None: it is more of one that was replied to, and goes nowhere.
        """
        connection = self.link.connection
        if self._replied:
            self._replied = not message.ends
            return message, None
        if self._ahead:
            self.exchanges.pass_on(message, self.link.reactor.now)
            size = min(self._ahead, len(message.data))
            self._ahead -= size
            message = message._replace(data=message.data[size:], begins=False)
        if self.protocol.adjusting and message.begins:
            adjusted = self.protocol.adjust(message)
            if isinstance(adjusted, Reply):
                self._replied = not message.ends
                return message, adjusted
            message = adjusted.message
        return message, connection.decisions.decide(message)

    def _turn_opaque(self) -> None:
        """Neither direction has messages any more; what is under way the other way ends first."""
        connection = self.link.connection
        connection.decisions.lose_step()
        for link in connection.links:
            framing = link.framing
            if framing is not None and framing.stream.opaque:
                link.framing = None
                messages = framing.stream.surrender()
                if not link.quiet:
                    framing._arrive(messages)
                framing.send_due_replies(None)
        connection.settle()

    def _give_up(self, error: Exception) -> None:
        """The parser failed: what follows is bytes without meaning, in both directions.

        Without the one, the other could not tell what answers what.
        """
        connection = self.link.connection
        connection.proxy.gave_up += 1
        self._report(error)
        self.exchanges.opaque = True
        for link in connection.links:
            framing, link.framing = link.framing, None
            if framing is not None and framing is not self:
                messages = framing.stream.surrender()
                if not link.quiet:
                    framing._arrive(messages)
        connection.decisions.lose_step()
        for turn in self.exchanges.due(None):
            connection.to_client.reply(turn)
        connection.settle()

    def _report(self, error: Exception) -> None:
        """Say that the parser failed: in a line, if it knows why."""
        connection = self.link.connection
        proxy = connection.proxy
        who = "client" if self.link.direction is Direction.TO_BACKEND else "backend"
        what = (
            f"connection {connection.number}: what the {who} says is not understood as "
            f"{proxy.protocol.name}, and passes on unread"
        )
        if isinstance(error, ProtocolError):
            proxy.emit(GaveUp(proxy.name, f"{what}: {error}", ""))
        else:
            proxy.emit(PluginFailed(proxy.name, what, "".join(format_exception(error))))
