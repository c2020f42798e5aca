"""redis: the parsers of requests and responses, in RESP2 and RESP3, and of inline commands."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import ClassVar

from ...errors import ProtocolError
from ...fault import Catalogue
from ...parsing.reader import LINE_LIMIT, READ_LIMIT, Parser
from ...parsing.stream import Stream
from ...protocol import Protocol
from . import wire
from .commands import SUBSCRIPTIONS, UNSUBSCRIBING, RedisCommand, command_in, command_of
from .faults import CATALOGUE
from .session import (
    CONFIRMATIONS,
    PLAIN,
    PUBLISHED,
    UNANSWERED,
    RedisRequest,
    Subscriptions,
    Transaction,
    slot_of,
)
from .wire import NAME_LIMIT, size_of, text_of

NESTING_LIMIT = 100
"""Maximum depth of streamed aggregates."""
ENDLESS = sys.maxsize


class Redis(Protocol):
    """RESP2 and RESP3: Redis, Valkey, KeyDB, Dragonfly."""

    name = "redis"
    labels = {
        "command": "the command in upper case, such as SET",
        "subcommand": "the second word of commands such as CONFIG GET and XGROUP CREATE",
        "key": f"the first key, cut at {wire.KEY_LIMIT} bytes",
        "access": "write, read, control (answered even while Redis is loading) or other",
        "grows": "yes if Redis refuses it when memory is short, otherwise no",
    }
    response_labels = {"error": "the error code: the first word of the error"}
    faults: ClassVar[Catalogue] = CATALOGUE
    version = 2  # of RESP: the one that was requested last, unless it was refused

    def requests(self, stream: Stream) -> Parser:
        return RequestParser(stream, self).parse()

    def responses(self, stream: Stream) -> Parser:
        return ResponseParser(stream, self).parse()


class RequestParser:
    """The client's side of one connection."""

    __slots__ = ("_protocol", "_queued", "_replies_off", "_skips_reply", "_stream")

    def __init__(self, stream: Stream, protocol: Redis) -> None:
        self._stream = stream
        self._protocol = protocol
        self._queued: RedisRequest | None = None  # any request of the open transaction
        self._replies_off = False  # by CLIENT REPLY OFF
        self._skips_reply = False  # the next one, by CLIENT REPLY SKIP

    def parse(self) -> Parser:
        stream, protocol = self._stream, self._protocol
        match, begin, end = stream.match, stream.begin, stream.end
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
                or self._replies_off
                or self._skips_reply
                or (first and not first.isascii())
                or (command.takes_count and (second or words))
            ):
                arguments = [word[word.index(b"\n") + 1 :] for word in (first, second) if word]
                yield from self._command(command, arguments, int(words) - 2 if words else 0)
                continue
            labels = command.labels
            if first is not None and command.key:
                labels = {**labels, "key": first[first.index(b"\n") + 1 :].decode()}
            begin(labels, about=PLAIN[protocol.version])
            if words is not None:
                yield from self._arguments(int(words) - 2)
            end()

    def _other(self) -> Parser:
        """Take a request that is inline, long or incomplete."""
        stream = self._stream
        if stream.match(wire.COUNTED):
            words = size_of((yield from stream.readline(NAME_LIMIT)))
            if words > 0:
                size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
                name = (yield from stream.read(size + 2, NAME_LIMIT + 2))[:-2]
                yield from self._command(command_of(name), [], words - 1)
                return
        elif stream.match(wire.INLINE):
            name, *arguments = (yield from stream.readline()).split() or [b""]
            if name:
                yield from self._command(command_of(name[:NAME_LIMIT]), arguments, 0)
                return
        else:
            raise ProtocolError("neither an array nor an inline command")
        stream.begin(expects_reply=False, about=UNANSWERED)
        stream.end()

    def _command(self, command: RedisCommand, arguments: list[bytes], left: int) -> Parser:
        """Take the rest of a command: some arguments have been taken, and others are left."""
        stream = self._stream
        total = len(arguments) + left
        unread = 0
        while left and len(arguments) < command.arguments_needed and not unread:
            size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
            left -= 1
            if size > wire.ARGUMENT_LIMIT:
                unread = size + 2
            else:
                arguments.append((yield from stream.read(size + 2))[:-2])
        if command.container and arguments:
            command = command_of(b"%b|%b" % (command.name.encode(), arguments[0][:NAME_LIMIT]))
        request, expects_reply = self._request(command, arguments, total)
        labels = dict(command.labels)
        key = command.key_in(arguments)
        if key is not None:
            labels["key"] = label = text_of(key[: wire.KEY_LIMIT])
            if label.encode() != key:
                request = request._replace(slot=slot_of(key))
        if request.special == "EXEC" and request.transaction is not None:
            labels.update(access=request.transaction.access, grows=request.transaction.grows)
        stream.begin(labels, expects_reply=expects_reply, about=request)
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
        version = self._protocol.version
        replies = not (self._replies_off or self._skips_reply)
        self._skips_reply = False
        if name == "RESET":
            self._replies_off, self._queued = False, None
            self._protocol.version = 2
            return RedisRequest(name), True
        if self._queued is not None:
            queued = self._queued
            if name not in ("EXEC", "DISCARD"):
                assert queued.transaction is not None
                queued.transaction.queue(command)
                if name == "HELLO" and total and arguments[0] in (b"2", b"3"):
                    queued.transaction.version = int(arguments[0])
                return queued._replace(total=total) if command.takes_count else queued, replies
            self._queued = None
            if name == "EXEC" and queued.transaction is not None:
                self._protocol.version = queued.transaction.version or version
            return queued._replace(special=name), replies
        if command.takes_count:
            return PLAIN[version]._replace(total=total), replies
        if name == "MULTI":
            self._queued = None if total else RedisRequest("", 0, version, Transaction())
        elif name == "CLIENT" and total == 2 and arguments[0].upper() == b"REPLY":
            return self._reply_mode(arguments[1].upper(), replies)
        elif name in SUBSCRIPTIONS:  # confirmed even with replies off
            return RedisRequest(name, total, version), replies or total > 0 or name in UNSUBSCRIBING
        elif name == "HELLO":
            if total and arguments[0] in (b"2", b"3"):
                self._protocol.version = int(arguments[0])
            return RedisRequest(name, 0, version), replies
        elif name in ("MONITOR", "SYNC", "PSYNC"):
            return RedisRequest(name, 0, version), replies
        elif name == "REPLCONF" and total and arguments[0].upper() == b"ACK":
            return UNANSWERED, False
        return PLAIN[version], replies

    def _reply_mode(self, mode: bytes, replies: bool) -> tuple[RedisRequest, bool]:
        if mode == b"ON":
            self._replies_off, replies = False, True
        elif mode == b"OFF":
            self._replies_off, replies = True, False
        elif mode == b"SKIP":
            self._skips_reply, replies = not self._replies_off, False
        return RedisRequest("CLIENT REPLY"), replies


