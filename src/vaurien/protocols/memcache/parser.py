"""memcache: what memcached speaks; text and meta commands here, the binary protocol beside it.

Law: responses say themselves how long they are, so framing them needs no request; what was
asked for decides only whose answer one is.  Facts are from ``doc/protocol.txt`` of memcached
1.6 and its sources.

Quiet requests (a ``q`` flag, a quiet opcode) are answered only if something is out of the
ordinary.  They expect no reply, and what they are told all the same counts as unsolicited.
It is told from the response to a later request by its code, its opcode or its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import ClassVar, NamedTuple

from ...errors import ProtocolError
from ...fault import Catalogue
from ...protocol import LINE_LIMIT, READ_LIMIT, Parser, Protocol, Stream
from ...values.messages import NO_LABELS
from .binary import binary_requests, binary_responses
from .faults import CATALOGUE
from .forms import KEY_LIMIT, Asked

VALUE_LIMIT = 2**31 - 3
"""Bytes; longer values are refused, and their data are taken for commands."""

LINE = re.compile(rb" *+([^ \r\n]*+)(?: ++([^ \r\n]++))?+([^\n]*+)\n")
RESULT = re.compile(rb"([A-Za-z_]*+)([^\n]*+)\n")
USUAL = re.compile(rb" \d{1,9} \d{1,9} (\d{1,9})( noreply)?\r?")
"""What as good as all storage commands say after the key."""
NUMBER = re.compile(rb"[+-]?\d{1,30}")
REPEATED = re.compile(rb" ([Ok][^ \r\n]*+)")


# Requests.


Said = tuple[Asked, bytes | None, int, bool]
"""What the line of a text command says: what is asked for; the key; the size of the value that
follows, with its end, or 0; and whether it is silent: not answered, or not in the ordinary."""
Read = Callable[[Asked, bytes | None, bytes], Said]
"""Understands a line: what it asks for, the first word after the command, and the rest."""


def _always_answered(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``stats``, ``version``."""
    del first, rest
    return asked, None, 0, False


