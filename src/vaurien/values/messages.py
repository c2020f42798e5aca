"""What passes through a proxy: messages, and their direction."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Direction(enum.Enum):
    """Which peer a message goes to."""

    TO_BACKEND = "to_backend"
    TO_CLIENT = "to_client"

    __hash__ = object.__hash__  # by default it is that of the name, computed in Python


TO_BACKEND, TO_CLIENT = Direction
"""Read once, for what runs for each message: a member of an enumeration takes 60 ns to look up."""


class Message(NamedTuple):
    """A protocol message, or a piece of a long one; for plain tcp, a chunk.

    It is a named tuple, as many are made: a frozen dataclass takes three times as long.
    """

    data: bytes
    direction: Direction
    at: float
    """When it arrived, in seconds on the reactor's clock."""
    labels: Mapping[str, str] = NO_LABELS
    """What rules may match, by the protocol's names: command, path, status."""
    exchange: int = 0
    """The exchange it belongs to, counted from 1; 0 if the backend sent it unsolicited."""
    begins: bool = True
    """Whether this piece is the first of its message."""
    ends: bool = True
    """Whether this piece is the last of its message."""
    expects_reply: bool = True
    """Of a request: whether the backend will answer it."""
    final: bool = True
    """Of a response: whether it is the last one to its request.

    Of a request: False if it must not be sent twice, because the backend may ask for more of it
    (see ``continues``), or would not answer it alike.
    """
    continues: bool = False
    """Of a request: whether it is more of the request before it, such as a mail's content."""
    about: object = None
    """What the request parser noted for the response parser; a response has that of its request."""
    offset: int = 0
    """Bytes of the same message before this piece."""
    left: int = 0
    """Bytes of the same message after this piece, if known; otherwise 0."""
    again: bool = False
    """Whether it is a copy: a behavior passes the message on again."""

    @property
    def to_backend(self) -> bool:
        return self.direction is TO_BACKEND

    def with_data(self, data: bytes) -> Message:
        """Return the same message with other bytes."""
        return self._replace(data=data)

    def whole(self, data: bytes) -> Message:
        """Return a message with these bytes that takes the place of all pieces of this one."""
        return self._replace(data=data, ends=True, left=0)

    def part(self, begin: int, end: int) -> Message:
        """Return the piece with the bytes from ``begin`` up to but not including ``end``."""
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
    """The end of a peer's stream; everything before it has been processed."""

    direction: Direction
    """The direction of the stream."""
    at: float
    """When the end arrived, in seconds on the reactor's clock."""
    reset: bool
    """Whether it ended with a RST instead of a FIN."""
