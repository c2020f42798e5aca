"""What statements mean to who judges a client."""

from __future__ import annotations

from ...semantics import Semantics
from ..sql import IDEMPOTENT, NOTHING, PROBE

SEMANTICS = Semantics(
    opening=({"phase": "~^(encryption|startup)$"}, {"verb": "~^(SET|SHOW)$"}),
    safe=(
        {"phase": "~^(encryption|startup|cancel|terminate)$"},
        {"verb": "~^(SELECT|SHOW|SET|BEGIN|START|ROLLBACK|ABORT|SAVEPOINT|RELEASE|EXPLAIN|FETCH)$"},
        {"verb": "~^(LISTEN|UNLISTEN|DISCARD|DEALLOCATE|EMPTY|CLOSE|DESCRIBE|FLUSH|SYNC|DECLARE)$"},
        {"sql": f"~{NOTHING}"},
    ),
    probe=({"sql": f"~{PROBE}"},),
    idempotent=tuple({"sql": f"~{statement}"} for statement in IDEMPOTENT),
    failed=({"error": "~."},),
    nothing=r"C\x00\x00\x00.(?:UPDATE|DELETE|INSERT 0) 0\x00",
    begin=({"verb": "~^(BEGIN|START)$"},),
    commit=({"verb": "~^(COMMIT|END)$"},),
    rollback=({"verb": "~^(ROLLBACK|ABORT)$", "sql": "!~(?i) +TO +"},),
    transient="^(08...|40001|40P01|53...|55P03|57P0[1235]|25006)$",
    fatal="^(0A000|22...|23...|26000|28...|3D000|42...)$",
    error="error",
    telling=({"fault": "read_only_sql_transaction"}, {"fault": "insufficient_privilege"}),
)
