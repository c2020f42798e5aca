"""Old import path of ``Error``; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.handlers import Error

__all__ = ["Error"]
