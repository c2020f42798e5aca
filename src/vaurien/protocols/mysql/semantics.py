"""What statements mean to who judges a client."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    opening=({"phase": "~^(greeting|login)$"}, {"verb": "SET"}),
    safe=(
        {"verb": "~^(SELECT|SHOW|SET|USE|DESCRIBE|DESC|EXPLAIN|BEGIN|START|ROLLBACK|SAVEPOINT)$"},
        {"phase": "~^(greeting|login)$"},
        {"command": "~^(PING|STATISTICS|INIT_DB|FIELD_LIST|STMT_(PREPARE|CLOSE|RESET)|QUIT)$"},
    ),
    failed=({"error": "~."},),
    begin=({"verb": "~^(BEGIN|START)$"}, {"sql": "~(?i)^SET +autocommit *= *0"}),
    commit=({"verb": "COMMIT"},),
    rollback=({"verb": "ROLLBACK"},),
)
