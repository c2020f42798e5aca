"""What a connection remembers: of requests until they are answered, transactions, subscriptions."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from typing import NamedTuple

from ...values.messages import Message
from .commands import SUBSCRIPTIONS, RedisCommand

ACCESS_RANKS = ("control", "other", "read", "write")
SLOTS = 16384  # cluster specification, "Key distribution model"

CONFIRMATIONS = {name.lower().encode(): name for name in SUBSCRIPTIONS}
PUBLISHED = frozenset([b"message", b"pmessage", b"smessage"])
"""First words of what a connection in subscribed mode receives."""


@dataclass(slots=True)
class Transaction:
    """What is queued between MULTI and EXEC."""

    access: str = "control"
    """The highest access of its commands."""
    grows: str = "no"
    aborted: bool = False
    """A command was refused while it was queued, so EXEC will fail."""
    version: int = 0
    """The RESP version that a HELLO in it asks for; 0 if none does."""

    def queue(self, command: RedisCommand) -> None:
        """Account for a command that is queued."""
        access = command.labels["access"]
        if ACCESS_RANKS.index(access) > ACCESS_RANKS.index(self.access):
            self.access = access
        if command.labels["grows"] == "yes":
            self.grows = "yes"


class RedisRequest(NamedTuple):
    """What is remembered of a request until it is answered."""

    special: str = ""
    """The command, if its reply needs special treatment."""
    total: int = 0
    """The number of arguments, of commands such as SUBSCRIBE and LPOP."""
    version: int = 2
    """The RESP version when it was sent; its reply is in the same, except for HELLO's."""
    transaction: Transaction | None = None
    """The transaction it belongs to."""
    substituted: bool = False
    """The backend received another command instead."""
    slot: int = -1
    """The hash slot of its key, if the label does not hold the whole key; otherwise -1."""

    @property
    def is_aborted(self) -> bool:
        """Its transaction is aborted: EXEC will be answered EXECABORT."""
        return self.transaction is not None and self.transaction.aborted


PLAIN = {version: RedisRequest(version=version) for version in (2, 3)}
"""Requests of which nothing else is remembered, by RESP version."""
UNANSWERED = RedisRequest("nothing")
"""Requests that Redis never answers: those without words, and a replica's acknowledgements."""
NEVER_REFUSED = frozenset(["CLIENT REPLY", "RESET", UNANSWERED.special])
"""Requests that Redis never refuses; the state of the connection depends on their replies."""


def request_of(message: Message) -> RedisRequest:
    """The request that a message is, or that it answers."""
    return message.about if isinstance(message.about, RedisRequest) else PLAIN[2]


def slot_of(key: bytes) -> int:
    """The hash slot of a key: of its hash tag, which is in the first braces, if not empty."""
    opening = key.find(b"{")
    closing = key.find(b"}", opening + 1)
    if opening >= 0 and closing > opening + 1:
        key = key[opening + 1 : closing]
    return crc_hqx(key, 0) % SLOTS


class Subscriptions:
    """What a connection is subscribed to, according to the confirmations it received."""

    __slots__ = ("_channels", "_confirmed", "_patterns", "_shards")

    def __init__(self) -> None:
        self._channels = self._patterns = self._shards = 0
        self._confirmed = 0  # channels of the request that is being answered

    def __bool__(self) -> bool:
        return self._channels + self._patterns + self._shards > 0

    def confirm(self, name: str, total: int) -> int:
        """Count a confirmation; return the number of subscriptions of its kind.

        ``total``: of channels and patterns together, or of shard channels.
        """
        if name in ("SSUBSCRIBE", "SUNSUBSCRIBE"):
            self._shards = total
            return self._shards
        if name in ("PSUBSCRIBE", "PUNSUBSCRIBE"):
            self._patterns = total - self._channels
            return self._patterns
        self._channels = total - self._patterns
        return self._channels

    def is_last(self, channels: int, left: int) -> bool:
        """Whether a confirmation is the last one for a request.

        ``channels``: how many the request named, 0 for all; ``left``: subscriptions that remain.
        """
        self._confirmed += 1
        last = self._confirmed >= channels if channels else left <= 0
        if last:
            self._confirmed = 0
        return last
