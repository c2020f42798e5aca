"""One direction of a connection.

Law: this is the one place that puts bytes on a wire, and it keeps their order:
first what the sink could not take yet, then what a player still holds, then what
arrives, and the end of the stream last.  A link holds at most one buffer, or one
pipe, of bytes its sink could not take, and while it does it reads no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..parsing.exchanges import QueuedReply
from ..rules.active import Decision, Firings
from ..values.actions import Close, Reply
from ..values.messages import NO_LABELS, Direction, Message
from .closing import Ending
from .player import QUEUE_LIMIT, Player
from .reactor import BUFFER_SIZE
from .splice import CANNOT_SPLICE, Siphon
from .system import READ, WRITE

if TYPE_CHECKING:
    from .connection import Connection
    from .end import End
    from .framing import Decided, Framing

SPLICE_WORTH = 16 * 1024
"""A splice that moves less goes back to copying, which then costs less."""


class Link:
    """Carries bytes from one end of a connection to the other."""

    __slots__ = (
        "_pending",
        "_receive",
        "_send",
        "_siphon",
        "active_at",
        "bytes",
        "chunks",
        "connection",
        "dead",
        "direction",
        "done",
        "ending",
        "firings",
        "framing",
        "player",
        "quiet",
        "reactor",
        "sink",
        "source",
    )

    quiet: bool
    """Bytes may pass on before they are parsed; only ``update_quiet`` writes it."""

    def __init__(
        self,
        connection: Connection,
        direction: Direction,
        source: End,
        sink: End,
    ) -> None:
        self.connection = connection
        self.reactor = connection.proxy.reactor
        self.direction = direction
        self.source = source
        self.sink = sink
        self.framing: Framing | None = None
        self.player: Player | None = None
        self.firings: Firings = ()  # what acts on the message under way, to its end
        self.bytes = 0
        self.chunks = 0
        self.active_at = 0.0  # when it carried something last
        self.ending: Ending | None = None  # the source has ended; pass it on in its turn
        self.done = False  # ... and has been passed on
        self.dead = False  # the sink takes nothing any more
        self._pending: memoryview | None = None  # what the sink could not take yet
        self._siphon: Siphon | None = None  # moves bulk, and holds the same
        self._receive = source.sock.recv_into
        self._send = sink.sock.send

    # Called by the source's end.

    def on_readable(self) -> None:
        """Pass on what has arrived."""
        if self._siphon is not None:
            self._splice(self._siphon)
            return
        reactor = self.reactor
        try:
            size = self._receive(reactor.buffer)
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
            try:  # what write does, in place: here quiet traffic spends its time
                sent = self._send(view)
            except OSError:
                self.write(view)  # meets the same, and knows what to do
            else:
                if sent < size:
                    self._keep(view[sent:])
            framing = self.framing
            if framing is not None and framing.observe(view):
                framing.conversation.after_parsing(self, framing)
        elif self.dead:
            pass  # nobody is there to take it, and the source is not to notice
        elif self.framing is not None:
            framing = self.framing
            self.arrive(framing.receive(bytes(view)))
            framing.conversation.after_parsing(self, framing)
        else:
            self._chunk(view)
        if (
            size == BUFFER_SIZE
            and self.framing is None
            and not self.dead
            and reactor.system.splice is not None
        ):
            self._siphon = Siphon(
                reactor.system.splice, reactor.pipes, self.source.fd, self.sink.fd
            )

    def end(self, how: Ending) -> None:
        """The source has ended; the sink sees that after all that came before."""
        if self.framing is not None:
            self.framing.conversation.end(self)
        self.ending = how
        if how is Ending.RST:
            self.connection.on_reset(self.source)
        if self.player is not None:
            self.player.step()  # nothing comes any more that it might wait for
        self.settle()

    # Called by the sink's end.

    def on_writable(self) -> None:
        """Go on with what the sink could not take."""
        self.active_at = self.reactor.now
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.write(pending)
        elif self._siphon is not None and self._siphon.held:
            self._drain(self._siphon)
        if not self.blocked:
            self.sink.want(WRITE, wanted=False)
            self.resume()

    # Called by the player.

    @property
    def blocked(self) -> bool:
        """The sink can't take more at the moment."""
        return self._pending is not None or (self._siphon is not None and self._siphon.held > 0)

    @property
    def congested(self) -> bool:
        """Replies to the source pile up: no more of it should be read."""
        replying = self.source.incoming.player
        if replying is not None and replying.full_of_replies:
            return True
        conversation = self.connection.conversation
        if conversation is None or self.direction is Direction.TO_CLIENT:
            return False
        return conversation.exchanges.replies.size > QUEUE_LIMIT

    def write(self, data: bytes | memoryview) -> None:
        """Put bytes on the wire; what the sink can't take follows when it can."""
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.connection.on_reset(self.sink)
            return
        if sent < len(data):
            self._keep(memoryview(data)[sent:])

    def deliver(self, message: Message) -> None:
        """Write a message for which there is nothing more to decide."""
        if self.dead:
            return
        conversation = self.connection.conversation
        if conversation is not None:
            conversation.exchanges.pass_on(message, self.reactor.now)
        if message.data:
            self.write(message.data)

    def reply(self, answer: QueuedReply) -> None:
        """Tell the sink something that the source did not, behind what is under way."""
        if self.dead:
            return
        if self.player is None and not self.blocked:
            self.perform(answer)
            return
        if self.player is None:
            self.player = Player(self, self.connection)
        self.player.put(answer)

    def perform(self, answer: QueuedReply) -> None:
        """Write an answer, or close."""
        if isinstance(answer, Close):
            self.connection.close(reset=answer.reset)
        else:
            self.write(answer)

    def resume(self) -> None:
        """The sink is free, or the player has changed: go on from there."""
        if self.player is not None:
            self.player.step()
        self.settle()
        if self.direction is Direction.TO_CLIENT and not self.connection.closed:
            self.sink.outgoing.resume()  # which goes no further while answers pile up here

    def settle(self) -> None:
        """Pass the end on if its turn has come, and read if there is room."""
        if self.connection.closed:
            return
        idle = self.player is None and not self.blocked
        if idle and self.ending is not None and not self.done:
            if not self.connection.may_end(self):
                self.source.want(READ, wanted=False)
            elif not self.connection.closed:
                self.done = True
                self.connection.pass_on(self, self.ending)
            return
        if idle:
            self.update_quiet()
        full = self.blocked or (self.player is not None and self.player.full) or self.congested
        heard = not self.dead or self.connection.withholds_end(self.source.incoming)
        self.source.want(READ, wanted=not full and self.ending is None and heard)

    # Called by the connection.

    def apply(self) -> None:
        """Follow the proxy's new plan, from the next message on."""
        if self.player is None and not self.blocked and self.ending is None:
            self.update_quiet()
        else:
            self.resume()

    def update_quiet(self) -> None:
        """Derive ``quiet`` from all that it depends on: call it after a change of any of that."""
        connection = self.connection
        self.quiet = self.player is None and not (
            self.blocked
            or self.dead
            or connection.proxy.active_plan.acts_on_messages
            or connection.protocol.adjusting
            or connection.must_finish
            or self._awaits_replies
        )
        if self.quiet and self.framing is not None:
            self.firings = ()
            if partial := self.framing.send_ahead():
                self.write(partial)

    @property
    def _awaits_replies(self) -> bool:
        """Replies are to go between its messages: these must be cut before they are passed on."""
        conversation = self.connection.conversation
        if conversation is None or self.direction is Direction.TO_BACKEND:
            return False
        return bool(conversation.exchanges.replies)

    def kill(self) -> None:
        """The sink is lost: hold nothing for it, and read nothing more."""
        self.dead = True
        self.release()
        self.update_quiet()
        if self.ending is None:
            self.source.want(READ, wanted=False)

    def release(self) -> None:
        """Let go of everything held."""
        self._pending = None
        if self._siphon is not None:
            self._siphon.close()
            self._siphon = None
        if self.player is not None:
            self.player.close()
            self.player = None

    # Chunks that rules may act on.

    def _chunk(self, view: memoryview) -> None:
        """Decide on an unframed chunk."""
        decisions = self.connection.decisions
        decision = decisions.decide_chunk(self.direction)
        if self.player is None and not self.blocked and not decision.firings_for(self.direction):
            self.write(view)
            self.update_quiet()  # a lasting behavior may have done its part
            return
        at = self.reactor.clock()
        message = Message(bytes(view), self.direction, at, NO_LABELS, decisions.exchange)
        self._play(message, decision)

    def _play(self, message: Message, decision: Decision | Reply) -> None:
        if self.player is None:
            self.player = Player(self, self.connection)
        if self.quiet:
            self.update_quiet()
        self.player.put((message, decision))
        if self.player is not None or self.blocked or self.source.incoming.player is not None:
            self.settle()

    # Messages.

    def arrive(self, decided: list[Decided]) -> None:
        """Deliver messages that no rule acts on, and have the others played in their turn."""
        to_client = self.direction is Direction.TO_CLIENT
        conversation = self.connection.conversation if to_client else None
        for message, decision in decided:
            if conversation is not None and message.begins and message.exchange:
                conversation.send_due_replies(message.exchange)
            if isinstance(decision, Decision):
                if self.player is None and message.begins:
                    self.firings = decision.firings_for(self.direction)
                if self.player is None and not self.blocked and not self.firings:
                    self.deliver(message)
                    if self.connection.decisions.played(message):
                        self.connection.settle()
                    continue
            self._play(message, decision)

    # Blocked, and spliced.

    def _keep(self, rest: memoryview) -> None:
        """Hold what the sink can't take yet."""
        shared = rest.obj is self.reactor.buffer
        self._pending = memoryview(bytes(rest)) if shared else rest
        self._block()

    def _block(self) -> None:
        self.update_quiet()
        self.sink.want(WRITE, wanted=True)
        self.source.want(READ, wanted=False)

    def _splice(self, siphon: Siphon) -> None:
        """Move what has arrived inside the kernel, unless a rule wants to see it."""
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

    def _drain(self, siphon: Siphon) -> None:
        try:
            siphon.drain()
        except OSError:
            self.connection.on_reset(self.sink)
            return
        if siphon.held:
            self._block()
