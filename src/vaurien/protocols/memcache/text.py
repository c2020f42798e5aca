"""Text and meta commands, and their responses.

Law: responses carry their own length, so framing them needs no request; the request only
decides which exchange a response belongs to.  Facts are from ``doc/protocol.txt`` of memcached
1.6 and its sources.

Quiet requests (a ``q`` flag, a quiet opcode) are answered only if the outcome is unusual.
They expect no reply, and their responses count as unsolicited.  Such a response is
distinguished from the one to a later request by its code, its opcode or its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple

from ...errors import ProtocolError
from ...protocol import LINE_LIMIT, READ_LIMIT, Parser, Stream
from ...values.messages import NO_LABELS
from .wire import KEY_LIMIT, MemcacheRequest

VALUE_LIMIT = 2**31 - 3
"""Maximum size of a value in bytes; a longer value is refused, and taken for commands."""
COMMAND_LIMIT = 2048
"""Maximum bytes of a line; the server closes the connection on a longer one, except for ..."""
RETRIEVAL = ([b"get"], [b"gets"], [b"gat"], [b"gats"], [b"bget"])
"""... commands that take any number of keys."""
WORD_LIMIT = 19
"""Maximum words of a meta command."""
OPAQUE_LIMIT = 32
"""Maximum bytes of an opaque token, with its ``O``."""

LINE = re.compile(rb" *+([^ \r\n]*+)(?: ++([^ \r\n]++))?+([^\n]*+)\n")
RESULT = re.compile(rb"([A-Za-z_]*+)([^\n]*+)\n")
USUAL = re.compile(rb" \d{1,9} \d{1,9} (\d{1,9})( noreply)?\r?")
"""What almost all storage commands have after the key."""
NUMBER = re.compile(rb"[+-]?\d{1,30}")
BEGUN = re.compile(rb" *+([^ \r\n]++) (?: *+([^ \r\n]++) )?")
"""The beginning of a command's line.  Groups: the command, the first word after it."""
SMALL_SIZE = re.compile(rb"\d{1,9}\Z")
REPEATED = re.compile(rb" ([Ok][^ \r\n]*+)")


# Requests.


ParsedLine = tuple[MemcacheRequest, bytes | None, int, bool]
"""A command's line: the request; its key; the size of the value that follows, with its line end,
or 0; whether it is silent: not answered, or only if the outcome is unusual."""
LineParser = Callable[[MemcacheRequest, bytes | None, bytes], ParsedLine]
"""Parses a command's line; takes the request, the first word after the command, and the rest."""


def _plain(request: MemcacheRequest, _first: bytes | None, _rest: bytes) -> ParsedLine:
    """``stats``, ``version``."""
    return request, None, 0, False


def _retrieval(request: MemcacheRequest, first: bytes | None, _rest: bytes) -> ParsedLine:
    """``get <key>*``."""
    return request, first, 0, False


def _get_and_touch(request: MemcacheRequest, _first: bytes | None, rest: bytes) -> ParsedLine:
    """``gat <time> <key>*``."""
    words = rest.split(None, 1)
    return request, words[0] if words else None, 0, False


def _storage(request: MemcacheRequest, first: bytes | None, rest: bytes) -> ParsedLine:
    """``set <key> <flags> <time> <length> [noreply]``, and the value.

    ``cas`` has one more number.  Where the server can't parse the line it expects no value;
    neither do we.
    """
    usual = USUAL.fullmatch(rest)
    if usual and first is not None and len(first) <= KEY_LIMIT and request.command != "cas":
        return request, first, int(usual[1]) + 2, usual[2] is not None
    words = rest.split(None, 6)
    needed = 4 if request.command == "cas" else 3
    if not needed <= len(words) <= needed + 1:
        return request, first, 0, False
    size = 0
    if (
        len(first or b"") <= KEY_LIMIT
        and _is_number(words[0], 0, 2**64)
        and _is_number(words[1], -(2**63), 2**63)
        and (needed == 3 or _is_number(words[3], 0, 2**64))
    ):
        size = _value_size(words[2])
    return request, first, size, words[-1] == b"noreply"


