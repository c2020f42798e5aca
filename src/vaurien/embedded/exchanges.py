"""What a recorded proxy has seen: connections, and exchanges, as values.

Times are in seconds on the clock of the reactor, which does not jump.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from ..errors import UnknownNameError
from ..rules.matches import condition
from ..rules.plan import Match

Key = tuple[str, int, int]
"""The proxy of an exchange, the number of its connection, and its number on that."""


@dataclass(frozen=True)
class Injected:
    """A rule that fired on an exchange, or on a connection."""

    rule: str
    behavior: str
    detail: str
    """The fault it played; ``""`` if it has none."""
    at: float
    connection: int
    exchange: int
    """0 outside of any exchange."""
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.behavior} {self.detail}".rstrip()


@dataclass
class Exchange:
    """A request, and what answered it."""

    proxy: str
    connection: int
    number: int
    """Counted from 1 on its connection."""
    labels: Mapping[str, str]
    """Those of the request."""
    asked_at: float
    """When the request began to arrive."""
    head: bytes = b""
    """The first bytes of the request, ``HEAD_SIZE`` at most."""
    digest: str = ""
    """A digest of the whole request, once it is complete."""
    asked_bytes: int = 0
    forwarded_at: float | None = None
    """When the backend was sent the end of the request, perhaps altered."""
    expects_answer: bool = True
    """Whether the backend will answer."""
    altered: bool = False
    """The backend was sent something else than the client has asked."""
    answer_labels: Mapping[str, str] = field(default_factory=dict)
    """Those of the last message that answered it, from the backend."""
    answer: bytes = b""
    """The first bytes of the backend's response, ``HEAD_SIZE`` at most."""
    answered_at: float | None = None
    """When the backend's response began to arrive ..."""
    answer_ended_at: float | None = None
    """... and when it was complete."""
    told_at: float | None = None
    """When the client was sent the end of the backend's response, perhaps altered."""
    replied_at: float | None = None
    """When a rule replied to the client, in the backend's place."""
    told: bytes = b""
    """The first bytes of what the client was sent, ``HEAD_SIZE`` at most."""
    told_bytes: int = 0
    injected: tuple[Injected, ...] = ()

    @property
    def key(self) -> Key:
        return self.proxy, self.connection, self.number

    @property
    def reached_backend(self) -> bool:
        """Whether the backend was sent all of it, or has answered before."""
        return self.forwarded_at is not None or self.answered_at is not None

    @property
    def answered(self) -> bool:
        """Whether the client got the backend's response, to its end."""
        return self.told_at is not None


@dataclass
class Connection:
    """A client's connection."""

    proxy: str
    number: int
    """Counted from 1 on its proxy."""
    accepted_at: float
    opened_at: float | None = None
    """When the backend was reached."""
    client_ended_at: float | None = None
    client_reset: bool = False
    backend_ended_at: float | None = None
    backend_reset: bool = False
    closed_at: float | None = None
    injected: tuple[Injected, ...] = ()
    """Rules that fired outside of any exchange."""

    @property
    def left_at(self) -> float | None:
        """When the client left, or was cut off; None: it is there."""
        ends = [at for at in (self.client_ended_at, self.closed_at) if at is not None]
        return min(ends, default=None)


def in_order(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return exchanges in the order in which their requests began.

    A request behind one that was never sent waited for it, and was not sent either.
    """
    found = sorted(exchanges, key=lambda each: (each.asked_at, each.connection, each.number))
    blocked: set[int] = set()
    for each in found:
        if each.connection in blocked and each.answered_at is None:
            each.forwarded_at = None
        elif each.forwarded_at is None and each.replied_at is None:
            blocked.add(each.connection)
    return found


class Exchanges(Sequence[Exchange]):
    """Exchanges, in the order in which their requests began."""

    def __init__(self, exchanges: Iterable[Exchange] = (), labels: Collection[str] = ()) -> None:
        """``labels``: those that any of them may have; without any, it is not known."""
        self._exchanges = tuple(exchanges)
        self._labels = labels

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> Exchanges: ...
    def __getitem__(self, index: int | slice) -> Exchange | Exchanges:
        if isinstance(index, slice):
            return Exchanges(self._exchanges[index], self._labels)
        return self._exchanges[index]

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges)

    def __repr__(self) -> str:
        return f"Exchanges({list(self._exchanges)!r})"

    @property
    def count(self) -> int:  # type: ignore[override]  # Sequence counts a value; a test, all
        """How many there are."""
        return len(self._exchanges)

    def of(self, **labels: str) -> Exchanges:
        """Return those whose request or response has all these labels.

        A value is a text, or a pattern as in rules: ``~^/orders`` or ``!~^/health``.

        Raises:
            UnknownNameError: the protocol has no such label.
        """
        for label in labels:
            if self._labels and label not in self._labels:
                raise UnknownNameError("label", label, self._labels)
        matches = [condition(label, value) for label, value in labels.items()]
        return self._those(lambda each: _has(each, matches))

    def reached_backend(self) -> Exchanges:
        """Return those whose request the backend was sent."""
        return self._those(lambda each: each.reached_backend)

    def injected(self) -> Exchanges:
        """Return those on which a rule fired."""
        return self._those(lambda each: bool(each.injected))

    def _those(self, wanted: Callable[[Exchange], bool]) -> Exchanges:
        return Exchanges(filter(wanted, self._exchanges), self._labels)


def _has(exchange: Exchange, matches: Sequence[Match]) -> bool:
    labels = {**exchange.answer_labels, **exchange.labels}
    return all(match.accepts(labels) for match in matches)
