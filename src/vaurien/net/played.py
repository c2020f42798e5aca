"""What a player plays: messages of a link and replies, as behaviors ask."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple
from typing import Protocol as Interface

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..rules.plan import Rule
from ..values.actions import Action, Forward, Hold, Reply, Wait
from ..values.messages import Message

if TYPE_CHECKING:
    from .decisions import Decisions

Steps = Generator[float | None, None, None]
"""Work that runs until it must wait, and yields until when; None: until something changes."""
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

    message: Message
    decision: Decision
    firings: Firings
    """First what asked for it, then what acts on it behind that."""
    values: Rule | None
    """With which values that asked for it, if it may be asked again."""
    until: float


def left_after(action: Action, left: Message | None) -> Message | None:
    """Return what a behavior has not forwarded of a message; None if that cannot be told."""
    if isinstance(action, Wait | Hold):
        return action.left or left
    sent = action.message.data if isinstance(action, Forward) else b""
    if left is not None and 0 < len(sent) < len(left.data) and left.data.startswith(sent):
        return left.part(len(sent), len(left.data))
    return None
