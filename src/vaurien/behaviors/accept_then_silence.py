"""accept-then-silence: a server that hangs while its system still accepts."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Hold


class AcceptThenSilence(Behavior):
    """Accepts clients, then neither reads nor writes.

    A stopped or deadlocked process looks like this: its system still completes handshakes.
    The backend is not dialled.  When the rule is lifted the backend is dialled, and gets
    everything that the client has sent meanwhile.  Open connections are not affected; use
    ``hang`` for those.
    """

    name = "accept-then-silence"
    resumable = True
    scopes = ("connection",)

    def on_connect(self, firing: Firing) -> Actions:
        del firing
        yield Hold()
