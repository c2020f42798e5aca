"""Old import path of ``Blackout``; see ``vaurien.legacy``."""

from ..legacy.handlers import Blackout as Blackout
