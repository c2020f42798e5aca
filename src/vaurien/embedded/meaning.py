"""What exchanges mean, by what their protocol says of their labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

from ..protocol import Protocol
from ..rules.matches import condition
from ..semantics import Conditions, Semantics
from .exchanges import Exchange, Key
from .trace import ProxyTrace

SHOWN = 48
"""Characters of a title."""
TELLING = ("subcommand", "key", "path", "sql", "address")
"""Labels that tell a person which request it is, besides the one by which requests are counted."""


def meets_any(labels: Mapping[str, str], conditions: Conditions) -> bool:
    """Whether labels meet one of these conditions."""
    return any(meets(labels, wanted) for wanted in conditions)


def meets(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether labels meet all these conditions, which are as in rules."""
    return all(_condition(label, value).accepts(labels) for label, value in wanted.items())


_condition = cache(condition)


def title_of(labels: Mapping[str, str], protocol: type[Protocol]) -> str:
    """Return what a request is, for a person."""
    words = [labels.get(protocol.tallied, "")]
    for label in TELLING:
        text = labels.get(label, "")
        if text and label != protocol.tallied:
            words = [text] if words[0] and text.upper().startswith(words[0]) else [*words, text]
    title = " ".join(" ".join(filter(None, words)).split())
    return (title if len(title) <= SHOWN else f"{title[: SHOWN - 3]}...") or "bytes"


def identity_of(exchange: Exchange, semantics: Semantics) -> str:
    """Return what tells that a request is the same one again; ``""`` if nothing does."""
    head = exchange.head.decode("latin-1")
    found = re.search(semantics.identity, head) if semantics.identity else None
    return found[1] if found else ""


def kind_of(error: str, protocol: type[Protocol]) -> Literal["transient", "fatal", "other"]:
    """Return whether an error, by its name or code, is worth another attempt; some are neither."""
    names = [error, *protocol.faults.identifiers(error)]
    if _any_found(protocol.semantics.transient, names):
        return "transient"
    return "fatal" if _any_found(protocol.semantics.fatal, names) else "other"


def _any_found(pattern: str, names: Sequence[str]) -> bool:
    return bool(pattern) and any(re.search(pattern, name) for name in names)


def is_forgettable(exchange: Exchange, semantics: Semantics) -> bool:
    """Whether what a request writes may be lost, as in a cache."""
    head = exchange.head.decode("latin-1")
    return bool(semantics.forgettable and re.search(semantics.forgettable, head))


def _changed_nothing(exchange: Exchange, semantics: Semantics) -> bool:
    """Whether the backend has answered that it changed nothing."""
    if meets_any(exchange.answer_labels, semantics.failed):
        return True
    answer = exchange.answer.decode("latin-1")
    return bool(semantics.nothing and re.search(semantics.nothing, answer))


def is_complete(exchange: Exchange, semantics: Semantics) -> bool:
    """Whether the client has asked for all that it wants, and not only begun to."""
    return re.search(semantics.complete, exchange.head.decode("latin-1")) is not None


def _sent_whole(exchange: Exchange, semantics: Semantics) -> bool:
    """Whether the backend got what the client has asked, and all of it."""
    return exchange.reached_backend and not exchange.altered and is_complete(exchange, semantics)


def carried_out(proxy: ProxyTrace) -> Iterator[Exchange]:
    """Yield the requests that have changed the backend.

    What was asked for in a transaction counts when that is committed.  A request that the
    backend got, and whose answer is unknown, counts, too, but not one that a rule has altered.
    """
    meaning = proxy.protocol.semantics
    for exchange, changes in _changes(proxy):
        if _is_done(exchange, meaning):
            yield from changes


def changes_of(proxy: ProxyTrace) -> dict[Key, tuple[Exchange, ...]]:
    """Return what requests would change, by their keys: for a commit, its whole transaction."""
    return {exchange.key: tuple(changes) for exchange, changes in _changes(proxy)}


def _changes(proxy: ProxyTrace) -> Iterator[tuple[Exchange, Sequence[Exchange]]]:
    """Yield each request that would change something by itself, with what it would change."""
    meaning = proxy.protocol.semantics
    waiting: dict[int, list[Exchange]] = {}  # in a transaction, by the number of the connection
    chained: set[int] = set()  # connections on which there is always a transaction
    for exchange in sorted(proxy.exchanges, key=lambda each: each.asked_at):
        labels, connection = exchange.labels, exchange.connection
        if meets_any(labels, (*meaning.begin, *meaning.chain)):
            if _is_done(exchange, meaning):
                waiting[connection] = []
                chained |= {connection} if meets_any(labels, meaning.chain) else set()
        elif meets_any(labels, (*meaning.commit, *meaning.rollback)):
            changes = waiting.pop(connection, [])
            if connection in chained:
                waiting[connection] = []
            if meets_any(labels, meaning.commit):
                yield exchange, changes
        elif not meets_any(labels, (*meaning.safe, *meaning.opening)):
            if connection not in waiting:
                yield exchange, (exchange,)
            elif _is_done(exchange, meaning):
                waiting[connection].append(exchange)


def _is_done(exchange: Exchange, semantics: Semantics) -> bool:
    return _sent_whole(exchange, semantics) and not _changed_nothing(exchange, semantics)


def openings(proxy: ProxyTrace) -> Iterator[Exchange]:
    """Yield the exchanges that open connections: those before the first that asks for more."""
    opened: set[int] = set()
    for exchange in sorted(proxy.exchanges, key=lambda each: each.key):
        if not meets_any(exchange.labels, proxy.protocol.semantics.opening):
            opened.add(exchange.connection)
        elif exchange.connection not in opened:
            yield exchange
