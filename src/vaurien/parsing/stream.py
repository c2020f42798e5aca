"""The stream that a parser reads: one direction of a connection.

Law: a parser marks where messages begin and end.  It can neither change nor lose a byte:
messages are cut out of what arrived, and what it does not understand is passed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import ProtocolError
from ..values.messages import NO_LABELS, Message
from .cutter import Cutter, Sift
from .exchanges import PENDING_SIZE, SMALL, Exchanges
from .reader import Parser
from .tally import count

DONE = object()
"""In place of what a parser yields: it has returned."""


class Stream(Cutter):
    """One direction of a connection, as a parser sees it.

    The parser takes bytes with ``yield from`` (``readline``, ``read``, ``readuntil``, ``skip``)
    or with ``match``, and calls ``begin`` and ``end`` around each message.  The bytes that it
    takes before ``begin`` belong to the message that begins.  They are kept back until then, so
    it begins a message as soon as it knows the labels, and never waits for the next message first.

    Inside a message, bytes are passed on when they arrive, also those for which ``read`` and
    ``readline`` still wait.  A parser that looks ahead with ``match`` or ``at_hand`` says with
    ``claim`` that the bytes belong to the message in any case.

    A parser that has to wait for the rest of a head keeps back as little as it can:

    - With ``announce`` it tells what it knows of the message already.  If no rule acts on such a
      message, its bytes are passed on before it begins.
    - With ``keep_limit`` it bounds the bytes kept back for rules that do act.  With more, the
      connection is no longer parsed.
    - With ``wait_briefly`` it bounds the time for which they are kept back.  After that it begins
      the message without the labels that are still unknown.
    """

    __slots__ = ()

    # For parsers: marking messages.

    @property
    def asked(self) -> object:
        """What was noted about the oldest request that awaits a response; None if none does."""
        pending = self._exchanges.pending
        return pending[0].about if pending else None

    @property
    def exchanges(self) -> Exchanges:
        """Those of the connection: what both of its streams share."""
        return self._exchanges

    def ignored(self) -> None:
        """The oldest request that awaits a response does not get one."""
        self._exchanges.answered(None)

    def begin(
        self,
        labels: Mapping[str, str] = NO_LABELS,
        *,
        expects_reply: bool = True,
        unsolicited: bool = False,
        final: bool = True,
        continues: bool = False,
        about: object = None,
    ) -> None:
        """Begin a message with the bytes taken since the last one ended.

        ``expects_reply=False``: the backend will not answer the request.
        ``continues``: it is more of the request before it, and not a request of its own.
        ``about``: what the response parser needs to know about the request; see ``asked``.
        ``unsolicited``: the backend sends it unasked (a push, a notification), so it answers
        no request.
        ``final=False``: of a response, another one to the same request follows; of a request,
        it must not be sent twice: the backend may ask for more of it, which then ``continues``
        it, or would not answer it alike.
        """
        if self.in_message:
            raise ProtocolError("the parser began a message inside another")
        if self._start == len(self._buffer):
            raise ProtocolError("the parser began a message before its first byte had arrived")
        exchanges = self._exchanges
        fresh = self._asks and not continues and self._sift is None  # it has been decided on
        passes = self.watching or (not fresh and self._sifts(labels, continues, unsolicited))
        if self._asks:
            self._about = about
            if continues:
                self._exchange = exchanges.begun
                expects_reply = False
            else:
                known = labels if passes and not self.watching else None
                size = self._size_kept(known, about) if passes and expects_reply else 0
                self._exchange = exchanges.begin(labels, about, self.at, size, known)
        elif (pending := exchanges.pending) and not unsolicited:
            self._exchange, _, self._about, at, _, _ = pending[0]
            self._latency = self.at - at
        else:
            self._exchange, self._about = 0, None
        self._passing = passes
        self._labels = labels
        self._expects_reply = expects_reply
        self._final = final
        self._continues = continues
        self._offset = 0
        self._announced = None
        self.in_message = True

    def end(self, *, final: bool | None = None, pauses: bool = False) -> None:
        """End the message.  ``final``: see ``begin``, when that could not know it yet.

        ``pauses``: what follows depends on what rules do with it.
        """
        if not self.in_message:
            raise ProtocolError("the parser ended a message that had not begun")
        if self._claimed > self._taken:
            raise ProtocolError("the parser ended a message before bytes that belong to it")
        if final is not None:
            self._final = final
        if self.watching or self._passing:
            self._start = self._taken
        else:
            self._slice(ends=True)
        self.in_message = False
        self._begins = True
        self._unseen = 0
        if not self._asks and self._final and self._exchange:
            self._exchanges.answered(self._latency)
        self._left = 0 if pauses and not (self.watching or self._passing) else self._left - 1
        if not self._left:
            self._pause()

    def message(self, labels: Mapping[str, str] = NO_LABELS, about: object = None) -> bool:
        """Mark the bytes taken since the last message ended as one whole message.

        The same as ``begin`` and ``end``, in one call.  Return ``drained``.
        """
        watching = self.watching
        if (
            self.in_message
            or self._start == self._taken
            or not (watching or (self._sift is not None and self._sifts(labels)))
        ):
            self.begin(labels, about=about)
            self.end()
        else:
            if self._asks:
                known = None if watching else labels
                small = watching and self._taken - self._start - self._unseen <= SMALL
                size = PENDING_SIZE if small else self._size_kept(known, about)
                self._exchanges.begin(labels, about, self.at, size, known)
            elif self._exchanges.pending:
                self._exchanges.answer(self.at)
            self._announced = None
            self._unseen = 0
            self._start = self._taken
            self._left -= 1
            if not self._left:
                self._pause()
        return self._taken == len(self._buffer)

    def messages(self, kinds: Sequence[str], end: int, about: object = None) -> None:
        """Take and mark messages that ``matches`` has found, the last of which ends at ``end``.

        They are requests that expect a response, or responses to as many.  ``kinds``: of each
        request, the label that the protocol names in ``tallied``; of responses, anything.
        """
        if self._asks:
            self._exchanges.begin_all(kinds, about, self.at)
        else:
            self._exchanges.answer_all(len(kinds), self.at)
        self._announced = None
        self._start = self._taken = end
        self._left -= len(kinds)
        if not self._left:
            self._pause()

    def error(self, code: str) -> None:
        """Count an error with which the backend has answered, by its code."""
        count(self._exchanges.tally.errors, code)

    def turn_opaque(self) -> None:
        """Stop parsing both directions from the next byte on.

        Call it between two messages, and return.
        """
        self._exchanges.opaque = True

    def encrypt(self) -> Parser:
        """Have both peers speak TLS from the next byte on, and return when they do.

        Call it between two messages, if the protocol ``decrypts``.  What is read then was inside
        of TLS; any byte in the clear that has arrived in either direction ends the connection.

        Raises:
            ProtocolError: they speak TLS already.
        """
        if self._exchanges.encrypted:
            raise ProtocolError("TLS inside of TLS")
        self._exchanges.encrypts = True
        while self._exchanges.encrypts:
            yield

    # For framing.

    def parse_with(self, parser: Parser) -> None:
        """Have a parser parse what is fed; it starts with the first bytes."""
        self._parser = parser

    def watch(self, view: bytes | memoryview, at: float) -> int:
        """Parse bytes that were passed on already: no messages are cut out of them.

        Return how many of all bytes that were fed are in no message yet: ``kept_back``.

        Raises:
            Exception: whatever the parser raised.
        """
        if self.skipping and self.skipping > len(view) and self.in_message and not self._buffer:
            self.skipping -= len(view)
            self._offset += len(view)
            return 0
        self.at = at
        self.watching = True
        self.waits = False
        if self._buffer:
            self._buffer += view
        else:
            self._buffer = bytes(view)
        self._left = self.turn
        if self._parser is not None and next(self._parser, DONE) is DONE:
            self._returned()
        if self.in_message:
            self._cut_begun()
        if self._start == self._taken == len(self._buffer):  # by far the most frequent
            self._buffer = b""
            self._start = self._taken = self._claimed = 0
            return len(self.aside)
        self._compact()
        return self.kept_back

    def feed(self, data: bytes, at: float, sift: Sift | None = None) -> list[Message]:
        """Parse bytes, and return the messages and pieces of messages cut out of them.

        ``sift``: decides on requests as they begin.  All that comes before the first message on
        which something acts is not cut; ``passed`` has it.

        Raises:
            Exception: whatever the parser raised; ``surrender`` then returns the bytes.
        """
        self.at = at
        self.watching = False
        self.passed = b""
        if self.in_message and not (self._passing and self._may_pass):
            sift = None
        self._passing = sift is not None
        if self.skipping > len(data) and self.in_message and not self._buffer:
            self.skipping -= len(data)
            if sift is None:
                return [self._piece(data, ends=False)]
            self._offset += len(data)
            self.passed = data
            return []
        self._sift = sift
        self._run = self._start
        if self._buffer:
            self._buffer += data  # bytes that were kept back are in a bytearray
        else:
            self._buffer = data
        self._left = self.turn
        if self._parser is not None and next(self._parser, DONE) is DONE:
            self._returned()
        if self.in_message and max(self._taken, self._claimed) > self._start:
            self._cut_begun()
        if self._sift is not None:
            self._sift = None
            self.passed = bytes(self._buffer[self._run : self._start])
        if self._start == self._taken == len(self._buffer):  # by far the most frequent
            self._buffer = b""
            self._start = self._taken = self._claimed = 0
            self.waits = False
        else:
            self._compact()
            self.waits = self._start < len(self._buffer) and not (self.in_message or self.aside)
        messages, self._cut = self._cut, []
        return messages

    def surrender(self, unread: bytes = b"") -> list[Message]:
        """Return what is left when a parser fails or a stream ends.

        That is messages, and then all bytes kept back.  ``unread``: bytes that follow these and
        were not fed.  A message under way ends with them.  Otherwise they have no labels, and
        belong to exchange 0.
        """
        self._parser = None
        self.watching = self.waits = False
        self._passing = self._sift is not None
        if not (self.in_message or self._buffer or self.aside or unread or self._cut):
            return []
        self._buffer += self.take_aside() + unread
        self._taken = len(self._buffer)
        if self.in_message:
            self.end()
        if self._sift is not None:
            self._stop_sifting()
        if self._taken > self._start:
            self._labels, self._exchange, self._expects_reply = NO_LABELS, 0, True
            self._final, self._continues, self._about, self._offset = True, False, None, 0
            self._slice(ends=True)
        self._compact()
        messages, self._cut = self._cut, []
        return messages

    # Inside.

    def _returned(self) -> None:
        self._parser = None
        if not self._exchanges.opaque:
            raise ProtocolError("the parser returned")
