"""What the parser and the faults of SMTP share: requests, sessions, and extensions."""

from __future__ import annotations

import typing
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class SmtpRequest:
    """A command, with the state of its dialogue between client and server."""

    verb: str
    """In upper case."""
    last_chunk: bool = False
    """It is a BDAT that ends a mail."""
    wants_more: bool | None = None
    """Whether the server asked for more of it (the content, say); None: no reply yet."""
    has_asked: bool = False
    """The server has asked for more of it."""
    replies_due: int = 0
    """Number of replies still to come, once that is known."""
    recipients: int = 0
    """Recipients of the mail when the server replied: see ``SmtpSession``."""


class SmtpSession(typing.Protocol):
    """The protocol of a connection, as faults see it."""

    host: str
    """The name of the server, from its greeting."""
    recipients: int
    """Recipients of the mail accepted over LMTP, each of which gets a reply; 0 over SMTP."""
    turned_away: bool
    """The greeting has rejected the client: every command but QUIT is refused."""
    adjusting: bool


def without_extension(reply: bytes, keyword: bytes) -> bytes:
    """Return the reply to an EHLO without an extension's lines (RFC 5321 section 4.1.1.1)."""
    first, *lines = reply.splitlines(keepends=True)
    left = [line for line in lines if line[4:].replace(b"=", b" ").upper().split()[:1] != [keyword]]
    *lines, last = [first, *left]
    return b"".join([*lines, last[:3], b" ", last[4:]])
