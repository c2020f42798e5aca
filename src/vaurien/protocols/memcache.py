"""memcache: what memcached speaks; text, meta commands and the binary protocol.

Law: responses say themselves how long they are, so framing them needs no request; what was
asked for decides only whose answer one is.  Facts are from ``doc/protocol.txt`` of memcached
1.6, its sources, and the wiki's page on the binary protocol.

Quiet requests (a ``q`` flag, a quiet opcode) are answered only if something is out of the
ordinary.  They expect no reply; what they are told all the same answers no request, for
these reasons: a binary response has the opcode that it answers; and a meta response that
comes before the answer to a later request is told from that by its code, or its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import ClassVar, NamedTuple

from ..errors import ProtocolError
from ..fault import Catalogue
from ..faults.memcache import CATALOGUE
from ..faults.memcache_forms import HEADER, RESPONSE, STATUSES, Asked
from ..messages import NO_LABELS
from ..protocol import READ_LIMIT, Parser, Protocol, Stream

REQUEST = 0x80
HEADER_SIZE = HEADER.size
VALUE_LIMIT = 2**31 - 3
"""Bytes; longer values are refused, and their data are taken for commands."""

FIRST = re.compile(rb"(?=(\x80|\x81)|.)", re.DOTALL)
LINE = re.compile(rb" *([^ \r\n]*)(?: +([^ \r\n]+))?([^\n]*)\n")
PACKET = re.compile(rb"[\x80\x81].{23}", re.DOTALL)
RESULT = re.compile(rb"([A-Za-z_]*)([^\n]*)\n")
REPEATED = re.compile(rb" ([Ok][^ \r\n]*)")


# Requests.


class Kind(Enum):
    """How the line of a text command goes on."""

    KEYED = auto()
    """With keys; it is always answered (``get``)."""
    LATER = auto()
    """With a number, then keys; likewise (``gat``)."""
    STORAGE = auto()
    """With a key, flags, time and length, perhaps ``noreply``; then comes the value."""
    CHANGE = auto()
    """With a key, perhaps ``noreply`` at the end (``incr``)."""
    ORDER = auto()
    """Without a key, perhaps ``noreply`` at the end (``flush_all``)."""
    QUESTION = auto()
    """Without a key; it is always answered (``stats``)."""
    META = auto()
    """With a key and flags."""
    META_SET = auto()
    """With a key, a length and flags; then comes the value."""
    END = auto()
    """It ends the connection, and is not answered."""


class Command(NamedTuple):
    """A text command, and what is to be known of all its requests."""

    name: str
    kind: Kind
    asked: Asked
    after_quiet: Asked
    """The same, where quiet requests came before."""


def _commands(kind: Kind, *names: str) -> dict[bytes, Command]:
    made = {}
    for name in names:
        asked = Asked(name, "meta" if name in ("mn", "me") else "text")
        made[name.encode()] = Command(name, kind, asked, asked._replace(after_quiet=True))
    return made


COMMANDS = {
    **_commands(Kind.KEYED, "get", "gets", "bget", "me"),
    **_commands(Kind.LATER, "gat", "gats"),
    **_commands(Kind.STORAGE, "set", "add", "replace", "append", "prepend", "cas"),
    **_commands(Kind.CHANGE, "delete", "incr", "decr", "touch"),
    **_commands(Kind.ORDER, "flush_all", "verbosity", "cache_memlimit", "slabs", "lru"),
    **_commands(Kind.ORDER, "lru_crawler", "refresh_certs", "extstore"),
    **_commands(Kind.QUESTION, "stats", "version", "mn", "watch", "shutdown", "misbehave"),
    **_commands(Kind.QUESTION, "debugtime", "debugitem"),
    **_commands(Kind.META, "mg", "md", "ma"),
    **_commands(Kind.META_SET, "ms"),
    **_commands(Kind.END, "quit"),
}
UNKNOWN = _commands(Kind.ORDER, "unknown")[b"unknown"]


class Opcode(NamedTuple):
    """A command of the binary protocol."""

    name: str
    """Of the text command that does the same, if there is one."""
    quiet: bool = False
    answers: bool = True
    """It is answered at least if it fails."""


def _opcodes(quiet: int, **names: int) -> dict[int, Opcode]:
    """``quiet``: what is to be added for the quiet form; 0 for none."""
    made = {code: Opcode(name) for name, code in names.items()}
    if quiet:
        made.update({code + quiet: Opcode(name, quiet=True) for name, code in names.items()})
    return made


OPCODES = {
    **_opcodes(0x09, get=0x00),
    **_opcodes(0x01, get=0x0C, gat=0x1D),
    **_opcodes(0x01, gat=0x23),
    **_opcodes(0x10, set=0x01, add=0x02, replace=0x03, delete=0x04, incr=0x05, decr=0x06),
    **_opcodes(0x10, flush_all=0x08),
    **_opcodes(0x0B, append=0x0E, prepend=0x0F),
    **_opcodes(0, noop=0x0A, version=0x0B, stats=0x10, verbosity=0x1B, touch=0x1C),
    **_opcodes(0, sasl_list_mechs=0x20, sasl_auth=0x21, sasl_step=0x22, quit=0x07),
    0x17: Opcode("quit", quiet=True),
}