def _config(request: MemcacheRequest, first: bytes | None, rest: bytes) -> ParsedLine:
    """``config get cluster``, the only form of ElastiCache's ``config``."""
    found = first == b"get" and rest.split(None, 1) == [b"cluster"]
    return (request if found else UNKNOWN.request), None, 0, False


def _keyed(request: MemcacheRequest, first: bytes | None, rest: bytes) -> ParsedLine:
    """``incr <key> <number> [noreply]``."""
    return request, first, 0, rest.rstrip().endswith(b" noreply")


def _keyless(request: MemcacheRequest, first: bytes | None, rest: bytes) -> ParsedLine:
    """``flush_all [<time>] [noreply]``."""
    return request, None, 0, (rest.rsplit(None, 1) or [first or b""])[-1] == b"noreply"


def _meta(request: MemcacheRequest, first: bytes | None, rest: bytes) -> ParsedLine:
    """``mg <key> <flag>*``."""
    if first is None:
        return request, None, 0, False
    flags = rest.split(None, WORD_LIMIT)
    if len(first) > KEY_LIMIT or len(flags) > WORD_LIMIT - 2:
        return request, first, 0, False
    return _with_flags(request, first, flags)


def _meta_set(request: MemcacheRequest, first: bytes | None, rest: bytes) -> ParsedLine:
    """``ms <key> <length> <flag>*``, and the value."""
    words = rest.split(None, WORD_LIMIT)
    if first is None or not words:
        return request, None, 0, False
    if len(first) > KEY_LIMIT or len(words) > WORD_LIMIT - 2:
        return request, first, 0, False
    return _with_flags(request, first, words[1:], _value_size(words[0]))


def _quit(request: MemcacheRequest, _first: bytes | None, _rest: bytes) -> ParsedLine:
    """``quit``, which the server answers by closing the connection."""
    return request, None, 0, True


def _with_flags(
    request: MemcacheRequest, key: bytes, flags: list[bytes], size: int = 0
) -> ParsedLine:
    """Note the flags of a meta command; the server rejects one that is given twice."""
    by_letter = {flag[:1]: flag for flag in flags}
    if len(by_letter) < len(flags):
        return request, key, size, False
    tokens = []
    for letter, flag in by_letter.items():
        if letter == b"O" and len(flag) <= OPAQUE_LIMIT:
            tokens.append(flag)
        elif letter == b"k":
            tokens.append(b"k" + key)
    quiet, base64 = b"q" in by_letter, b"b" in by_letter
    request = MemcacheRequest(
        request.command, "meta", quiet, request.after_quiet, key, base64, tuple(tokens)
    )
    return request, key, size, quiet


def _value_size(word: bytes) -> int:
    """Return the size of a value and its line end in bytes; 0 if none follows."""
    return int(word) + 2 if _is_number(word, 0, VALUE_LIMIT + 1) else 0


def _is_number(word: bytes, low: int, end: int) -> bool:
    """Whether a word is a number that the server accepts, from ``low`` up to ``end - 1``."""
    return NUMBER.fullmatch(word) is not None and low <= int(word) < end


class TextCommand(NamedTuple):
    """A command, with what is noted of its requests."""

    parse: LineParser
    request: MemcacheRequest
    after_quiet: MemcacheRequest
    """The same, after quiet requests."""


def _commands(parse: LineParser, *names: str) -> dict[bytes, TextCommand]:
    made = {}
    for name in names:
        request = MemcacheRequest(name, "meta" if len(name) == 2 else "text")
        made[name.encode()] = TextCommand(parse, request, request._replace(after_quiet=True))
    return made


