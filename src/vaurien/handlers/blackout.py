"""Old import path of ``Blackout``; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.handlers import Blackout

__all__ = ["Blackout"]
