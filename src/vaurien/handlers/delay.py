"""Old import path of ``Delay``; see ``vaurien.legacy``."""

from ..legacy.handlers import Delay as Delay
