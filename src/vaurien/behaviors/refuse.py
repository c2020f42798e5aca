"""refuse: nobody listens."""

from __future__ import annotations

from typing import ClassVar

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close


class Refuse(Behavior):
    """Turns new clients away, as a machine does on which the server is not running.

    While the rule is for every connection, nobody listens on the port, though it stays ours:
    clients see ``ECONNREFUSED``.  Where it is drawn for some connections only, these are reset
    as soon as they are accepted: the client connects, and what it does next fails with
    ``ECONNRESET``.  Connections that are open go on.  In Toxiproxy it is a proxy that is
    disabled, which closes these too.
    """

    name = "refuse"
    scopes = ("connection",)
    refuses: ClassVar[bool] = True

    def on_connect(self, firing: Firing) -> Actions:
        del firing
        yield Close(reset=True)
