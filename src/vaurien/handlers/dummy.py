"""Old import path of ``Dummy``; see ``vaurien.legacy``."""

from ..legacy.handlers import Dummy as Dummy
