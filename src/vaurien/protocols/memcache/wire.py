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

STATUSES = {
    0x00: "SUCCESS",
    0x01: "KEY_ENOENT",
    0x02: "KEY_EEXISTS",
    0x03: "E2BIG",
    0x04: "EINVAL",
    0x05: "NOT_STORED",
    0x06: "DELTA_BADVAL",
    0x20: "AUTH_ERROR",
    0x21: "AUTH_CONTINUE",
    0x81: "UNKNOWN_COMMAND",
    0x82: "ENOMEM",
    0x83: "NOT_SUPPORTED",
    0x84: "EINTERNAL",
    0x85: "EBUSY",
    0x86: "ETMPFAIL",
}
"""The names of binary statuses in ``protocol_binary.h``."""

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
