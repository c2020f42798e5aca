"""What a player plays: messages of a link and replies, as behaviors ask."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple
from typing import Protocol as Interface

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..rules.plan import Rule
from ..values.actions import Action, Behind, Forward, Hold, Reply, Wait
from ..values.messages import Message

if TYPE_CHECKING:
    from .decisions import Decisions

Steps = Generator[float | None, None, None]
"""Work that runs until it must wait, and yields until when; None: until something changes."""
Acts = Generator["float | Acts | None", None, None]
"""The same, which also yields other such work that has to be done first."""
Queued = tuple[Message, Decision | Reply] | QueuedReply
"""A message with the decision on it or the protocol's reply to it; or a reply to be sent."""


class PlayedConnection(Interface):
    """The connection as players see it."""

    decisions: Decisions

    @property
    def conversation(self) -> object | None:
        """None if its protocol is not framed."""

    def reply(self, message: Message, reply: QueuedReply) -> None: ...
    def settle(self) -> None: ...
    def on_holding(self) -> None: ...
    def watch_peers(self) -> None: ...
    def pass_close(self, by: ActiveRule, *, reset: bool) -> Steps: ...
    def on_failure(self, report: str) -> None: ...


class Overtaken(NamedTuple):
    """A message that waits for the next one to go first."""

    asked: Behind
    decision: Decision
    firings: Firings
    """First what asked for it, then what acts on it behind that."""
    first: Firings
    """What acts on it before all others."""
    values: Rule | None
    """With which values that asked for it, if it may be asked again."""


class Unsent(NamedTuple):
    """What a behavior has not forwarded of a message; cut out only where it is needed."""

    message: Message
    begin: int = 0

    @property
    def rest(self) -> Message:
        return self.message.part(self.begin, len(self.message.data))


def left_after(action: Action, left: Unsent | None) -> Unsent | None:
    """Return what a behavior has not forwarded of a message; None if that cannot be told."""
    if isinstance(action, Forward):
        sent = action.message.data
        if left is not None and sent:
            data, begin = left.message.data, left.begin
            if len(sent) < len(data) - begin and data.startswith(sent, begin):
                return Unsent(left.message, begin + len(sent))
    elif isinstance(action, Wait | Hold):
        return left if action.left is None else Unsent(action.left)
    return None
