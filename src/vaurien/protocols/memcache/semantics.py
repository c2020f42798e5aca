"""What commands mean to who judges a client."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    opening=({"command": "~^(version|sasl_list_mechs|sasl_auth|sasl_step)$"},),
    safe=({"command": "~^(get|gets|getk|mg|me|mn|stats|version|verbosity|noop|quit)$"},),
    idempotent=({"command": "~^(set|add|replace|cas|delete|touch|gat|gats|md|flush_all)$"},),
    failed=({"error": "~."}, {"result": "~^(NOT_STORED|EXISTS|NOT_FOUND|NS|EX|NF)$"}),
)
