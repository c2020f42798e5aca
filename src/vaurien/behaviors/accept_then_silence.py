"""accept-then-silence: a server that has hung, behind a system that still accepts."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Hold


class AcceptThenSilence(Behavior):
    """Lets clients connect, and then never says a byte nor reads one.

    So it is with a process that is stopped or in a deadlock: its system goes on completing
    handshakes.  The backend is not dialled.  Once the rule is lifted it is, and gets all that
    the client has said meanwhile.  Connections that are open go on; ``hang`` is for those.
    """

    name = "accept-then-silence"
    scopes = ("connection",)

    def on_connect(self, firing: Firing) -> Actions:
        del firing
        yield Hold()
