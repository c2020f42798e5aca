"""What the parser and the faults of SMTP share: requests, sessions, and extensions."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Mail:
    """A mail as the backend has it, and what the client was told of it."""

    lmtp: bool = False
    """After its content there is a reply for each recipient."""
    recipients: int = 0
    """Number of recipients that the backend has accepted."""
    refused: set[int] = field(default_factory=set)
    """Those of them, counted from 0, that the client was told are refused."""

    @property
    def has_none(self) -> bool:
        """The client was told that all recipients are refused, though the backend has some."""
        return 0 < self.recipients == len(self.refused)

    @property
    def replies(self) -> int:
        """Number of replies that the client waits for after the content."""
        return max(1, self.recipients - len(self.refused)) if self.lmtp else 1


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
    ahead: int = 0
    """Number of lines that the client sent after it, without waiting to be asked for them."""
    mail: Mail | None = None
    """The mail that it belongs to, once that is known."""
    place: int | None = None
    """Of a recipient that the backend has accepted: its number, counted from 0."""
    results: int = 0
    """Number of replies to the content that have been delivered, or withheld."""
    withheld: bool = False
    """The reply under way is kept from the client."""

    @property
    def brings_content(self) -> bool:
        """The reply to it is that to the content of a mail."""
        return self.last_chunk or (self.verb == "DATA" and self.has_asked)


class SmtpSession(typing.Protocol):
    """The protocol of a connection, as faults see it."""

    host: str
    """The name of the server, from its greeting."""
    turned_away: bool
    """The greeting has rejected the client: every command but QUIT is refused."""
    adjusting: bool


def without_extension(reply: bytes, keyword: bytes) -> bytes:
    """Return the reply to an EHLO without an extension's lines (RFC 5321 section 4.1.1.1)."""
    first, *lines = reply.splitlines(keepends=True)
    left = [line for line in lines if line[4:].replace(b"=", b" ").upper().split()[:1] != [keyword]]
    *lines, last = [first, *left]
    return b"".join([*lines, last[:3], b" ", last[4:]])


def accepts(reply: bytes) -> bool:
    """Whether a client takes a reply for success: its last line counts."""
    return reply[reply.rstrip().rfind(b"\n") + 1 :].startswith(b"2")


def host_in(greeting: bytes) -> str:
    """Return the server's name from its greeting (RFC 5321 section 4.2); '' for none."""
    words = greeting[4:].decode("latin-1").split()
    return words[0] if words else ""
