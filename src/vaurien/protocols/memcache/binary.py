"""The binary protocol of memcached.

Law: a packet carries its own length, and a response has the opcode of its request, so it is
always clear whether it answers a quiet request.  Facts are from ``protocol_binary.h`` and
``proto_bin.c`` of memcached 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...errors import ProtocolError
from ...protocol import Parser, Stream
from .wire import HEADER, KEY_LIMIT, REQUEST, RESPONSE, STATUSES, MemcacheRequest

PACKET = re.compile(rb"[\x80\x81].{23}", re.DOTALL)


class Opcode(NamedTuple):
    """A command of the binary protocol."""

    name: str
    """The name of the text command that does the same, if there is one."""
    quiet: bool = False


def _opcodes(quiet: int, **names: int) -> dict[int, Opcode]:
    """``quiet``: what to add to an opcode for its quiet form; 0: there is none."""
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
QUIET = frozenset(code for code, opcode in OPCODES.items() if opcode.quiet)
ONCE = frozenset({*QUIET, 0x21, 0x22})
"""Those that may be answered once where they come twice: quiet ones, and ``sasl_auth``."""
STAT = 0x10
NO_CAS = bytes(8)


def binary_requests(stream: Stream) -> Parser:
    """Parse what a client of the binary protocol sends."""
    after_quiet = False
    while True:
        packet = stream.match(PACKET)
        header = packet[0] if packet else (yield from stream.read(HEADER.size))
        magic, code, key_size, extras, _, _, size, _, cas = HEADER.unpack(header)
        if magic != REQUEST:
            raise ProtocolError(f"a binary request begins with 0x80, not with 0x{magic:02x}")
        lead = extras + key_size
        if lead > size:  # the server answers, and closes the connection, once these have arrived
            raise ProtocolError(f"a body of {size} bytes, with {lead} of extras and key")
        opcode = OPCODES.get(code) or Opcode(f"0x{code:02x}")
        name = "cas" if opcode.name == "set" and cas != NO_CAS else opcode.name
        quiet = opcode.quiet
        if len(stream.at_hand(lead)) < lead:
            labels = MemcacheRequest(name, "binary").labels(None, quiet=quiet)
            stream.keep_limit = HEADER.size + extras + KEY_LIMIT
            stream.announce(labels, unknown=("key",))
        key = (yield from stream.read(lead))[extras:]
        noted = key if len(key) <= KEY_LIMIT else b""  # the server rejects a longer one
        request = MemcacheRequest(name, "binary", quiet, after_quiet, noted, header=header)
        labels = request.labels(key or None, quiet=quiet)
        stream.begin(labels, expects_reply=not quiet, final=code not in ONCE, about=request)
        if size > lead:
            yield from stream.skip(size - lead)
        stream.end()
        after_quiet = quiet


RESULTS = frozenset({0x00, 0x01, 0x02, 0x05, 0x21})
"""Binary statuses that are not errors."""


def _status_labels(status: int, name: str) -> Mapping[str, str]:
    return {"result": name} if status in RESULTS else {"result": name, "error": name}


STATUS_LABELS = {number: _status_labels(number, status.name) for number, status in STATUSES.items()}


def binary_responses(stream: Stream) -> Parser:
    """Parse what the server sends to a client of the binary protocol."""
    continues = False
    while True:
        packet = stream.match(PACKET)
        header = packet[0] if packet else (yield from stream.read(HEADER.size))
        magic, code, key_size, _, _, status, size, _, _ = HEADER.unpack(header)
        if magic != RESPONSE:
            raise ProtocolError(f"a binary response begins with 0x81, not with 0x{magic:02x}")
        labels = STATUS_LABELS.get(status) or _status_labels(status, f"0x{status:04x}")
        if not continues:
            stream.begin(labels, unsolicited=code in QUIET)
        if size:
            yield from stream.skip(size)
        continues = code == STAT and key_size > 0 and not status
        if not continues:
            stream.end()
            if "error" in labels:
                stream.error(labels["error"])
