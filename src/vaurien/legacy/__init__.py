"""Run plugins written for versions 0.1 to 2.0, unchanged.

``forms`` has the old classes and their calling conventions, and ``adaptation`` wraps
them as current plugin classes.  When a connection begins, a ``LegacyProxy`` draws whether
an old plugin serves it.  If so, the connection's backend end is one half of a socket
pair.  A ``Session`` owns the other half and the socket to the real backend, and calls the
plugin in its own thread.

Quarantine: this package may import all others.  Only ``plugins`` and the old public
import paths (``vaurien.handlers``, ``vaurien.behaviors``, ``vaurien.protocols``,
``vaurien.util``) import it.
"""
