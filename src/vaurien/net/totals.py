"""What a proxy has counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..values.messages import Direction

if TYPE_CHECKING:
    from .link import Link


@dataclass(frozen=True)
class Totals:
    """What a proxy has counted since it was created."""

    opened: int
    closed: int
    open: int
    refused: int
    """Connections whose backend could not be reached."""
    killed: int
    """Connections that were closed on request."""
    bytes_to_backend: int
    bytes_to_client: int
    chunks_to_backend: int
    chunks_to_client: int
    fired: int
    """How many times rules have fired."""
    gave_up: int
    """Connections whose protocol was not understood: a parser has failed."""


Sums = dict[Direction, list[int]]
"""Bytes and chunks of each direction."""


@dataclass
class Count:
    """Totals that are being counted: the links of open connections are still to be added.

    It counts what there was when it began.  The links may be added later, and may have been
    closed by then; what they have carried meanwhile is counted with them.
    """

    opened: int
    open: int
    refused: int
    killed: int
    fired: int
    gave_up: int
    sums: Sums
    """What closed connections have carried."""

    def add(self, links: Iterable[Link]) -> None:
        """Add what the links of a connection have carried."""
        for link in links:
            add(self.sums, link)

    @property
    def totals(self) -> Totals:
        """What has been counted so far."""
        to_backend, to_client = self.sums[Direction.TO_BACKEND], self.sums[Direction.TO_CLIENT]
        return Totals(
            opened=self.opened,
            closed=self.opened - self.open,
            open=self.open,
            refused=self.refused,
            killed=self.killed,
            bytes_to_backend=to_backend[0],
            bytes_to_client=to_client[0],
            chunks_to_backend=to_backend[1],
            chunks_to_client=to_client[1],
            fired=self.fired,
            gave_up=self.gave_up,
        )


def add(sums: Sums, link: Link) -> None:
    """Add the bytes and chunks that a link has carried to the sums of its direction."""
    counted = sums[link.direction]
    counted[0] += link.bytes
    counted[1] += link.chunks
