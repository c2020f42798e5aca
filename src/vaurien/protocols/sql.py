"""What labels show of SQL: all but the passwords in it, since labels end up in the journal."""

from __future__ import annotations

import re

VERBS = frozenset({"ALTER", "CHANGE", "CREATE", "GRANT", "SET"})
"""Statements that may have a password in them."""
SECRET = re.compile(
    r"""(\b(?:identified\s+by|identified\s+(?:with|via)\s+\S+\s+(?:by|as|using)|\w*password)
        (?:\s+for\s+[^=]*+|\s+password)? [\s=(]*+)
        (?:'(?:[^'\\]|\\.|'')*+'? | "(?:[^"\\]|\\.|"")*+"?)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def without_secrets(sql: str, verb: str) -> str:
    """A statement that begins with this verb, with stars for its passwords."""
    return SECRET.sub(r"\1'***'", sql) if verb in VERBS else sql