class ResponseParser:
    """The backend's side of one connection."""

    __slots__ = ("_monitors", "_protocol", "_receives_pushes", "_stream", "_subscriptions")

    def __init__(self, stream: Stream, protocol: Redis) -> None:
        self._stream = stream
        self._protocol = protocol
        self._reset()

    def _reset(self) -> None:
        self._monitors = False
        self._subscriptions = Subscriptions()
        self._receives_pushes = False  # it monitors, or is subscribed

    def parse(self) -> Parser:
        stream = self._stream
        match, begin, end = stream.match, stream.begin, stream.end
        while True:
            about = stream.asked
            request = about if isinstance(about, RedisRequest) else PLAIN[2]
            if not request.special and not self._receives_pushes:
                found = match(wire.RESPONSE)
                if found is not None:
                    code = found[1]
                    if code is None:
                        begin()
                        end()
                    else:
                        self._error(code, request)
                    continue
            if stream.drained:
                yield
            elif (yield from self._response(request)):
                stream.turn_opaque()
                return

    def _response(self, request: RedisRequest) -> Generator[None, None, bool]:
        """Take any message; return whether a replication stream follows, which is not RESP."""
        stream = self._stream
        if stream.match(wire.TYPED) is None:
            raise ProtocolError("not a type of RESP")
        line = yield from stream.readline(READ_LIMIT)
        kind = line[:1]
        if kind == b"-":
            self._error(line[1:-2].partition(b" ")[0], request)
        elif request.special in ("SYNC", "PSYNC"):
            stream.begin()
            stream.end()
            return True
        elif kind == b"!":
            text = yield from stream.read(size_of(line, b"!") + 2, LINE_LIMIT)
            self._error(text[:-2].partition(b" ")[0], request)
        elif kind == b"+":
            self._status(line, request)
        elif kind == b">" or (
            kind == b"*"  # RESP2 has no type for pushes
            and request.version == 2
            and (self._receives_pushes or request.special in SUBSCRIPTIONS)
        ):
            yield from self._pushed(line, request)
        else:
            if line in (b"*-1\r\n", b"_\r\n"):  # of EXEC: a watched key has changed
                self._restore_version(request)
            stream.begin()
            yield from self._values(1, line)
            stream.end()
        return False

    def _error(self, code: bytes, request: RedisRequest) -> None:
        stream = self._stream
        text = text_of(code)
        self._restore_version(request)
        stream.begin({"error": text})
        if not request.substituted:
            stream.error(text)
        stream.end()

    def _restore_version(self, request: RedisRequest) -> None:
        """Undo a change of the RESP version: the command that asked for it has failed."""
        transaction = request.transaction if request.special == "EXEC" else None
        if request.special == "HELLO" or (transaction is not None and transaction.version):
            self._protocol.version = request.version

    def _status(self, line: bytes, request: RedisRequest) -> None:
        stream = self._stream
        if self._monitors and wire.MONITORED.match(line):
            stream.begin(unsolicited=True)
        else:
            if request.special == "RESET":
                self._reset()
            elif request.special == "MONITOR":
                self._monitors = self._receives_pushes = True
            stream.begin()
        stream.end()

    def _pushed(self, line: bytes, request: RedisRequest) -> Parser:
        """Take an array or a push, whose first word says whether it is a reply."""
        stream = self._stream
        left = max(size_of(line), 0)
        word = ahead = b""
        if left:
            ahead = yield from stream.readline(READ_LIMIT)
            if ahead[:1] == b"$" and 0 <= (size := size_of(ahead)) <= NAME_LIMIT:
                word = (yield from stream.read(size + 2))[:-2]
                left, ahead = left - 1, b""
        name = CONFIRMATIONS.get(word, "")
        if name:
            requested = name == request.special
            stream.begin(unsolicited=not requested)
            yield from self._values(left - 1, ahead)
            total = size_of((yield from stream.readline(NAME_LIMIT)), b":")
            left = self._subscriptions.confirm(name, total)
            self._receives_pushes = self._monitors or bool(self._subscriptions)
            stream.end(final=requested and self._subscriptions.is_last(request.total, left))
        else:
            stream.begin(unsolicited=word in PUBLISHED or line[:1] == b">")
            yield from self._values(left, ahead)
            stream.end()

    def _values(self, left: int, line: bytes = b"") -> Parser:
        """Take this many values; ``line``: the first line of the first one, if already taken.

        Nested values are counted rather than recursed into, so there is no limit on depth.
        """
        stream = self._stream
        match = stream.match
        outer: list[int] = []  # values left around each open streamed aggregate
        while left > 0:
            if not line:
                if left >= wire.RUN and match(wire.RESPONSES):
                    left -= wire.RUN
                    continue
                if match(wire.RESPONSE):
                    left -= 1
                    continue
                header = match(wire.HEADER)
                line = header[0] if header else (yield from stream.readline(READ_LIMIT))
            kind = line[:1]
            if kind in wire.LINES:
                left -= 1
            elif kind == b"." and outer:
                left = outer.pop()
            elif line[1:2] == b"?":
                if len(outer) >= NESTING_LIMIT:
                    raise ProtocolError(f"more than {NESTING_LIMIT} nested streamed aggregates")
                if kind == b"$":
                    yield from self._chunks()
                    left -= 1
                else:
                    outer.append(left - 1 if kind != b"|" else left)
                    left = ENDLESS
            elif kind in wire.STRINGS:
                if (size := size_of(line)) >= 0:
                    yield from stream.skip(size + 2, last=left == 1)
                left -= 1
            elif kind in wire.AGGREGATES:
                left += max(size_of(line), 0) * wire.AGGREGATES[kind] - (kind != b"|")
            else:
                raise ProtocolError(f"{kind!r} is not a type of RESP")
            line = b""

    def _chunks(self) -> Parser:
        """Take a streamed string, the last part of which is empty."""
        while size := size_of((yield from self._stream.readline(NAME_LIMIT)), b";"):
            yield from self._stream.skip(size + 2)
