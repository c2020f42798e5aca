"""Old import path of ``Hang``; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.handlers import Hang

__all__ = ["Hang"]
