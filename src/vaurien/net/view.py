"""The proxy as its connections see it: an interface, so that they need not import it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol as Interface

from ..behavior import Firing
from ..parsing.tally import Tally
from ..protocol import Protocol
from ..rules.active_plan import ActivePlan
from ..rules.plan import Rule
from ..values.events import Emit
from ..values.messages import Direction
from .address import Address
from .reactor import Reactor
from .turns import Follower


class ProxyView(Interface):
    """What a connection reads of its proxy and reports to it."""

    reactor: Reactor
    name: str
    backend: Address
    protocol: Protocol
    active_plan: ActivePlan
    emit: Emit
    tally: Tally
    gave_up: int
    """Streams whose parser has failed."""

    def on_fired(
        self, rule: Rule, firing: Firing, direction: Direction, labels: Mapping[str, str]
    ) -> None:
        """Count a rule that has fired, and emit the event."""

    def on_holding(self, connection: Follower) -> None:
        """A connection begins to hold something for a rule."""

    def report_once(self, text: str) -> None:
        """Emit a remark of the protocol, unless it was emitted before."""
