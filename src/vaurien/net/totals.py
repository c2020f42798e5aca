"""What a proxy has counted."""

from __future__ import annotations

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
    bytes_to_backend: int
    bytes_to_client: int
    chunks_to_backend: int
    chunks_to_client: int
    fired: int
    """How many times rules have fired."""
    gave_up: int
    """Connections whose protocol was not understood: a parser has failed."""


def add(sums: dict[Direction, list[int]], link: Link) -> None:
    """Add the bytes and chunks that a link has carried to the sums of its direction."""
    counted = sums[link.direction]
    counted[0] += link.bytes
    counted[1] += link.chunks
