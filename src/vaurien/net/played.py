"""What a player plays: messages of a link and replies, as behaviors ask."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple
from typing import Protocol as Interface

from ..parsing.exchanges import QueuedReply
from ..rules.active import ActiveRule, Decision, Firings
from ..rules.active_plan import ActivePlan
from ..rules.plan import Rule
from ..values.actions import Action, Behind, Forward, Hold, Reply, Wait
from ..values.messages import TO_CLIENT, Message
from .turns import Follower

if TYPE_CHECKING:
    from .decisions import Decisions

Steps = Generator[float | None, None, None]
"""Work that runs until it must wait, and yields until when; None: until something changes."""
Acts = Generator["float | Acts | None", None, None]
"""The same, which also yields other such work that has to be done first."""
Queued = tuple[Message, Decision | Reply] | QueuedReply
"""A message with the decision on it or the protocol's reply to it; or a reply to be sent."""


class PlayedConnection(Follower, Interface):
    """The connection as players see it."""

    decisions: Decisions

    @property
    def conversation(self) -> object | None:
        """None if its protocol is not framed."""

    def reply(self, message: Message, reply: QueuedReply) -> None: ...
    def settle(self) -> None: ...
    def watch_peers(self) -> None: ...
    def pass_close(self, by: ActiveRule, *, reset: bool) -> Steps: ...
    def on_failure(self, report: str, exchange: int = 0) -> None: ...


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


class Delay(NamedTuple):
    """A message that waits for a moment, and for nothing else."""

    message: Message
    decision: Decision
    until: float = 0.0
    active_rule: ActiveRule | None = None
    """The rule that asks for it ..."""
    rule: Rule | None = None
    """... with these values."""


def delay_of(
    message: Message, decision: Decision, firings: Firings, plan: ActivePlan
) -> Delay | None:
    """Return until when a message waits; None if more than that is to be done."""
    if not firings:
        return Delay(message, decision)
    active_rule, firing = firings[0]
    delaying = active_rule.delaying
    if (
        delaying is None
        or len(firings) > 1
        or not plan.is_on(active_rule)
        or message.direction not in active_rule.directions
    ):
        return None
    if message.direction is TO_CLIENT:
        message = as_seen(message, decision)
    if message.at < active_rule.on_since:
        message = since(message, active_rule)
    until = delaying.release_at(message, firing)
    return Delay(message, decision, until, active_rule, active_rule.rule)


def as_seen(message: Message, decision: Decision) -> Message:
    """Return a message as behaviors see it: a response with the labels of its exchange.

    A request has those of the handshake, too.
    """
    if message.direction is not TO_CLIENT and not message.begins:
        return message
    if decision.labels and decision.labels is not message.labels:
        return message._replace(labels={**decision.labels, **message.labels})
    return message


def since(message: Message, active_rule: ActiveRule) -> Message:
    """Return a message as arrived when a rule came on, if it was here before."""
    if message.at < active_rule.on_since:
        return message._replace(at=active_rule.on_since)
    return message
