"""What travels through a proxy: messages, and the direction they are heading in."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Direction(enum.Enum):
    """Which of the two peers a message is for."""

    TO_BACKEND = "to_backend"
    TO_CLIENT = "to_client"


class Message(NamedTuple):
    """One protocol message, or a piece of a long one; for plain tcp, a chunk.

    A named tuple, because one is made for each: a frozen dataclass takes three times as long.
    """

    data: bytes
    direction: Direction
    at: float
    """When it arrived, in seconds on the reactor's clock."""
    labels: Mapping[str, str] = NO_LABELS
    """What rules may match on, as the protocol names it: command, path, status."""
    exchange: int = 0
    """The exchange it belongs to, counted from 1; 0 is what the backend says unasked."""
    begins: bool = True
    """This piece is the first of its message."""
    ends: bool = True
    """This piece is the last of its message."""
    expects_reply: bool = True
    """Of a request: the backend will answer it."""
    final: bool = True
    """Of a response: no other response to the same request follows.

    Of a request: the backend will not ask for more of it; see ``continues``.
    """
    continues: bool = False
    """Of what a client says: more of the request before it, such as the content of a mail."""
    about: object = None
    """What the request parser noted for the response parser; a response has its request's."""
    offset: int = 0
    """Bytes of the same message that came before this piece."""
    left: int = 0
    """Bytes of it that follow this piece, where that is known."""
    again: bool = False
    """It was handed on before, and a behavior hands it on once more."""

    @property
    def to_backend(self) -> bool:
        return self.direction is Direction.TO_BACKEND

    def with_data(self, data: bytes) -> Message:
        """The same message carrying other bytes."""
        return self._replace(data=data)

    def part(self, begin: int, end: int) -> Message:
        """Its bytes from one up to another, as if they had come as a piece of their own."""
        size = len(self.data)
        if begin == 0 and end == size:
            return self
        known = self.ends or self.left
        return self._replace(
            data=self.data[begin:end],
            begins=self.begins and begin == 0,
            ends=self.ends and end == size,
            offset=self.offset + begin,
            left=self.left + size - end if known else 0,
        )


class Ended(NamedTuple):
    """A peer has ended what it says; all that came before has been dealt with."""

    direction: Direction
    """That of what it said."""
    at: float
    """When the end arrived, in seconds on the reactor's clock."""
    reset: bool
    """It ended with a RST, and not with a FIN."""
