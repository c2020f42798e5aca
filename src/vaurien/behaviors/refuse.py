"""refuse: a port on which nothing listens."""

from __future__ import annotations

from typing import ClassVar

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close


class Refuse(Behavior):
    """Refuses new clients, as if the server were not running.

    While the rule applies to every connection, nothing listens on the port, which stays bound:
    clients see ``ECONNREFUSED``.  If it applies to some connections only, these are reset as soon
    as they are accepted: the client connects, and its next call fails with ``ECONNRESET``.  Open
    connections are not affected.  Toxiproxy's equivalent is a disabled proxy, which closes
    these, too.
    """

    name = "refuse"
    scopes = ("connection",)
    refuses: ClassVar[bool] = True

    def on_connect(self, firing: Firing) -> Actions:
        del firing
        yield Close(reset=True)
