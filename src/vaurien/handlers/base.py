"""Old import path of ``BaseHandler``; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.forms import BaseHandler

__all__ = ["BaseHandler"]
