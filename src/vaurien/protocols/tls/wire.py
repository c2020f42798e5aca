"""Records, alerts and the ServerHello: what the parser and the faults of TLS share."""

from __future__ import annotations

import typing
from collections.abc import Mapping

from ...parsing.client_hello import (
    SUPPORTED_VERSIONS,
    VERSIONS,
    ClientHello,
    Fields,
    Malformed,
    Unread,
    extensions,
    join_records,
)
from ...protocol import TlsServer

HEADER = 5
"""Bytes of a record before its body: type, version, and the body's length."""
RECORD_LIMIT = 2**14 + 2048
"""Maximum bytes of a record's body (RFC 5246 section 6.2.3; less since TLS 1.3)."""
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = range(20, 24)
"""The types of records.  After the ServerHello, TLS 1.3 has all records look like data."""
SERVER_HELLO = 2
TLS_1_2 = 0x0303
RENEGOTIATION_INFO = 0xFF01
"""An extension without which clients refuse a server of TLS 1.2 (RFC 5746)."""

ALERTS: Mapping[int, str] = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
"""RFC 8446 section 6, and the two that RFC 5246 has besides; others are out of use."""
WARNING, FATAL = 1, 2
"""The levels of an alert."""


class TlsSession(typing.Protocol):
    """The protocol of a connection, as faults see it."""

    reads_on: bool
    """A fault wants to see the records that follow the ClientHello and the ServerHello."""

    def tell(self, text: str) -> None:
        """Log a text, once per proxy."""

    def tls_server(self, hello: ClientHello, flaw: str = "", *, demand: bool = False) -> TlsServer:
        """Return a server whose certificate has a flaw."""


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def alert(code: int, level: int = FATAL) -> bytes:
    return record(ALERT, bytes([level, code]))


def server_hello(
    version: int, session_id: bytes, cipher: int, *, in_extension: bool = False
) -> bytes:
    """Return a ServerHello that chooses this version, as from TLS 1.3 on in an extension."""
    legacy = TLS_1_2 if in_extension else version
    body = legacy.to_bytes(2, "big") + bytes(range(32))
    body += bytes([len(session_id)]) + session_id + cipher.to_bytes(2, "big") + b"\0"
    if in_extension:
        extension = SUPPORTED_VERSIONS.to_bytes(2, "big") + b"\0\2" + version.to_bytes(2, "big")
    else:
        extension = RENEGOTIATION_INFO.to_bytes(2, "big") + b"\0\1\0"
    body += len(extension).to_bytes(2, "big") + extension
    return record(HANDSHAKE, bytes([SERVER_HELLO]) + len(body).to_bytes(3, "big") + body)


def chosen_version(data: bytes) -> str:
    """Return the version that the ServerHello in a record chooses; "" if that cannot be read."""
    hello = join_records(data, SERVER_HELLO)
    if isinstance(hello, Unread):
        return ""
    try:
        fields = Fields(hello[0])
        version = fields.number(2)
        fields.take(32)  # random
        fields.vector(1)  # session id
        fields.take(3)  # cipher suite, compression method
        if supported := extensions(fields).get(SUPPORTED_VERSIONS):
            version = supported.number(2)
    except Malformed:
        return ""
    return VERSIONS.get(version, "")


def alert_name(data: bytes) -> str:
    """Return the name of the alert in a record, or its number; "" if it is encrypted."""
    if data[0] != ALERT or len(data) != HEADER + 2:
        return ""
    return ALERTS.get(data[-1], str(data[-1]))