COMMANDS = {
    **_commands(_retrieval, "get", "gets", "bget", "me"),
    **_commands(_get_and_touch, "gat", "gats"),
    **_commands(_storage, "set", "add", "replace", "append", "prepend", "cas"),
    **_commands(_keyed, "delete", "incr", "decr", "touch"),
    **_commands(_keyless, "flush_all", "verbosity", "cache_memlimit", "slabs", "lru"),
    **_commands(_keyless, "lru_crawler", "refresh_certs", "extstore"),
    **_commands(_plain, "stats", "version", "mn", "watch", "shutdown"),
    **_commands(_plain, "misbehave", "debugtime", "debugitem"),
    **_commands(_config, "config"),
    **_commands(_meta, "mg", "md", "ma"),
    **_commands(_meta_set, "ms"),
    **_commands(_quit, "quit"),
}
UNKNOWN = _commands(_keyless, "unknown")[b"unknown"]


def _wait(
    stream: Stream, pattern: re.Pattern[bytes], limit: int = LINE_LIMIT
) -> Generator[None, None, re.Match[bytes]]:
    """Take the next line when it has arrived; the pattern matches any line."""
    found = pattern.match((yield from stream.readline(limit)))
    assert found is not None
    return found


def _request_line(stream: Stream) -> Generator[None, None, re.Match[bytes]]:
    """Take the line of a request when it has arrived.

    Raises:
        ProtocolError: it is longer than the server accepts.
    """
    while not (found := stream.match(LINE)):
        begun = stream.at_hand(COMMAND_LIMIT + 1)
        if command := BEGUN.match(begun):
            _announce(stream, *command.groups())
        if len(begun) > COMMAND_LIMIT:
            _check_length(begun)
            return (yield from _wait(stream, LINE, READ_LIMIT))
        yield
    return found


def _announce(stream: Stream, name: bytes, first: bytes | None) -> None:
    """Announce a command of which these words have arrived."""
    request = COMMANDS.get(name, UNKNOWN).request
    if first is not None and [name] in RETRIEVAL and not name.startswith(b"gat"):
        stream.announce(request.labels(first, quiet=False))
    elif name != b"config":  # which may be an unknown command
        labels = {"command": request.command, "form": request.form}
        stream.announce(labels, unknown=("key", "quiet"))


def _check_length(line: bytes) -> None:
    """Check a line of more than ``COMMAND_LIMIT`` bytes, of which this is the beginning.

    Raises:
        ProtocolError: the server closes the connection on such a line.
    """
    if line.split(None, 1)[:1] not in RETRIEVAL:
        raise ProtocolError(f"a command of more than {COMMAND_LIMIT} bytes")


def text_requests(stream: Stream) -> Parser:
    """Parse what a client of the text protocol sends."""
    after_quiet = False
    counts_commands = stream.exchanges.tallied == "command"
    while True:
        line = stream.match(LINE) or (yield from _request_line(stream))
        if line.end() - line.start() > COMMAND_LIMIT:
            _check_length(line[0][:COMMAND_LIMIT])
        name, first, rest = line.groups()
        parse, plain, after = COMMANDS.get(name, UNKNOWN)
        request, key, size, silent = parse(after if after_quiet else plain, first, rest)
        once = request.quiet or name == b"watch"
        counted = counts_commands and stream.watching and not (once or silent)
        if counted and stream.take(size):
            after_quiet = False
            if stream.message({"command": request.command}, request):
                yield
            continue
        labels = request.labels(key, quiet=silent and request.command != "quit")
        stream.begin(labels, expects_reply=not silent, final=not once, about=request)
        if size:
            yield from stream.skip(size)
        stream.end()
        after_quiet = request.quiet or (after_quiet and silent)


# Responses.


class ResultWord(NamedTuple):
    """What the first word of a line of a response means."""

    labels: Mapping[str, str] = NO_LABELS
    size_at: int = -1
    """Index of the word, among the rest, that is the size of the value that follows; -1: none."""
    continues: bool = False
    """Another line of the response follows."""


