"""What a connection remembers: of requests until they are answered, transactions, subscriptions."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass, field
from typing import NamedTuple

from ...errors import ProtocolError
from ...values.messages import Message
from .commands import SUBSCRIPTIONS, RedisCommand

ACCESS_RANKS = ("control", "other", "read", "write")
SLOTS = 16384  # cluster specification, "Key distribution model"

CONFIRMATIONS = {name.lower().encode(): name for name in SUBSCRIPTIONS}
MULTIPLE = SUBSCRIPTIONS | {"PUBLISH", "SPUBLISH"}
"""Commands that are answered by more than a value inside a transaction."""
PUBLISHED = frozenset([b"message", b"pmessage", b"smessage"])
"""First words of what a connection in subscribed mode receives."""


NOT_QUEUED = frozenset(["MULTI", "WATCH"])
"""Refused inside a transaction, which goes on as if they had not been sent."""
SILENCES = (b"OFF", b"SKIP")
"""Modes of CLIENT REPLY that are not answered, unless Redis refuses them."""
SILENCE_LIMIT = 500
"""Requests that are remembered in case it has."""
STEPS_LIMIT = 10_000
"""Commands of a transaction that are remembered."""


class Step(NamedTuple):
    """A command of a transaction whose reply is more than a value, or changes the version."""

    place: int
    """Its place among the commands, from 0."""
    command: str
    channels: int
    """How many it names."""


@dataclass(slots=True)
class Transaction:
    """What is queued between MULTI and EXEC."""

    access: str = "control"
    """The highest access of its commands."""
    grows: str = "no"
    key: str = ""
    """The first key that they name."""
    aborted: bool = False
    """A command was refused while it was queued, so EXEC will fail."""
    version: int = 0
    """The RESP version that a HELLO in it asks for; 0 if none does."""
    commands: int = 0
    """How many are queued."""
    steps: list[Step] = field(default_factory=list)
    """Those whose replies are special."""
    refused: bool = False
    """There is no such transaction: its MULTI was refused."""

    @property
    def labels(self) -> dict[str, str]:
        """Those that EXEC has because of them."""
        labels = {"access": self.access, "grows": self.grows}
        return {**labels, "key": self.key} if self.key else labels

    def queue(self, command: RedisCommand, arguments: list[bytes], total: int) -> None:
        """Account for a command that is queued; ``total``: the number of its arguments.

        Raises:
            ProtocolError: there is more to remember than a client asks for.
        """
        if command.name in NOT_QUEUED:
            return
        access = command.labels["access"]
        if ACCESS_RANKS.index(access) > ACCESS_RANKS.index(self.access):
            self.access = access
        if command.labels["grows"] == "yes":
            self.grows = "yes"
        version = version_in(arguments) if command.name == "HELLO" else 0
        self.version = version or self.version
        name = command.name
        silences = name == "CLIENT" and reply_mode(arguments, total) in SILENCES
        if version or silences or name in MULTIPLE:
            if len(self.steps) >= STEPS_LIMIT:
                raise ProtocolError(f"a transaction with more than {STEPS_LIMIT} subscriptions")
            self.steps.append(Step(self.commands, name, total))
        self.commands += 1


@dataclass(eq=False)
class Hello:
    """A version of RESP that a client has asked for.

    It has no slots, so that what is counted as memory of one does not include those before it.
    """

    version: int
    """The one that holds from this request on, as far as the server has answered."""
    before: RedisRequest
    settled: bool = False
    """The server has answered."""


class RedisRequest(NamedTuple):
    """What is remembered of a request until it is answered."""

    special: str = ""
    """The command, if its reply needs special treatment."""
    total: int = 0
    """The number of arguments, of commands such as SUBSCRIBE and LPOP."""
    version: int = 2
    """The RESP version when it was sent, unless ``hello`` tells."""
    transaction: Transaction | None = None
    """The transaction it belongs to."""
    substituted: bool = False
    """The backend received another command instead."""
    slot: int = -1
    """The hash slot of its key, if the label does not hold the whole key; otherwise -1."""
    hello: Hello | None = None
    """What settles the version of its reply, if that was open when it was sent."""
    asks: Hello | None = None
    """The version that it asks for itself."""
    opens: Transaction | None = None
    """The transaction that it begins."""

    @property
    def resp(self) -> int:
        """The RESP version of its reply, as far as that is known; HELLO's own may differ."""
        return self.hello.version if self.hello is not None else self.version

    @property
    def is_open(self) -> bool:
        """The version of its reply is not known yet."""
        return self.hello is not None and not self.hello.settled

    @property
    def in_transaction(self) -> bool:
        """It is queued, or ends a transaction."""
        return self.transaction is not None and not self.transaction.refused

    @property
    def is_aborted(self) -> bool:
        """Its transaction is aborted: EXEC will be answered EXECABORT."""
        return self.transaction is not None and self.transaction.aborted


