"""What requests mean, by their labels: may they be repeated, do they change anything?

The words are those of RFC 9110, section 9.2: a safe request changes nothing, an idempotent one
has the same effect if it is sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Conditions = tuple[Mapping[str, str], ...]
"""Any of these is met by labels that have all its values, which are as in rules."""


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """What the requests and responses of a protocol mean."""

    opening: Conditions = ()
    """Requests with which clients open a connection, before they ask for anything."""
    safe: Conditions = ()
    """Requests that change nothing."""
    probe: Conditions = ()
    """Requests that ask for nothing but whether the connection is of use."""
    idempotent: Conditions = ()
    """Requests that change nothing more if they are sent twice."""
    forgettable: str = ""
    """A pattern that finds, in the head of a request, that what it writes may be lost: a cache."""
    complete: str = ""
    """A pattern that finds, in the head of a request, that more than its beginning was sent."""
    failed: Conditions = ()
    """Responses that say that the request has changed nothing."""
    nothing: str = ""
    """A pattern that finds, in the head of a response, that the request has changed nothing."""
    begin: Conditions = ()
    """Requests that begin a transaction, ..."""
    chain: Conditions = ()
    """... or all transactions of the connection, each with the first request after the last; ..."""
    commit: Conditions = ()
    """... that make what it changed last, ..."""
    rollback: Conditions = ()
    """... and that undo it."""
    identity: str = ""
    """A pattern that finds, in the head of a request, what makes it safe to send it twice."""
    transient: str = ""
    """A pattern of the errors, by name or code, that are worth another attempt ..."""
    fatal: str = ""
    """... and of those that will be the same next time."""
    error: str = ""
    """The label of responses that has the error's code."""
    wait: tuple[tuple[str, float], ...] = ()
    """Patterns that find, in the head of a response, how long a client is to wait, each with its
    unit in seconds; the first one that is found counts."""
    unfinished: str = ""
    """A pattern of faults, by name, that let an answer look whole of which the rest is missing."""
    incidental: tuple[str, ...] = ()
    """Labels of requests that say nothing of what is asked for."""
    incidental_head: str = ""
    """A pattern of what, in the head of a request up to an empty line, says nothing of that."""
    telling: tuple[Mapping[str, str], ...] = ()
    """Faults that show what a client knows, besides typical ones: options of ``error``."""
