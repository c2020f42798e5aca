"""What commands mean to who judges a client: a mail is sent with its content alone."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    opening=({"verb": "~^(GREETING|EHLO|HELO|LHLO|STARTTLS|AUTH)$"},),
    safe=({"verb": "!~^(DATA|BDAT)$"},),
    probe=({"verb": "NOOP"},),
    complete=r"(?is)^(?:DATA\r\n.|BDAT)",
    failed=({"code": "~^[45]"},),
    transient="^4[0-9][0-9]$",
    fatal="^5[0-9][0-9]$",
    identity=r"(?im)^message-id:[ \t]*(\S+)",
    error="code",
    telling=(
        {"fault": "greylisted"},
        {"fault": "mailbox-unavailable"},
        {"fault": "queue-write-error"},
        {"fault": "content-rejected"},
    ),
)