META_CODES = frozenset({b"HD", b"VA", b"EN", b"NF", b"NS", b"EX"})
RESULT_WORDS = {
    **{
        word.encode(): ResultWord({"result": word})
        for word in (
            *("END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED"),
            *("OK", "RESET", "VERSION", "BUSY", "BADCLASS", "NOSPARE", "SAME", "NOTSTARTED"),
            *("HD", "EN", "NF", "NS", "EX", "ME", "MN"),
        )
    },
    **{
        word.encode(): ResultWord({"result": word, "error": word})
        for word in ("ERROR", "CLIENT_ERROR", "SERVER_ERROR")
    },
    **{
        word.encode(): ResultWord({"result": word}, continues=True)
        for word in ("STAT", "ITEM", "PREFIX")
    },
    b"VALUE": ResultWord({"result": "VALUE"}, size_at=2, continues=True),
    b"CONFIG": ResultWord({"result": "CONFIG"}, size_at=2, continues=True),
    b"VA": ResultWord({"result": "VA"}, size_at=0),
    b"key": ResultWord(continues=True),  # lru_crawler metadump
    b"mg": ResultWord(continues=True),  # lru_crawler mgdump
}
OTHER = ResultWord()


def _answers_quiet(request: object, word: bytes, rest: bytes) -> bool:
    """Whether a line answers a quiet request before ``request``, which expects a response.

    An error may answer either; it then counts as the response to ``request``, except that
    ``mn`` never fails.
    """
    if not isinstance(request, MemcacheRequest) or not request.after_quiet:
        return False
    if request.command == "mn":
        return word != b"MN"
    if word not in META_CODES:
        return False
    return request.form == "text" or set(REPEATED.findall(rest)) != set(request.tokens)


def _size(rest: bytes, index: int) -> int:
    """Return the size of a value and its line end in bytes, from the line before it.

    Raises:
        ProtocolError: the word at this index is no number.
    """
    try:
        return int(rest.split()[index]) + 2
    except (IndexError, ValueError):
        raise ProtocolError(f"no size of a value in {rest[:100]!r}") from None


def _take_value(stream: Stream, rest: bytes, index: int) -> bool:
    """Take a value, by the line before it, if all of it has arrived."""
    words = rest.split(None, index + 1)
    size = SMALL_SIZE.match(words[index]) if index < len(words) else None
    return size is not None and stream.take(int(size[0]) + 2)


def _begin(stream: Stream, labels: Mapping[str, str], *, unsolicited: bool) -> None:
    if not stream.in_message:
        stream.begin(labels, unsolicited=unsolicited)


def text_responses(stream: Stream) -> Parser:
    """Parse what the server sends to a client of the text protocol."""
    while True:
        line = stream.match(RESULT)
        if line is None:
            if stream.drained:
                yield
                continue
            line = yield from _wait(stream, RESULT)
        word, rest = line.groups()
        result = RESULT_WORDS.get(word, OTHER)
        request = stream.asked
        labels, unsolicited = result.labels, _answers_quiet(request, word, rest)
        while True:
            if result.size_at >= 0 and not _take_value(stream, rest, result.size_at):
                _begin(stream, labels, unsolicited=unsolicited)
                yield from stream.skip(_size(rest, result.size_at))
            if not result.continues:
                break
            line = stream.match(RESULT)
            if line is None:
                _begin(stream, labels, unsolicited=unsolicited)
                line = yield from _wait(stream, RESULT)
            word, rest = line.groups()
            result = RESULT_WORDS.get(word, OTHER)
        if unsolicited or stream.in_message:
            _begin(stream, labels, unsolicited=unsolicited)
            stream.end()
        else:
            stream.message(labels)
        if "error" in result.labels:
            stream.error(result.labels["error"])
        elif word == b"OK" and isinstance(request, MemcacheRequest) and request.command == "watch":
            yield from _log(stream)


def _log(stream: Stream) -> Parser:
    """Parse the log lines that follow ``watch``, until the connection ends."""
    while True:
        yield from stream.readline(READ_LIMIT)
        stream.begin(unsolicited=True)
        stream.end()
