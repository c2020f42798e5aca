"""tcp: opaque bytes; each chunk that arrives is a message."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

from ..protocol import Protocol


class Tcp(Protocol):
    """Any protocol at all.  A response is what the backend sends until the client sends again."""

    name = "tcp"
    framed: ClassVar[bool] = False


def __getattr__(name: str) -> object:
    """Return the class that plugins of earlier versions derive from."""
    if name == "TCP":
        return import_module("vaurien.legacy.protocols").TCP
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
