"""What methods mean to who judges a client (RFC 9110, section 9.2)."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    safe=({"method": "~^(GET|HEAD|OPTIONS|TRACE)$"},),
    idempotent=({"method": "~^(PUT|DELETE)$"}, {"provider": "~."}),
    failed=({"status": "~^[45]"},),
    identity=r"(?im)^idempotency-key:[ \t]*(\S+)",
    transient="^(408|425|429|500|502|503|504|52[0-9]|rate-limit-.*|overloaded)$",
    fatal="^(400|401|402|403|404|405|406|410|411|413|414|415|417|422|431|451|501|505)$"
    "|^insufficient-quota$",
    error="status",
    wait=(
        (r"(?im)^retry-after-ms:[ \t]*(\d+(?:\.\d+)?)[ \t]*\r?$", 0.001),
        (r"(?im)^retry-after:[ \t]*(\d+)[ \t]*\r?$", 1.0),
    ),
    unfinished="^(cut-event|cut-utf8|no-terminator)$",
    incidental=("reused",),
    incidental_head=r"(?im)^(?:accept-encoding|x-stainless-retry-count):.*\r?\n",
    telling=(
        {"fault": "503", "retry_after": "1"},
        {"fault": "403"},
        {"fault": "overloaded"},
        {"fault": "no-terminator"},
    ),
)
