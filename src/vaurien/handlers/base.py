"""Where the handlers of old imported their base from; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.forms import BaseHandler

__all__ = ["BaseHandler"]