PLAIN = {version: RedisRequest(version=version) for version in (2, 3)}
"""Requests of which nothing else is remembered, by RESP version."""
UNANSWERED = RedisRequest("nothing")
"""Requests that Redis never answers: those without words, and a replica's acknowledgements."""


class Session:
    """The state of a connection: what the server has agreed to.

    A client may ask for a version of RESP, or for silence, and send more before the server has
    answered.
    """

    __slots__ = ("plain", "replies_off", "silence", "skips_reply", "welcome")

    def __init__(self) -> None:
        self.plain = PLAIN[2]
        """What is remembered of a request, if nothing else is."""
        self.welcome = False
        """The server has done what it was asked: it wants no password, or has it."""
        self.replies_off = False
        """By CLIENT REPLY OFF."""
        self.skips_reply = False
        """The next one, by CLIENT REPLY SKIP."""
        self.silence: list[tuple[int, RedisRequest]] = []
        """A request for silence, and those after it that get no reply if it was granted.

        With the number of its exchange each; empty as soon as it is known to be granted.
        """

    def note_silent(self, exchange: int, request: RedisRequest) -> None:
        """Remember a request that gets no reply, unless silence was refused."""
        if len(self.silence) < SILENCE_LIMIT:
            self.silence.append((exchange, request))
        else:
            self.silence.clear()

    def break_silence(self) -> list[tuple[int, RedisRequest]]:
        """The server has refused to be silent: return the requests that it answers."""
        asked = range(1, len(self.silence))
        again = next((at for at in asked if self.silence[at][1].special == CLIENT_REPLY), None)
        answered = self.silence[:again]
        del self.silence[:again]
        if not self.silence:
            self.replies_off = self.skips_reply = False
        return answered

    @property
    def version(self) -> int:
        return self.plain.resp

    def ask(self, version: int) -> Hello:
        """Expect a version from the next request on, until the server has answered."""
        hello = Hello(version, self.plain)
        self.plain = RedisRequest(version=version, hello=hello)
        return hello

    def agree(self, hello: Hello) -> None:
        """The server has agreed to the version that was asked for."""
        hello.settled = True
        hello.before = PLAIN[2]  # or each would keep all before it
        if self.plain.hello is hello:
            self.plain = PLAIN[hello.version]

    def refuse(self, hello: Hello) -> None:
        """The server has refused it: the version before holds."""
        hello.version = hello.before.resp
        self.agree(hello)


CLIENT_REPLY = "CLIENT REPLY"
NEVER_REFUSED = frozenset([CLIENT_REPLY, "RESET", UNANSWERED.special])
"""Requests that faults leave alone: the state of the connection depends on their replies."""


def request_of(message: Message) -> RedisRequest:
    """The request that a message is, or that it answers."""
    return message.about if isinstance(message.about, RedisRequest) else PLAIN[2]


def version_in(arguments: list[bytes]) -> int:
    """The RESP version that a HELLO asks for; 0 for none that Redis knows."""
    return int(arguments[0]) if arguments and arguments[0] in (b"2", b"3") else 0


def reply_mode(arguments: list[bytes], total: int) -> bytes:
    """The mode that a CLIENT REPLY asks for, in upper case; empty for another request."""
    asks = total == 2 and arguments[0].upper() == b"REPLY"
    return arguments[1].upper() if asks else b""


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
