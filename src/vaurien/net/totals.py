"""What a proxy has counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..values.messages import Direction

if TYPE_CHECKING:
    from .link import Link


@dataclass(frozen=True)
class Totals:
    """What a proxy has counted since it was made."""

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
    """How often rules fired."""
    gave_up: int
    """Streams whose parser gave up."""


def add(sums: dict[Direction, list[int]], link: Link) -> None:
    """Add the bytes and the chunks that a link has carried to those of its direction."""
    counted = sums[link.direction]
    counted[0] += link.bytes
    counted[1] += link.chunks
