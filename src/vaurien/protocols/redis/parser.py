"""redis: RESP2 and RESP3, and inline commands."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import ClassVar

from ...errors import ProtocolError
from ...fault import Catalogue
from ...parsing.stream import LINE_LIMIT, READ_LIMIT, Parser, Stream
from ...protocol import Protocol
from .commands import UNSUBSCRIBING, Command, command_in, command_of
from .faults import CATALOGUE
from .forms import PLAIN, PLAIN_IN_RESP3, UNANSWERED, Asked, Transaction, slot_of
from .wire import (
    AGGREGATES,
    ARGUMENT,
    ARGUMENT_LIMIT,
    ARGUMENTS,
    CONFIRMATIONS,
    COUNTED,
    HEADER,
    INLINE,
    KEY_LIMIT,
    LINES,
    MESSAGES,
    MONITORED,
    NAME_LIMIT,
    REQUEST,
    RESPONSE,
    RESPONSES,
    RUN,
    STRINGS,
    SUBSCRIPTIONS,
    TYPED,
    Subscriptions,
    key_of,
    size_of,
    text_of,
)

NESTING_LIMIT = 100
"""How many streamed aggregates may be open inside each other."""
ENDLESS = sys.maxsize


class Redis(Protocol):
    """A store of keys and values."""

    name = "redis"
    labels = {
        "command": "the command, in upper case: SET",
        "subcommand": "the second word of commands such as CONFIG GET and XGROUP CREATE",
        "key": f"the first key, or its first {KEY_LIMIT} bytes",
        "access": "write, read, control (answered even while redis is loading) or other",
        "grows": "yes if redis refuses it when memory is short, otherwise no",
    }
    response_labels = {"error": "the code of the error, which is its first word"}
    faults: ClassVar[Catalogue] = CATALOGUE
    version = 2  # of RESP: what was asked for last, unless it was refused

    def requests(self, stream: Stream) -> Parser:
        return Requests(stream, self).parse()

    def responses(self, stream: Stream) -> Parser:
        return Responses(stream, self).parse()


class Requests:
    """The client's side of one connection."""

    __slots__ = ("_muted", "_protocol", "_queued", "_skips", "_stream")

    def __init__(self, stream: Stream, protocol: Redis) -> None:
        self._stream = stream
        self._protocol = protocol
        self._queued: Asked | None = None  # what any command is about, inside a transaction
        self._muted = False  # by CLIENT REPLY OFF
        self._skips = False  # the next answer, by CLIENT REPLY SKIP

    def parse(self) -> Parser:
        stream = self._stream
        match, begin, end = stream.match, stream.begin, stream.end
        while True:
            found = match(REQUEST)
            if found is None:
                if stream.drained:
                    yield
                else:
                    yield from self._unusual()
                continue
            words, name, first, second = found.group(4, 5, 6, 7)
            command = command_in(name)
            rare = not command.plain or self._queued or self._muted or self._skips
            if rare or (first and not first.isascii()) or (command.several and (second or words)):
                known = [word[word.index(b"\n") + 1 :] for word in (first, second) if word]
                yield from self._command(command, known, int(words) - 2 if words else 0)
                continue
            labels = command.labels
            if first is not None and command.key:
                labels = {**labels, "key": first[first.index(b"\n") + 1 :].decode()}
            begin(labels, about=self._plain)
            if words is not None:
                yield from self._arguments(int(words) - 2)
            end()

    def _unusual(self) -> Parser:
        """What is inline, or long, or not all here."""
        stream = self._stream
        if stream.match(COUNTED):
            words = size_of((yield from stream.readline(NAME_LIMIT)))
            if words > 0:
                size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
                name = (yield from stream.read(size + 2, NAME_LIMIT + 2))[:-2]
                yield from self._command(command_of(name), [], words - 1)
                return
        elif stream.match(INLINE):
            name, *arguments = (yield from stream.readline()).split() or [b""]
            if name:
                yield from self._command(command_of(name[:NAME_LIMIT]), arguments, 0)
                return
        else:
            raise ProtocolError("neither a command nor an inline one")
        stream.begin(expects_reply=False, about=UNANSWERED)
        stream.end()

    def _command(self, command: Command, known: list[bytes], left: int) -> Parser:
        """A command of which some arguments have been taken, and others are left."""
        stream = self._stream
        total = len(known) + left
        pending = 0
        while left and len(known) < command.looks and not pending:
            size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
            left -= 1
            if size > ARGUMENT_LIMIT:
                pending = size + 2
            else:
                known.append((yield from stream.read(size + 2))[:-2])
        if command.container and known:
            command = command_of(b"%b|%b" % (command.name.encode(), known[0][:NAME_LIMIT]))
        about, expects_reply = self._meaning(command, known, total)
        labels = dict(command.labels)
        key = key_of(command, known)
        if key is not None:
            labels["key"] = label = text_of(key[:KEY_LIMIT])
            if label.encode() != key:
                about = (about or PLAIN)._replace(slot=slot_of(key))
        if about is not None and about.what == "EXEC" and about.transaction is not None:
            labels.update(access=about.transaction.access, grows=about.transaction.grows)
        stream.begin(labels, expects_reply=expects_reply, about=about)
        if pending:
            yield from stream.skip(pending)
        yield from self._arguments(left)
        stream.end()

    def _arguments(self, left: int) -> Parser:
        """Arguments that nobody needs to see."""
        stream = self._stream
        while left:
            if left >= RUN and stream.match(ARGUMENTS):
                left -= RUN
            elif stream.match(ARGUMENT):
                left -= 1
            else:
                size = size_of((yield from stream.readline(NAME_LIMIT)), b"$")
                yield from stream.skip(size + 2)
                left -= 1

    @property
    def _plain(self) -> Asked | None:
        """What commands are about that change nothing."""
        return None if self._protocol.version == 2 else PLAIN_IN_RESP3

    def _meaning(
        self, command: Command, arguments: list[bytes], total: int
    ) -> tuple[Asked | None, bool]:
        """What is to be remembered of a command until it is answered, and whether it will be."""
        name = command.name
        version = self._protocol.version
        replies = not (self._muted or self._skips)
        self._skips = False
        if name == "RESET":
            self._muted, self._queued = False, None
            self._protocol.version = 2
            return Asked(name), True
        if self._queued is not None:
            queued = self._queued
            if name not in ("EXEC", "DISCARD"):
                assert queued.transaction is not None
                queued.transaction.note(command)
                if name == "HELLO" and total and arguments[0] in (b"2", b"3"):
                    queued.transaction.version = int(arguments[0])
                return queued._replace(number=total) if command.several else queued, replies
            self._queued = None
            if name == "EXEC" and queued.transaction is not None:
                self._protocol.version = queued.transaction.version or version
            return queued._replace(what=name), replies
        if command.several:
            return (self._plain or PLAIN)._replace(number=total), replies
        if name == "MULTI":
            self._queued = None if total else Asked("", 0, version, Transaction())
        elif name == "CLIENT" and total == 2 and arguments[0].upper() == b"REPLY":
            return self._reply_mode(arguments[1].upper(), replies)
        elif name in SUBSCRIPTIONS:  # confirmed even where no replies are wanted
            return Asked(name, total, version), replies or total > 0 or name in UNSUBSCRIBING
        elif name == "HELLO":
            if total and arguments[0] in (b"2", b"3"):
                self._protocol.version = int(arguments[0])
            return Asked(name, 0, version), replies
        elif name in ("MONITOR", "SYNC", "PSYNC"):
            return Asked(name, 0, version), replies
        elif name == "REPLCONF" and total and arguments[0].upper() == b"ACK":
            return UNANSWERED, False
        return self._plain, replies

    def _reply_mode(self, mode: bytes, replies: bool) -> tuple[Asked, bool]:
        if mode == b"ON":
            self._muted, replies = False, True
        elif mode == b"OFF":
            self._muted, replies = True, False
        elif mode == b"SKIP":
            self._skips, replies = not self._muted, False
        return Asked("CLIENT REPLY"), replies


