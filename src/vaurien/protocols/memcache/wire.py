"""What the parsers and the faults of memcached share."""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

HEADER = struct.Struct(">BBHBBHI4s8s")
"""The header of a binary packet: magic, opcode, length of the key, length of the extras, data
type, status, length of the body, opaque, cas (``protocol_binary.h``)."""
REQUEST = 0x80
RESPONSE = 0x81
"""The magic bytes that binary packets begin with."""
KEY_LIMIT = 250
"""Maximum length of a key in bytes; the value after a longer key is taken for commands."""


class BinaryStatus(NamedTuple):
    """What goes with the number of a binary status."""

    name: str
    """As in ``protocol_binary.h``."""
    body: str = ""
    """What memcached sends with it."""


STATUSES = {
    0x00: BinaryStatus("SUCCESS"),
    0x01: BinaryStatus("KEY_ENOENT", "Not found"),
    0x02: BinaryStatus("KEY_EEXISTS", "Data exists for key."),
    0x03: BinaryStatus("E2BIG", "Too large."),
    0x04: BinaryStatus("EINVAL", "Invalid arguments"),
    0x05: BinaryStatus("NOT_STORED", "Not stored."),
    0x06: BinaryStatus("DELTA_BADVAL", "Non-numeric server-side value for incr or decr"),
    0x20: BinaryStatus("AUTH_ERROR", "Auth failure."),
    0x21: BinaryStatus("AUTH_CONTINUE"),
    0x81: BinaryStatus("UNKNOWN_COMMAND", "Unknown command"),
    0x82: BinaryStatus("ENOMEM", "Out of memory"),
    # memcached never sends these; Couchbase does, with these texts.
    0x83: BinaryStatus("NOT_SUPPORTED", "Not supported"),
    0x84: BinaryStatus("EINTERNAL", "Internal error"),
    0x85: BinaryStatus("EBUSY", "Server too busy"),
    0x86: BinaryStatus("ETMPFAIL", "Temporary failure"),
}

Form = Literal["text", "meta", "binary"]


class MemcacheRequest(NamedTuple):
    """What is noted of a request for its response."""

    command: str
    form: Form = "text"
    quiet: bool = False
    """Only unusual outcomes are answered: a ``q`` flag, a quiet opcode."""
    after_quiet: bool = False
    """Responses to quiet requests may precede its own."""
    key: bytes = b""
    """Of meta and binary requests."""
    base64: bool = False
    """Of meta requests: the key is encoded in base64."""
    tokens: tuple[bytes, ...] = ()
    """Of meta requests: what the response repeats, in its order (``O123``, ``kmykey``)."""
    header: bytes = b""
    """Of binary requests: the first 24 bytes."""

    def labels(self, key: bytes | None, *, quiet: bool) -> dict[str, str]:
        """Return the labels of such a request; None: it has no key."""
        labels = {"command": self.command, "form": self.form, "quiet": "yes" if quiet else "no"}
        if key is not None:
            labels["key"] = key[:KEY_LIMIT].decode("utf-8", "backslashreplace")
        return labels
