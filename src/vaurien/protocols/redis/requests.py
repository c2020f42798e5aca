"""The client's side of a Redis connection: requests in RESP, and inline commands."""

from __future__ import annotations

from collections.abc import Generator

from ...errors import ProtocolError
from ...protocol import Parser, Stream
from . import wire
from .arguments import FIRST_LIMIT, has_labels, inline_words
from .commands import (
    SPECIAL,
    SUBSCRIPTIONS,
    UNSUBSCRIBING,
    RedisCommand,
    command_in,
    command_of,
    plain_name,
)
from .session import (
    CLIENT_REPLY,
    PLAIN,
    UNANSWERED,
    RedisRequest,
    Session,
    Transaction,
    reply_mode,
    slot_of,
    version_in,
)
from .wire import NAME_LIMIT, size_of, text_of

WORDS_WITHOUT_PASSWORD = 10
"""Words that a request may announce to a server that wants a password first (the same)."""
WORDS_LIMIT = 2**31 - 1
"""Words that a request may announce (``processMultibulkBuffer`` in ``networking.c``)."""
ONCE = frozenset(["MONITOR", "PSYNC", "SYNC"])
"""Commands that Redis does not answer a second time."""


class RequestParser:
    """The client's side of one connection."""

    __slots__ = ("_queued", "_session", "_stream")

    def __init__(self, stream: Stream, session: Session) -> None:
        self._stream = stream
        self._session = session
        self._queued: RedisRequest | None = None  # any request of the open transaction

    def parse(self) -> Parser:
        stream, session = self._stream, self._session
        match, message = stream.match, stream.message
        counts_commands = stream.exchanges.tallied == "command"
        while True:
            found = match(wire.REQUEST)
            if found is None:
                if stream.drained:
                    yield
                else:
                    yield from self._other()
                continue
            words, name, first, second = found.group(4, 5, 6, 7)
            command = command_in(name)
            if (
                not command.plain
                or self._queued
                or session.replies_off
                or session.skips_reply
                or (first and not first.isascii())
                or (command.takes_count and (second or words))
            ):
                arguments = [word[word.index(b"\n") + 1 :] for word in (first, second) if word]
                yield from self._command(command, arguments, int(words) - 2 if words else 0)
                continue
            labels = command.labels
            counted = counts_commands and stream.watching and words is None
            if first is not None and command.key and not counted:
                labels = {**labels, "key": first[first.index(b"\n") + 1 :].decode()}
            if words is None:
                if message(labels, session.plain):
                    yield
                elif counted:
                    self._run()
                continue
            stream.begin(labels, about=session.plain)
            yield from self._arguments(int(words) - 2)
            stream.end()

    def _run(self) -> None:
        """Take the requests that follow, as many as are short and plain: they are only counted."""
        stream = self._stream
        names: list[str] = []
        end = 0
        for found in stream.matches(wire.REQUESTS):
            word = found[5]
            if word is None or not (name := plain_name(word)):
                break
            names.append(name)
            end = found.end()
        if names:
            stream.messages(names, end, self._session.plain)

    def _other(self) -> Parser:
        """Take a request that is inline, long or incomplete."""
        stream, session = self._stream, self._session
        if stream.match(wire.COUNTED):
            words = yield from self._size()
            if words > WORDS_LIMIT:  # Redis answers at once, and reads no more
                raise ProtocolError(f"a request of {words} words")
            while (
                words > WORDS_WITHOUT_PASSWORD
                and not (session.welcome or self._is_modal)
                and not has_labels(stream.at_hand(FIRST_LIMIT))
            ):
                if not (yield from stream.wait_briefly()):
                    yield from self._unlabelled(words)
                    return
            if words > 0:
                size = yield from self._size(b"$")
                name = (yield from stream.read(size + 2, NAME_LIMIT + 2))[:-2]
                yield from self._command(command_of(name), [], words - 1)
                return
        elif stream.match(wire.INLINE):
            words_of_line = inline_words((yield from stream.readline()))
            if words_of_line:
                name, *arguments = words_of_line
                yield from self._command(command_of(name[:NAME_LIMIT]), arguments, 0)
                return
        else:
            raise ProtocolError("neither an array nor an inline command")
        stream.begin(expects_reply=False, about=UNANSWERED)
        stream.end()

    def _size(self, kind: bytes = b"") -> Generator[None, None, int]:
        """Take a line with a size, before the message has begun.

        Raises:
            ProtocolError: it is not one; Redis takes any byte after a CR for its end.
        """
        stream = self._stream
        while b"\n" not in (begun := stream.at_hand(NAME_LIMIT)) and len(begun) < NAME_LIMIT:
            if b"\r" in begun[:-1]:
                raise ProtocolError(f"{begun!r} is not a size")
            yield
        return size_of((yield from stream.readline(NAME_LIMIT)), kind)

    @property
    def _is_modal(self) -> bool:
        """More is to be remembered of the next request than of others."""
        session = self._session
        return bool(self._queued or session.replies_off or session.skips_reply)

    def _unlabelled(self, words: int) -> Parser:
        """Take a request of so many words that the server may refuse it at its first line.

        So that has to be passed on before the labels are known.
        """
        stream = self._stream
        stream.begin(about=self._session.plain)
        size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
        name = (yield from stream.read(size + 2, NAME_LIMIT + 2))[:-2]
        if command_of(name).name in SPECIAL:
            raise ProtocolError(f"{name!r} came in pieces, before the server was known to take it")
        yield from self._arguments(words - 1)
        stream.end()

    def _command(self, command: RedisCommand, arguments: list[bytes], left: int) -> Parser:
        """Take the rest of a command: some arguments have been taken, and others are left."""
        stream = self._stream
        total = len(arguments) + left
        unread = 0
        while left and len(arguments) < command.arguments_needed and not unread:
            size = yield from self._size(b"$")
            left -= 1
            if size > wire.ARGUMENT_LIMIT:
                unread = size + 2
            else:
                arguments.append((yield from stream.read(size + 2))[:-2])
        if command.container and arguments:
            command = command_of(b"%b|%b" % (command.name.encode(), arguments[0][:NAME_LIMIT]))
        once = self._session.skips_reply or command.name in ONCE
        request, expects_reply = self._request(command, arguments, total)
        labels = dict(command.labels)
        key = command.key_in(arguments)
        if key is not None:
            labels["key"] = label = text_of(key[: wire.KEY_LIMIT])
            if label.encode() != key:
                request = request._replace(slot=slot_of(key))
        transaction = request.transaction
        if transaction is not None and request.special == "EXEC":
            labels.update(transaction.labels)
        elif transaction is not None and "key" in labels:
            transaction.key = transaction.key or labels["key"]
        stream.begin(labels, expects_reply=expects_reply, final=not once, about=request)
        if not expects_reply and (self._session.silence or request.special == CLIENT_REPLY):
            self._session.note_silent(stream.exchanges.begun, request)
        if unread:
            yield from stream.skip(unread)
        yield from self._arguments(left)
        stream.end()

    def _arguments(self, left: int) -> Parser:
        """Skip this many arguments."""
        stream = self._stream
        while left:
            if left >= wire.RUN and stream.match(wire.ARGUMENTS):
                left -= wire.RUN
            elif stream.match(wire.ARGUMENT):
                left -= 1
            else:
                size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
                yield from stream.skip(size + 2)
                left -= 1

    def _request(
        self, command: RedisCommand, arguments: list[bytes], total: int
    ) -> tuple[RedisRequest, bool]:
        """What to remember of a command until it is answered, and whether it will be."""
        name = command.name
        session = self._session
        plain = session.plain
        replies = not (session.replies_off or session.skips_reply)
        session.skips_reply = False
        if self._queued is not None and not self._queued.in_transaction:
            self._queued = None
        if name == "RESET" and not total:
            session.replies_off, self._queued = False, None
            session.silence.clear()
            session.plain = PLAIN[2]
            return RedisRequest(name), True
        if self._queued is not None:
            return self._in_transaction(command, arguments, total), replies
        if command.takes_count:
            return plain._replace(total=total), replies
        if name == "MULTI" and not total:
            begun = Transaction()
            self._queued = plain._replace(transaction=begun)
            return plain._replace(opens=begun), replies
        if name == "CLIENT" and (mode := reply_mode(arguments, total)):
            return self._reply_mode(mode, replies)
        if name in SUBSCRIPTIONS:  # confirmed even with replies off
            subscription = plain._replace(special=name, total=total)
            return subscription, replies or total > 0 or name in UNSUBSCRIBING
        if name == "HELLO":
            asks = session.ask(version_in(arguments)) if version_in(arguments) else None
            return plain._replace(special=name, asks=asks), replies
        if name in ("MONITOR", "SYNC", "PSYNC"):
            return plain._replace(special=name), replies
        if name == "REPLCONF" and total and arguments[0].upper() == b"ACK":
            return UNANSWERED, False
        return plain, replies

    def _in_transaction(
        self, command: RedisCommand, arguments: list[bytes], total: int
    ) -> RedisRequest:
        """What to remember of a command between MULTI and EXEC, and of these two."""
        queued, name = self._queued, command.name
        assert queued is not None
        assert queued.transaction is not None
        if name not in ("EXEC", "DISCARD"):
            queued.transaction.queue(command, arguments, total)
            return queued._replace(total=total) if command.takes_count else queued
        self._queued = None
        version = queued.transaction.version
        asks = self._session.ask(version) if name == "EXEC" and version else None
        return queued._replace(special=name, asks=asks)

    def _reply_mode(self, mode: bytes, replies: bool) -> tuple[RedisRequest, bool]:
        session = self._session
        if mode == b"ON":
            session.replies_off, replies = False, True
        elif mode == b"OFF":
            session.replies_off, replies = True, False
        elif mode == b"SKIP":
            session.skips_reply, replies = not session.replies_off, False
        return session.plain._replace(special=CLIENT_REPLY), replies
