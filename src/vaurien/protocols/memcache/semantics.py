"""What commands mean to who judges a client."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    opening=({"command": "~^(version|sasl_list_mechs|sasl_auth|sasl_step)$"},),
    safe=({"command": "~^(get|gets|getk|mg|me|mn|stats|version|verbosity|noop|quit)$"},),
    probe=({"command": "~^(version|mn|noop)$"},),
    idempotent=({"command": "~^(set|add|replace|cas|delete|touch|gat|gats|md|flush_all)$"},),
    failed=({"error": "~."}, {"result": "~^(NOT_STORED|EXISTS|NOT_FOUND|NS|EX|NF)$"}),
    transient="^(SERVER_ERROR|ENOMEM|backend-failure|proxy-write-failed|EBUSY|ETMPFAIL|EINTERNAL)$",
    fatal="^(ERROR|error|CLIENT_ERROR|UNKNOWN_COMMAND|EINVAL|E2BIG|DELTA_BADVAL|AUTH_ERROR|NOT_SUPPORTED)$",
    error="error",
    forgettable=".",
)
