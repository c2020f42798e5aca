"""Old import path of ``Dummy``; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.handlers import Dummy

__all__ = ["Dummy"]
