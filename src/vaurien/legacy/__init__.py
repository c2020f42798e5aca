"""Plugins written for the versions 0.1 to 2.0, unchanged.

``forms`` knows the old classes and how they are called, and ``adaptation`` makes
plugin classes of today out of them.  A ``LegacyProxy`` draws, when a connection
begins, whether an old plugin serves it.  If so, the connection's backend end is one
half of a socket pair; a ``Session`` has the other half, and the socket of the real
backend, and calls the plugin in a thread of its own.

Quarantine: this package imports from all the others, and only ``plugins`` and the
old public import paths (``vaurien.handlers``, ``vaurien.behaviors``,
``vaurien.protocols``) import it, when a plugin of an old form is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .adaptation import adapt, is_legacy
from .registries import Behavior, Handler, Protocol

if TYPE_CHECKING:
    from .proxy import LegacyProxy

__all__ = ["Behavior", "Handler", "LegacyProxy", "Protocol", "adapt", "is_legacy"]


def __getattr__(name: str) -> object:
    if name == "LegacyProxy":  # it needs the data plane, which registering a plugin does not
        from .proxy import LegacyProxy

        return LegacyProxy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
