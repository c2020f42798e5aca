"""Old import path of ``Error``; see ``vaurien.legacy``."""

from ..legacy.handlers import Error as Error
