"""tcp: bytes without meaning; each chunk that arrives is a message."""

from __future__ import annotations

from typing import ClassVar

from ..protocol import Protocol


class Tcp(Protocol):
    """Any protocol at all.  A response is what the backend says until the client speaks again."""

    name = "tcp"
    framed: ClassVar[bool] = False
