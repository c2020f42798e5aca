"""Old import path of ``Delay``; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.handlers import Delay

__all__ = ["Delay"]
