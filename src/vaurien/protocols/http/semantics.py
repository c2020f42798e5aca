"""What methods mean to who judges a client (RFC 9110, section 9.2)."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    safe=({"method": "~^(GET|HEAD|OPTIONS|TRACE)$"},),
    idempotent=({"method": "~^(PUT|DELETE)$"},),
    failed=({"status": "~^[45]"},),
    identity=r"(?im)^idempotency-key:[ \t]*(\S+)",
    transient="^(408|425|429|500|502|503|504|52[0-9])$",
    fatal="^(400|401|402|403|404|405|406|410|411|413|414|415|417|422|431|451|501|505)$",
    error="status",
    wait=r"(?im)^retry-after:[ \t]*(\d+)[ \t]*\r?$",
    incidental=("reused",),
    telling=({"fault": "503", "retry_after": "1"}, {"fault": "403"}),
)
