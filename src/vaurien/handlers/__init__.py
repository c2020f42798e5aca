"""Old import path of the registry of handlers; see ``vaurien.legacy``."""

from __future__ import annotations

from ..legacy.forms import BaseHandler
from ..legacy.registries import Handler

__all__ = ["BaseHandler", "Handler", "get_handler", "get_handlers"]

get_handlers = Handler.get_handlers
get_handler = Handler.get_handler
