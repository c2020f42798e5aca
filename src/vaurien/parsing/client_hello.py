"""The ClientHello, with which a client begins TLS (RFC 8446 section 4.1.2).

It is all that one can read of TLS without a key, and nothing is known of who has sent it: reading
takes a bounded time, and raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from struct import Struct

HELLO_LIMIT = 16 * 1024
"""Maximum bytes of a ClientHello as it arrives.  Those of real clients have 200 to 2,000."""
RECORDS_LIMIT = 256
"""Maximum number of records that it is cut into: whoever sends it byte by byte has all of them read
again for each.  Real clients send one to three."""
HANDSHAKE, CLIENT_HELLO = 22, 1
"""A type of records, and the type of handshake messages that comes first in them."""
RECORD_HEADER, MESSAGE_HEADER = 5, 4
SERVER_NAME, ALPN, SUPPORTED_VERSIONS = 0, 16, 43
KNOWN = frozenset({SERVER_NAME, ALPN, SUPPORTED_VERSIONS})
"""Types of extensions."""
EXTENSION = Struct(">HH")
"""What an extension begins with: its type and its length."""
VERSIONS = {
    0x0300: "SSLv3",
    0x0301: "TLSv1",
    0x0302: "TLSv1.1",
    0x0303: "TLSv1.2",
    0x0304: "TLSv1.3",
}
"""Names of versions as the module ``ssl`` has them, the lowest version first."""


class Unread(Enum):
    """Why there is no ClientHello to be read."""

    INCOMPLETE = "the rest of it is still to come"
    NOT_TLS = "not a ClientHello"


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers."""

    sni: str | None
    """The name of the server it asks for (RFC 6066 section 3)."""
    alpn: tuple[str, ...]
    """The application protocols that it offers (RFC 7301), in its order; those in ASCII."""
    versions: tuple[str, ...]
    """The versions that it offers, the highest first; of an old client only the highest is known.

    Versions without a name are left out, so there may be none.
    """
    legacy_version: int
    """The field of that name: 0x0303 since TLS 1.2, whatever is offered."""
    session_id: bytes
    size: int
    """Number of bytes in which it has arrived, with headers of records."""


class Malformed(Exception):
    """A length that does not fit what it is in."""


def read_client_hello(data: bytes | bytearray) -> ClientHello | Unread:
    """Read the ClientHello with which a stream begins; more bytes may follow it.

    Only what can still become one within ``HELLO_LIMIT`` and ``RECORDS_LIMIT`` is incomplete.
    """
    hello = join_records(data)
    if isinstance(hello, Unread):
        return hello
    body, size = hello
    try:
        return _client_hello(Fields(body), size)
    except Malformed:
        return Unread.NOT_TLS


def join_records(data: bytes | bytearray, kind: int = CLIENT_HELLO) -> tuple[bytes, int] | Unread:
    """Return the body of the first handshake message, if it is of a kind; and where it ends.

    It may be cut into records, none of them empty (RFC 8446 section 5.1).  It ends with the last of
    these.
    """
    message = b""
    needed = MESSAGE_HEADER
    end = records = 0
    while len(message) < needed:
        records += 1
        begin = end + RECORD_HEADER
        header = data[end:begin]
        if not _may_be_header(header):
            return Unread.NOT_TLS
        end = begin + int.from_bytes(header[3:], "big") if len(header) == RECORD_HEADER else begin
        message += data[begin:end]
        if message[:1] not in (b"", bytes([kind])):
            return Unread.NOT_TLS
        if len(message) >= MESSAGE_HEADER:
            needed = MESSAGE_HEADER + int.from_bytes(message[1:MESSAGE_HEADER], "big")
        if max(end, needed) > HELLO_LIMIT or records > RECORDS_LIMIT:
            return Unread.NOT_TLS
        if len(data) < end:
            return Unread.INCOMPLETE
    return message[MESSAGE_HEADER:needed], end


def _may_be_header(header: bytes | bytearray) -> bool:
    """Whether bytes are the header of a record of the handshake, or the beginning of one."""
    if header[:1] not in (b"", bytes([HANDSHAKE])) or header[1:2] not in (b"", b"\3"):
        return False
    return len(header) < RECORD_HEADER or any(header[3:])


class Fields:
    """Takes a message apart, field after field."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._taken = 0

    def __bool__(self) -> bool:
        """Whether there is more."""
        return self._taken < len(self.data)

    def take(self, size: int) -> bytes:
        """Take bytes.

        Raises:
            Malformed: there are fewer.
        """
        end = self._taken + size
        if end > len(self.data):
            raise Malformed
        taken, self._taken = self.data[self._taken : end], end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> Fields:
        """Take a field that begins with its length, a number of ``size`` bytes."""
        return Fields(self.take(self.number(size)))


def extensions(fields: Fields) -> dict[int, Fields]:
    """Take the extensions that end a hello, if there are any; of two of a type the last.

    Only those that are known here are kept.  A client may send twenty, and each handshake waits.
    """
    if not fields:
        return {}
    data, found, end = fields.vector(2).data, dict[int, Fields](), 0
    while end < len(data):
        begin = end + EXTENSION.size
        if begin > len(data):
            raise Malformed
        kind, length = EXTENSION.unpack_from(data, end)
        end = begin + length
        if end > len(data):
            raise Malformed
        if kind in KNOWN:
            found[kind] = Fields(data[begin:end])
    return found


def _client_hello(fields: Fields, size: int) -> ClientHello:
    legacy_version = fields.number(2)
    fields.take(32)  # random
    session_id = fields.vector(1).data
    fields.vector(2)  # cipher suites
    fields.vector(1)  # compression methods
    found = extensions(fields)
    versions = [min(legacy_version, 0x0303)]
    if supported := found.get(SUPPORTED_VERSIONS):
        listed = supported.vector(1)
        versions = []
        while listed:
            versions.append(listed.number(2))
    offered = sorted(set(versions) & VERSIONS.keys(), reverse=True)
    return ClientHello(
        sni=_server_name(found.get(SERVER_NAME)),
        alpn=_protocols(found.get(ALPN)),
        versions=tuple(VERSIONS[version] for version in offered),
        legacy_version=legacy_version,
        session_id=session_id,
        size=size,
    )


def _server_name(extension: Fields | None) -> str | None:
    """Return the first host name; None for one that cannot be one."""
    listed = extension.vector(2) if extension else Fields(b"")
    while listed:
        kind, name = listed.number(1), listed.vector(2).data
        if kind == 0:
            text = name.decode("latin-1")
            return text if text.isascii() and text.isprintable() and " " not in text else None
    return None


def _protocols(extension: Fields | None) -> tuple[str, ...]:
    listed, names = extension.vector(2) if extension else Fields(b""), list[str]()
    while listed:
        name = listed.vector(1).data.decode("latin-1")
        if name.isascii() and name.isprintable() and name:
            names.append(name)
    return tuple(names)
