"""One direction of a connection.

Law: this is the one place that puts bytes on a wire, and it keeps their order: first what the
sink has not taken yet, then what a player holds, then what arrives, and the end of the stream
last.  A link holds at most one buffer, or one pipe, of bytes that its sink has not taken, and
reads no more while it does.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ..parsing.exchanges import QueuedReply
from ..rules.active import Decision, Firings
from ..values.actions import Close
from ..values.messages import NO_LABELS, TO_BACKEND, TO_CLIENT, Direction, Message
from .actor import room_under
from .closing import Ending
from .outlet import Outlet
from .player import QUEUE_LIMIT, Player, play, player_of
from .reactor import BUFFER_SIZE
from .splice import CANNOT_SPLICE, SPLICE_WORTH, Siphon
from .system import READ, WRITE

if TYPE_CHECKING:
    from .connection import Connection
    from .end import End
    from .framing import Decided, Framing


class Link(Outlet):
    """Carries bytes from one end of a connection to the other."""

    __slots__ = (
        "_receive",
        "active_at",
        "bytes",
        "chunks",
        "connection",
        "dead",
        "direction",
        "end_sent",
        "ending",
        "firings",
        "framing",
        "paused",
        "player",
        "postponed",
        "quiet",
        "room",
        "sink",
        "source",
    )

    quiet: bool
    """Bytes may pass on before they are parsed; later only ``update_quiet`` writes it."""

    def __init__(
        self, connection: Connection, direction: Direction, source: End, sink: End
    ) -> None:
        super().__init__(connection.proxy.reactor, sink.stream.send)
        self.connection = connection
        self.direction = direction
        self.source, self.sink = source, sink
        self.framing: Framing | None = None
        self.player: Player | None = None
        self.firings: Firings = ()  # what acts on the message under way
        self.bytes = self.chunks = 0
        self.active_at = 0.0  # when it last carried bytes
        self.ending: Ending | None = None  # how the source has ended, if it has
        self.end_sent = False  # to the sink
        self.dead = False  # the sink takes no more
        self.paused = False  # nothing is read until the connection's parsers have caught up
        self.postponed = False  # the source was readable meanwhile
        self._receive = source.stream.recv_into
        plan = connection.proxy.active_plan
        self.room = room_under(plan)  # bytes that are read at a time, at most
        self.quiet = not (plan.acts_on_messages or connection.protocol.adjusting)

    # Called by the ends.

    def follow_streams(self) -> None:
        """Read and send what the ends have as their streams from now on."""
        self._receive, self._send = self.source.stream.recv_into, self.sink.stream.send

    def on_readable(self) -> None:
        """Pass on what has arrived."""
        connection = self.connection
        if connection.generation != connection.proxy.active_plan.generation:
            connection.apply()
            if connection.closed:
                return
        if self._siphon is not None:
            self._splice(self._siphon)
            return
        if self.paused:
            self.postponed = True
            return
        reactor = self.reactor
        framing = self.framing
        try:
            room = self.room if framing is None else min(self.room, framing.room)
            size = self._receive(reactor.buffer, room)
        except BlockingIOError:
            return
        except OSError:
            self.end(Ending.RST)
            return
        if not size:
            self.end(Ending.FIN)
            return
        self.active_at = reactor.now
        self.bytes += size
        self.chunks += 1
        view = reactor.view[:size]
        if self.quiet:
            try:  # the same as write, inline: most traffic is quiet
                sent = self._send(view)
            except OSError:
                self.write(view)  # which fails too, and handles that
            else:
                if sent < size:
                    self._keep(view[sent:])
            if framing is not None and framing.observe(view, reactor.now):
                framing.conversation.after_parsing(self, framing)
        elif self.dead:
            pass  # the sink is gone, and the source is not to notice
        elif framing is not None:
            self._parse(framing, bytes(view), reactor.clock())
        else:
            self._chunk(view)
        if size == BUFFER_SIZE and self.framing is None and not self.dead:
            self._begin_splicing(self.source.splice_fd, self.sink.splice_fd)

    def end(self, how: Ending) -> None:
        """The source has ended; the sink sees that after all that came before."""
        if self.framing is not None:
            self.framing.conversation.end(self)
        self.ending, self.source.ended_at = how, self.reactor.now
        if how is Ending.RST:
            self.connection.on_reset(self.source)
        if self.player is not None:
            self.player.step()  # it may be waiting for another message
        self.settle()

    def on_writable(self) -> None:
        """Send what the sink has not taken yet."""
        self.active_at = self.reactor.now
        self._send_pending()
        if not self.blocked:
            self.sink.want(WRITE, wanted=False)
            self.resume()

    # Called by the player.

    @property
    def congested(self) -> bool:
        """Replies to the source pile up: no more of it should be read."""
        replying = self.source.incoming.player
        if replying is not None and replying.full_of_replies:
            return True
        talk = self.connection.conversation if self.direction is TO_BACKEND else None
        return talk is not None and talk.exchanges.replies.size > QUEUE_LIMIT

    def deliver(self, message: Message) -> None:
        """Send a message on which no rule acts any more."""
        if self.dead:
            return
        conversation = self.connection.conversation
        if conversation is not None:
            conversation.exchanges.pass_on(message, self.reactor.now)
            if conversation.protocol.delivers and self.direction is TO_CLIENT:
                message = conversation.protocol.deliver(message)
        if message.data:
            self.write(message.data)

    def reply(self, reply: QueuedReply) -> None:
        """Send a reply to the sink, behind what is queued."""
        if self.dead:
            if isinstance(reply, Close):
                self.perform(reply)
            return
        if isinstance(reply, Close):
            self.flush()
        if self.player is None and not self.blocked:
            self.perform(reply)
        else:
            player_of(self).put(reply)

    def perform(self, reply: QueuedReply) -> None:
        """Send a reply now, or close."""
        if isinstance(reply, Close):
            self.connection.close(reset=reply.reset)
        else:
            self.write(reply)

    def resume(self) -> None:
        """Continue: the sink takes more, or what the player waited for has come."""
        if self.player is not None:
            gathers = self.connection.gather()
            self.player.step()
            if gathers:
                self.connection.send_gathered()
        self.settle()
        if self.direction is TO_CLIENT and not self.connection.closed:
            self.sink.outgoing.resume()  # replies may have kept the client from being read
            self.connection.end_answered()

    def settle(self) -> None:
        """Send the end of the stream if nothing is left before it; read if there is room."""
        if self.connection.closed:
            return
        if self.ending is not None and self.gathered is not None:
            self.flush()
        idle = self.player is None and not self.blocked
        if idle and self.ending is not None and not self.end_sent:
            if self.connection.may_end(self) and not self.connection.closed:
                self.end_sent = True
                self.connection.send_end(self, self.ending)
            self.source.want(READ, wanted=False)  # or the poller would report the end again
            return
        if idle:
            self.update_quiet()
            if self.connection.encrypt is not None:
                self.connection.encrypt(self.connection)
        full = self.blocked or (self.player is not None and self.player.full) or self.congested
        if self.direction is TO_BACKEND and self.connection.conversation is not None:
            full |= self.connection.conversation.is_full
        read = not self.dead or self.connection.withholds_end(self.source.incoming)
        self.source.want(READ, wanted=read and not full and self.ending is None)

    # Called by the connection.

    @property
    def holds(self) -> bool:
        """It holds bytes because of what rules do, or might do."""
        keeps = self.framing is not None and self.framing.stream.kept_back > 0
        return self.player is not None or (keeps and not self.quiet)

    def apply(self) -> None:
        """Follow the proxy's new plan from the next message on."""
        self.room = room_under(self.connection.proxy.active_plan)
        if self.player is None and not self.blocked and self.ending is None:
            self.update_quiet()
        else:
            self.resume()

    def update_quiet(self) -> None:
        """Derive ``quiet``; call this when anything that it depends on has changed."""
        connection, framing = self.connection, self.framing
        talk = connection.conversation if self.direction is TO_CLIENT else None
        self.quiet = self.player is None and not (
            connection.proxy.active_plan.acts_on_messages
            or self.dead
            or self.blocked
            or connection.protocol.adjusting
            or connection.must_finish
            or (talk is not None and len(talk.exchanges.replies) > 0)  # they go between messages
            or (framing is not None and framing.holds_unseen)
        )
        if framing is None:
            return
        free = self.player is None and framing.stream.waits and not (self.dead or self.blocked)
        if self.quiet or (free and framing.passes_ahead()):
            self.firings = ()
            if partial := framing.send_ahead():
                self.write(partial)

    def kill(self) -> None:
        """The sink is lost: drop what is held for it, and stop reading."""
        self.dead = True
        self.release()
        self.update_quiet()
        if self.ending is None:
            self.source.want(READ, wanted=False)

    def release(self) -> None:
        """Drop everything that is held."""
        self.drop_unsent()
        if self.player is not None:
            self.player.close()
            self.player = None

    # Chunks that rules may act on.

    def _chunk(self, view: memoryview) -> None:
        """Decide on a chunk, and send it or have it played."""
        decisions = self.connection.decisions
        decision = decisions.decide_chunk(self.direction)
        if self.player is None:
            self.firings = decision.firings and decision.firings_for(self.direction)
            if not (self.firings or self._pending is not None or self._siphon is not None):
                self.write(view)
                if self.connection.conversation is not None:
                    self.update_quiet()  # a lasting behavior may have done its part
                return
        at = self.reactor.clock()
        message = Message(bytes(view), self.direction, at, NO_LABELS, decisions.exchange)
        play(self, message, decision)

    # Messages.

    def _parse(self, framing: Framing, data: bytes, at: float) -> None:
        """Play the messages that have arrived, as many as one turn allows."""
        stream = framing.stream
        decided = framing.receive(data, at, free=self.player is None and self._pending is None)
        passed, stream.passed = stream.passed, b""
        gathers = (len(decided) + bool(passed) > 1 or stream.waits) and self.connection.gather()
        if passed:
            self.firings = ()
            self.write(passed)
        if decided:
            self.arrive(decided)
        framing.conversation.after_parsing(self, framing)
        if gathers:
            self.connection.send_gathered()
        if (stream.waits or stream.in_message or stream.aside) and stream.kept_back:
            self.connection.proxy.on_holding(self.connection)

    def catch_up(self) -> None:
        """Parse more of what has been read: the parser's last turn has ended before that."""
        connection, framing = self.connection, self.framing
        if connection.closed or (framing and framing.conversation.exchanges.encrypts):
            return
        try:
            if connection.generation != connection.proxy.active_plan.generation:
                connection.apply()
            if framing is not None and framing.stream.lags:
                self.active_at = self.reactor.now
                unseen = framing.stream.take_aside()
                if not framing.observes and not self.dead:
                    self._parse(framing, unseen, framing.at)
                elif framing.observes and framing.observe(unseen, framing.at):
                    framing.conversation.after_parsing(self, framing)
            if self.framing is not None and self.framing.stream.lags:
                self.reactor.call_next(self.catch_up)
            else:
                connection.go_on_reading(self)
        except Exception:  # noqa: BLE001 - it ends this connection only
            connection.on_failure(traceback.format_exc())

    def arrive(self, decided: list[Decided]) -> None:
        """Send messages on which no rule acts, and queue the others to be played."""
        to_client = self.direction is TO_CLIENT
        conversation = self.connection.conversation if to_client else None
        unsettled = False
        for message, decision in decided:
            if conversation is not None and message.begins and message.exchange:
                conversation.send_due_replies(message.exchange)
            if self.player is None and isinstance(decision, Decision):
                if message.begins:
                    self.firings = decision.firings_for(self.direction)
                if not self.firings and not self.blocked:
                    self.deliver(message)
                    unsettled |= self.connection.decisions.played(message)
                    continue
            unsettled |= play(self, message, decision)
        if unsettled:  # not before: a quiet link would let what follows overtake the others
            self.connection.settle()

    # A sink that blocks, and bytes moved inside the kernel.

    def _block(self) -> None:
        self.update_quiet()
        self.sink.want(WRITE, wanted=True)
        self.source.want(READ, wanted=False)

    def _on_broken(self) -> None:
        self.connection.on_reset(self.sink)

    def _splice(self, siphon: Siphon) -> None:
        """Move what has arrived inside the kernel, unless a rule may act on it."""
        decision = None if self.quiet else self.connection.decisions.decided_turn(self.direction)
        if self.player is not None or (
            not self.quiet and (decision is None or decision.firings_for(self.direction))
        ):
            self._siphon = None
            self.on_readable()
            return
        try:
            moved = siphon.fill()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in CANNOT_SPLICE:
                self._siphon = None
            else:
                self.end(Ending.RST)
            return
        if not moved:
            self.end(Ending.FIN)
            return
        self.active_at = self.reactor.now
        self.bytes += moved
        self.chunks += 1
        self._drain(siphon)
        if moved < SPLICE_WORTH and not siphon.held:
            self._siphon = None
