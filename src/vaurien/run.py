"""Old import path of the command's ``main``; see ``vaurien.cli``."""

from __future__ import annotations

from .cli import main

__all__ = ["main"]
