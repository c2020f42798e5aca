"""Lines of the log about what was changed."""

from __future__ import annotations

import logging

LOG = logging.getLogger("vaurien")


def log(text: str, *arguments: object, **about: object) -> None:
    """Log a line; ``about``: what it concerns, told in a log of JSON: ``proxy``, ``generation``."""
    LOG.info(text, *arguments, extra=about)
