"""What PostgreSQL says about places in a statement: fields P and W of its errors.

Sources: ``parser_errposition`` in ``parse_node.c``; ``XactLockTableWaitErrorCb`` in ``lmgr.c``;
``CopyFromErrorCallback`` in ``copyfrom.c``.
"""

from __future__ import annotations

import re

from .statements import Labels

ANALYZED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES"})
"""Statements in which the server tells where a name is."""
RELATION = re.compile(
    r"""(?i)\b(?:FROM|INTO|UPDATE|JOIN|COPY)\s+(?:ONLY\s+)?((?:"[^"]+"|[\w.$])+)"""
)
COLUMN = re.compile(r"(?i)\b(?:SELECT|SET|WHERE)\s+()")
RELATION_WORD = "relation"

WAITED_FOR_ROW = {
    "UPDATE": 'while updating tuple (0,1) in relation "{table}"',
    "MERGE": 'while updating tuple (0,1) in relation "{table}"',
    "DELETE": 'while deleting tuple (0,1) in relation "{table}"',
    "SELECT": 'while locking tuple (0,1) in relation "{table}"',
    "WITH": 'while locking tuple (0,1) in relation "{table}"',
    "INSERT": 'while inserting index tuple (0,2) in relation "{table}_pkey"',
}
"""The context of an error while waiting for another transaction, by verb."""
IN_COPY = {"COPY": "COPY {table}, line 1"}
"""The context of an error while the rows of a COPY are read."""


def table_in(labels: Labels) -> str:
    """The table that a statement names first, without its schema; '' if it names none."""
    found = RELATION.search(labels.get("sql", ""))
    return found[1].rpartition(".")[2].strip('"') if found is not None else ""


def position_of(parameter: str, word: str, labels: Labels) -> str:
    """The position of a name in a statement, in characters from 1; '' where servers give none.

    ``parameter``: what is named, ``relation`` or ``column``.  If the statement does not contain
    the name, the position is that of another name of this kind.
    """
    if labels.get("verb") not in ANALYZED:
        return ""
    sql = labels.get("sql", "")
    found = re.search(rf"(?i)\b{re.escape(word)}\b", sql) if word else None
    if found is not None:
        return str(found.start() + 1)
    found = (RELATION if parameter == RELATION_WORD else COLUMN).search(sql)
    return str(found.start(1) + 1) if found is not None else "1"