def _retrieval(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``get <key>*``."""
    del rest
    return asked, first, 0, False


def _touching(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``gat <time> <key>*``."""
    del first
    words = rest.split(None, 1)
    return asked, words[0] if words else None, 0, False


def _storage(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``set <key> <flags> <time> <length> [noreply]``, and the value.

    ``cas`` has a number more.  Where the server can't read the line, it takes no value; nor
    do we.
    """
    usual = USUAL.fullmatch(rest)
    if usual and first is not None and len(first) <= KEY_LIMIT and asked.command != "cas":
        return asked, first, int(usual[1]) + 2, usual[2] is not None
    words = rest.split()
    needed = 4 if asked.command == "cas" else 3
    if not needed <= len(words) <= needed + 1:
        return asked, first, 0, False
    size = 0
    if (
        len(first or b"") <= KEY_LIMIT
        and _is_number(words[0], 0, 2**64)
        and _is_number(words[1], -(2**63), 2**63)
        and (needed == 3 or _is_number(words[3], 0, 2**64))
    ):
        size = _value_size(words[2])
    return asked, first, size, words[-1] == b"noreply"


def _configuration(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``config get cluster``, and nothing else, is a command of ElastiCache's."""
    found = first == b"get" and rest.split() == [b"cluster"]
    return (asked if found else UNKNOWN.asked), None, 0, False


def _change(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``incr <key> <number> [noreply]``."""
    return asked, first, 0, rest.rstrip().endswith(b" noreply")


def _order(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``flush_all [<time>] [noreply]``."""
    return asked, None, 0, b"noreply" in (first, *rest.split())[-1:]


def _meta(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``mg <key> <flag>*``."""
    return (asked, None, 0, False) if first is None else _flagged(asked, first, rest.split())


def _meta_set(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """``ms <key> <length> <flag>*``, and the value."""
    words = rest.split()
    if first is None or not words:
        return asked, None, 0, False
    size = _value_size(words[0]) if len(first) <= KEY_LIMIT else 0
    return _flagged(asked, first, words[1:], size)


def _quit(asked: Asked, first: bytes | None, rest: bytes) -> Said:
    """The server's answer is to close."""
    del first, rest
    return asked, None, 0, True


def _flagged(asked: Asked, key: bytes, flags: list[bytes], size: int = 0) -> Said:
    quiet = base64 = False
    tokens = []
    for flag in flags:
        if flag.startswith(b"O"):
            tokens.append(flag)
        elif flag.startswith(b"k"):
            tokens.append(b"k" + key)
        elif flag.startswith(b"q"):
            quiet = True
        elif flag.startswith(b"b"):
            base64 = True
    asked = Asked(asked.command, "meta", quiet, asked.after_quiet, key, base64, tuple(tokens))
    return asked, key, size, quiet


def _value_size(word: bytes) -> int:
    """The bytes of a value and its end, or 0 if there is none."""
    return int(word) + 2 if _is_number(word, 0, VALUE_LIMIT + 1) else 0


def _is_number(word: bytes, low: int, end: int) -> bool:
    """Whether a word is a number that the server takes, of these."""
    return NUMBER.fullmatch(word) is not None and low <= int(word) < end


class Command(NamedTuple):
    """A text command, and what is to be known of all its requests."""

    read: Read
    asked: Asked
    after_quiet: Asked
    """The same, where quiet requests came before."""


def _commands(read: Read, *names: str) -> dict[bytes, Command]:
    made = {}
    for name in names:
        asked = Asked(name, "meta" if len(name) == 2 else "text")
        made[name.encode()] = Command(read, asked, asked._replace(after_quiet=True))
    return made


COMMANDS = {
    **_commands(_retrieval, "get", "gets", "bget", "me"),
    **_commands(_touching, "gat", "gats"),
    **_commands(_storage, "set", "add", "replace", "append", "prepend", "cas"),
    **_commands(_change, "delete", "incr", "decr", "touch"),
    **_commands(_order, "flush_all", "verbosity", "cache_memlimit", "slabs", "lru"),
    **_commands(_order, "lru_crawler", "refresh_certs", "extstore"),
    **_commands(_always_answered, "stats", "version", "mn", "watch", "shutdown"),
    **_commands(_always_answered, "misbehave", "debugtime", "debugitem"),
    **_commands(_configuration, "config"),
    **_commands(_meta, "mg", "md", "ma"),
    **_commands(_meta_set, "ms"),
    **_commands(_quit, "quit"),
}
UNKNOWN = _commands(_order, "unknown")[b"unknown"]


def _wait(
    stream: Stream, pattern: re.Pattern[bytes], limit: int = LINE_LIMIT
) -> Generator[None, None, re.Match[bytes]]:
    """The next line, when it has come; the pattern matches any line."""
    found = pattern.match((yield from stream.readline(limit)))
    assert found is not None
    return found


def _text_requests(stream: Stream) -> Parser:
    after_quiet = False
    while True:
        line = stream.match(LINE) or (yield from _wait(stream, LINE, READ_LIMIT))
        name, first, rest = line.groups()
        read, plainly, after = COMMANDS.get(name, UNKNOWN)
        asked, key, size, silent = read(after if after_quiet else plainly, first, rest)
        labels = asked.labels(key, quiet=silent and asked.command != "quit")
        stream.begin(labels, expects_reply=not silent, about=asked)
        if size:
            yield from stream.skip(size)
        stream.end()
        after_quiet = asked.quiet or (after_quiet and silent)


# Responses.


class Outcome(NamedTuple):
    """What the first word of a line of a response means."""

    labels: Mapping[str, str] = NO_LABELS
    size_at: int = -1
    """Which word of the rest is the length of the value that follows; -1: none follows."""
    goes_on: bool = False
    """Another line follows."""


META_CODES = frozenset({b"HD", b"VA", b"EN", b"NF", b"NS", b"EX"})
OUTCOMES = {
    **{
        word.encode(): Outcome({"result": word})
        for word in (
            *("END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED"),
            *("OK", "RESET", "VERSION", "BUSY", "BADCLASS", "NOSPARE", "SAME", "NOTSTARTED"),
            *("HD", "EN", "NF", "NS", "EX", "ME", "MN"),
        )
    },
    **{
        word.encode(): Outcome({"result": word, "error": word})
        for word in ("ERROR", "CLIENT_ERROR", "SERVER_ERROR")
    },
    **{
        word.encode(): Outcome({"result": word}, goes_on=True)
        for word in ("STAT", "ITEM", "PREFIX")
    },
    b"VALUE": Outcome({"result": "VALUE"}, size_at=2, goes_on=True),
    b"CONFIG": Outcome({"result": "CONFIG"}, size_at=2, goes_on=True),
    b"VA": Outcome({"result": "VA"}, size_at=0),
    b"key": Outcome(goes_on=True),  # lru_crawler metadump
    b"mg": Outcome(goes_on=True),  # lru_crawler mgdump
}
OTHER = Outcome()


def _answers_quiet(asked: object, word: bytes, rest: bytes) -> bool:
    """A line answers a quiet request that came before the one which is owed a response.

    An error may be either's; then it is taken for the answer that is owed, but to ``mn``,
    which never fails.
    """
    if not isinstance(asked, Asked) or not asked.after_quiet:
        return False
    if asked.command == "mn":
        return word != b"MN"
    if word not in META_CODES:
        return False
    return asked.form == "text" or set(REPEATED.findall(rest)) != set(asked.tokens)


def _size(rest: bytes, place: int) -> int:
    """The bytes of a value and its end, from a word of the line before it."""
    try:
        return int(rest.split()[place]) + 2
    except (IndexError, ValueError):
        raise ProtocolError(f"no length of a value in {rest[:100]!r}") from None


def _text_responses(stream: Stream) -> Parser:
    while True:
        word, rest = (stream.match(RESULT) or (yield from _wait(stream, RESULT))).groups()
        outcome = OUTCOMES.get(word, OTHER)
        asked = stream.asked
        stream.begin(outcome.labels, unsolicited=_answers_quiet(asked, word, rest))
        while True:
            if outcome.size_at >= 0:
                yield from stream.skip(_size(rest, outcome.size_at))
            if not outcome.goes_on:
                break
            word, rest = (stream.match(RESULT) or (yield from _wait(stream, RESULT))).groups()
            outcome = OUTCOMES.get(word, OTHER)
        stream.end()
        if "error" in outcome.labels:
            stream.error(outcome.labels["error"])
        elif word == b"OK" and isinstance(asked, Asked) and asked.command == "watch":
            yield from _log(stream)


def _log(stream: Stream) -> Parser:
    """What a connection that watches is told, to its end."""
    while True:
        yield from stream.readline(READ_LIMIT)
        stream.begin(unsolicited=True)
        stream.end()


# The protocol.


class Memcache(Protocol):
    """See the module."""

    name = "memcache"
    labels: ClassVar[Mapping[str, str]] = {
        "command": "in lower case, as in text: get, set, mg; binary ones by the same names",
        "key": "the first one",
        "form": "text, meta or binary",
        "quiet": "yes if success is not answered: noreply, a q flag, a quiet opcode; otherwise no",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "result": "the first word: STORED, END, HD; of binary responses the status: SUCCESS",
        "error": "ERROR, CLIENT_ERROR or SERVER_ERROR; of binary responses the status: ENOMEM",
    }
    faults: ClassVar[Catalogue] = CATALOGUE

    def requests(self, stream: Stream) -> Parser:
        while stream.drained:
            yield
        binary = stream.at_hand(1) == b"\x80"
        return (yield from (binary_requests if binary else _text_requests)(stream))

    def responses(self, stream: Stream) -> Parser:
        while stream.drained:
            yield
        binary = stream.at_hand(1) == b"\x81"
        return (yield from (binary_responses if binary else _text_responses)(stream))
