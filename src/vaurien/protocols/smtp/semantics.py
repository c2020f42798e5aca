"""What commands mean to who judges a client: a mail is sent with its content alone."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    opening=({"verb": "~^(GREETING|EHLO|HELO|LHLO|STARTTLS|AUTH)$"},),
    safe=({"verb": "!~^(DATA|BDAT)$"},),
    failed=({"code": "~^[45]"},),
    transient="^4[0-9][0-9]$",
    fatal="^5[0-9][0-9]$",
    error="code",
)
