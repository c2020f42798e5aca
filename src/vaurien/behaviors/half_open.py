"""half-open: a peer that has gone without a word."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Hold
from ..values.messages import Ended


class HalfOpen(Behavior):
    """Never tells one peer that the other has gone, be it with a FIN or a reset.

    So it is after a host lost its power, or a firewall forgot the connection: what was said
    arrives, what is said now gets no answer, and only a time-out or a keep-alive finds out.
    With ``direction=to_client`` the client is not told of the backend, with
    ``direction=to_backend`` the backend not of the client, and by default neither of the other.
    Once the rule is lifted, they are told.  Toxiproxy has nothing like it.
    """

    name = "half-open"
    scopes = ("connection",)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        del ended, firing
        yield Hold()
