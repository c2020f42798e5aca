"""half-open: a peer that is gone without notice."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Hold
from ..values.messages import Ended


class HalfOpen(Behavior):
    """Never tells a peer that the other has closed or reset the connection.

    This happens after a power failure, or when a firewall has forgotten the connection:
    bytes sent before arrive, bytes sent now get no answer, and only a timeout or a keep-alive
    notices.  With ``direction=to_client`` the backend's end is hidden from the client, with
    ``direction=to_backend`` the client's from the backend, and by default both.  When the rule is
    lifted, the end is passed on.  Toxiproxy has no equivalent.
    """

    name = "half-open"
    resumable = True
    scopes = ("connection",)

    def on_end(self, ended: Ended, firing: Firing) -> Actions:
        del ended, firing
        yield Hold()
