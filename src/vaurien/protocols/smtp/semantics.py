"""What commands mean to who judges a client: a mail is sent with its content alone."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    opening=({"verb": "~^(GREETING|EHLO|HELO|LHLO|STARTTLS|AUTH)$"},),
    safe=({"verb": "!~^(DATA|BDAT)$"},),
    failed=({"code": "~^[45]"},),
)
