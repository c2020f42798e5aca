"""What statements mean to who judges a client."""

from __future__ import annotations

from ...semantics import Semantics
from ..sql import IDEMPOTENT, PROBE

SEMANTICS = Semantics(
    opening=({"phase": "~^(greeting|login)$"}, {"verb": "SET"}),
    safe=(
        {"verb": "~^(SELECT|SHOW|SET|USE|DESCRIBE|DESC|EXPLAIN|BEGIN|START|ROLLBACK|SAVEPOINT)$"},
        {"phase": "~^(greeting|login)$"},
        {"command": "~^(PING|STATISTICS|INIT_DB|FIELD_LIST|STMT_(PREPARE|CLOSE|RESET)|QUIT)$"},
    ),
    probe=({"command": "PING"}, {"sql": f"~{PROBE}"}),
    idempotent=tuple({"sql": f"~{statement}"} for statement in IDEMPOTENT),
    failed=({"error": "~."},),
    begin=({"verb": "~^(BEGIN|START)$"},),
    chain=({"sql": r"~(?i)^SET\s+(?:@@|SESSION\s)?(?:session\.)?autocommit\s*=\s*(?:0|OFF)"},),
    commit=({"verb": "COMMIT"},),
    rollback=({"verb": "ROLLBACK"},),
    transient="^(1020|1040|1047|1053|1105|1180|1203|1205|1206|1213|1290|1836|1927|2006|2013|3101|3572|4031)$",
    fatal="^(1044|1045|1048|1054|1062|1064|1130|1146|1153|1364|1406)$",
    error="error",
    telling=({"fault": "ER_OPTION_PREVENTS_STATEMENT"},),
)
