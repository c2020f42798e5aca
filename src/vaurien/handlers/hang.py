"""Where the handlers of old imported ``Hang`` from; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.handlers import Hang

__all__ = ["Hang"]
