"""SQL in labels: without its passwords, because labels are written to the journal."""

from __future__ import annotations

import re

WITH_PASSWORDS = frozenset({"ALTER", "CHANGE", "CREATE", "GRANT", "SET"})
"""First words of statements that may contain a password."""
VERBS = (
    "ALTER ANALYZE BEGIN CALL CLOSE COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE "
    "DESCRIBE DISCARD DO DROP END EXECUTE EXPLAIN FETCH FLUSH GRANT INSERT KILL LISTEN LOAD LOCK "
    "MERGE MOVE NOTIFY OPTIMIZE PREPARE REINDEX RELEASE RENAME REPLACE RESET REVOKE ROLLBACK "
    "SAVEPOINT SELECT SET SHOW START TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH"
)
"""First words of statements."""
SECRET = re.compile(
    r"""(\b(?:identified\s+by|identified\s+(?:with|via)\s+\S+\s+(?:by|as|using)|\w*password)
        (?:\s+for\s+[^=]*+|\s+password)? [\s=(]*+)
        (?:'(?:[^'\\]|\\.|'')*+'? | "(?:[^"\\]|\\.|"")*+"?)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def without_secrets(sql: str, verb: str) -> str:
    """Replace the passwords in a statement by stars; ``verb``: its first word in upper case."""
    return SECRET.sub(r"\1'***'", sql) if verb in WITH_PASSWORDS else sql


NOTHING = r"^[\s;]*$"
"""A statement that is none."""
PROBE = r"(?i)^\s*(?:SELECT\s+1\s*)?;?\s*$"
"""A statement with which pools look whether a connection is of use."""
IDEMPOTENT = (
    r"(?is)^UPDATE\s(?:[^'()+*/|-]|'[^']*')*$",
    r"(?is)^DELETE\s+FROM\s[^()]*$",
    r"(?is)^INSERT\s.*\sON\s+CONFLICT\s.*DO\s+NOTHING",
    r"(?is)^INSERT\s+IGNORE\s",
    r"(?is)^(?:CREATE|ALTER|DROP)\s.*\sIF\s+(?:NOT\s+)?EXISTS\s",
)
"""Statements that change nothing more if they are executed twice.

An UPDATE counts that does not calculate, and has no subquery, which might find other rows.
"""
