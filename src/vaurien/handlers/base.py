"""Old import path of ``BaseHandler``; see ``vaurien.legacy``."""

from ..legacy.forms import BaseHandler as BaseHandler
