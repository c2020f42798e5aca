"""Old import path of ``Hang``; see ``vaurien.legacy``."""

from ..legacy.handlers import Hang as Hang