class Responses:
    """The backend's side of one connection."""

    __slots__ = ("_monitors", "_protocol", "_stream", "_subscriptions", "_unusual")

    def __init__(self, stream: Stream, protocol: Redis) -> None:
        self._stream = stream
        self._protocol = protocol
        self._reset()

    def _reset(self) -> None:
        self._monitors = False
        self._subscriptions = Subscriptions()
        self._unusual = False  # it monitors, or is subscribed

    def parse(self) -> Parser:
        stream = self._stream
        match, begin, end = stream.match, stream.begin, stream.end
        while True:
            about = stream.asked
            asked = about if isinstance(about, Asked) else PLAIN
            if not asked.what and not self._unusual:
                found = match(RESPONSE)
                if found is not None:
                    code = found[1]
                    if code is None:
                        begin()
                        end()
                    else:
                        self._error(code, asked)
                    continue
            if stream.drained:
                yield
            elif (yield from self._response(asked)):
                stream.turn_opaque()
                return

    def _response(self, asked: Asked) -> Generator[None, None, bool]:
        """Whatever comes; gives whether what follows is a replica's feed, and not RESP."""
        stream = self._stream
        if stream.match(TYPED) is None:
            raise ProtocolError("no type of RESP begins like this")
        line = yield from stream.readline(READ_LIMIT)
        kind = line[:1]
        if kind == b"-":
            self._error(line[1:-2].partition(b" ")[0], asked)
        elif asked.what in ("SYNC", "PSYNC"):
            stream.begin()
            stream.end()
            return True
        elif kind == b"!":
            text = yield from stream.read(size_of(line, b"!") + 2, LINE_LIMIT)
            self._error(text[:-2].partition(b" ")[0], asked)
        elif kind == b"+":
            self._status(line, asked)
        elif kind == b">" or (kind == b"*" and asked.version == 2 and self._may_tell(asked)):
            yield from self._told(line, asked)
        else:
            if line in (b"*-1\r\n", b"_\r\n"):  # of EXEC: a key that was watched has changed
                self._keep_version(asked)
            stream.begin()
            yield from self._values(1, line)
            stream.end()
        return False

    def _error(self, code: bytes, asked: Asked) -> None:
        stream = self._stream
        text = text_of(code)
        self._keep_version(asked)
        stream.begin({"error": text})
        if not asked.stands_in:
            stream.error(text)
        stream.end()

    def _keep_version(self, asked: Asked) -> None:
        """What would have changed the version has failed."""
        transaction = asked.transaction if asked.what == "EXEC" else None
        if asked.what == "HELLO" or (transaction is not None and transaction.version):
            self._protocol.version = asked.version

    def _status(self, line: bytes, asked: Asked) -> None:
        stream = self._stream
        if self._monitors and MONITORED.match(line):
            stream.begin(unsolicited=True)
        else:
            if asked.what == "RESET":
                self._reset()
            elif asked.what == "MONITOR":
                self._monitors = self._unusual = True
            stream.begin()
        stream.end()

    def _may_tell(self, asked: Asked) -> bool:
        """Whether arrays may be what RESP3 has pushes for."""
        return self._unusual or asked.what in SUBSCRIPTIONS

    def _told(self, line: bytes, asked: Asked) -> Parser:
        """An array or a push whose first word says whether it is an answer."""
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
            wanted = name == asked.what
            stream.begin(unsolicited=not wanted)
            yield from self._values(left - 1, ahead)
            total = size_of((yield from stream.readline(NAME_LIMIT)), b":")
            left = self._subscriptions.confirm(name, total)
            self._unusual = self._monitors or bool(self._subscriptions)
            stream.end(final=wanted and self._subscriptions.is_last(asked.number, left))
        else:
            stream.begin(unsolicited=word in MESSAGES or line[:1] == b">")
            yield from self._values(left, ahead)
            stream.end()

    def _values(self, left: int, line: bytes = b"") -> Parser:
        """So many values; of the first, this line has been taken, if there is one.

        Values in values are counted, and not gone into: no depth is too much.
        """
        stream = self._stream
        match = stream.match
        outer: list[int] = []  # what is left around the streamed aggregates that are open
        while left > 0:
            if not line:
                if left >= RUN and match(RESPONSES):
                    left -= RUN
                    continue
                if match(RESPONSE):
                    left -= 1
                    continue
                header = match(HEADER)
                line = header[0] if header else (yield from stream.readline(READ_LIMIT))
            kind = line[:1]
            if kind in LINES:
                left -= 1
            elif kind == b"." and outer:
                left = outer.pop()
            elif line[1:2] == b"?":
                if len(outer) >= NESTING_LIMIT:
                    raise ProtocolError(f"{NESTING_LIMIT} streamed aggregates inside each other")
                if kind == b"$":
                    yield from self._chunks()
                    left -= 1
                else:
                    outer.append(left - 1 if kind != b"|" else left)
                    left = ENDLESS
            elif kind in STRINGS:
                if (size := size_of(line)) >= 0:
                    yield from stream.skip(size + 2, last=left == 1)
                left -= 1
            elif kind in AGGREGATES:
                left += max(size_of(line), 0) * AGGREGATES[kind] - (kind != b"|")
            else:
                raise ProtocolError(f"{kind!r} is no type of RESP")
            line = b""

    def _chunks(self) -> Parser:
        """A string that comes in parts, the last of which is empty."""
        while size := size_of((yield from self._stream.readline(NAME_LIMIT)), b";"):
            yield from self._stream.skip(size + 2)
