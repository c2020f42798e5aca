"""How redis says no: the forms of its errors, and what an exchange was about.

Inside a transaction an error changes what the backend is to do at EXEC.  That is not
pretended: the backend gets another command, which makes it true.  One of a wrong arity
marks the transaction as broken; a script gives, once EXEC runs it, the very error; DISCARD
in place of EXEC ends what has failed.  A HELLO that fails is replaced likewise, so that
whoever parses the answer knows that the version of RESP is still the old one; so is what
nobody wants an answer to, because the backend counts what it does not answer.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from typing import NamedTuple

from ...behavior import Firing
from ...fault import Answer, Fault, Values
from ...values.actions import Actions, Close, Forward
from ...values.messages import Message
from .commands import MEMBERS, Command
from .words import arguments_in, group_in, quoted

RANKS = ("control", "other", "read", "write")
SLOTS = 16384  # cluster specification, "Key distribution model"


@dataclass(slots=True)
class Transaction:
    """What lies between a MULTI and its EXEC."""

    access: str = "control"
    """The most that any of its commands does."""
    grows: str = "no"
    broken: bool = False
    """A fault has been given in it, so that EXEC will fail by itself."""
    version: int = 0
    """Of RESP, that a HELLO in it asks for; 0 if none does."""

    def note(self, command: Command) -> None:
        """A command is queued."""
        access = command.labels["access"]
        if RANKS.index(access) > RANKS.index(self.access):
            self.access = access
        if command.labels["grows"] == "yes":
            self.grows = "yes"


class Asked(NamedTuple):
    """What is remembered of a request until it is answered, where that matters."""

    what: str = ""
    """The command, where its answer needs a special treatment."""
    number: int = 0
    """Of channels, for SUBSCRIBE and its like; 0 for not told.  Of arguments, for LPOP and its."""
    version: int = 2
    """Of RESP, when it was asked: that of the answer, but for HELLO's."""
    transaction: Transaction | None = None
    """The one it is in."""
    stands_in: bool = False
    """The backend got another command in its place."""
    slot: int = -1
    """That of its key, where the label does not say all of the key; otherwise -1."""

    @property
    def is_broken(self) -> bool:
        """It is in a transaction of which EXEC will tell that it was discarded."""
        return self.transaction is not None and self.transaction.broken


PLAIN = Asked()
PLAIN_IN_RESP3 = Asked(version=3)
UNANSWERED = Asked("nothing")
"""Of what redis never answers: requests without words, and a replica's acknowledgements."""
UNTOUCHED = frozenset(["CLIENT REPLY", "RESET", UNANSWERED.what])
"""Redis refuses none of these; where it answers, the connection's state hangs on it."""


def asked_of(message: Message) -> Asked:
    """What a message of an exchange is about."""
    return message.about if isinstance(message.about, Asked) else PLAIN


def packed(*words: bytes) -> bytes:
    """A command, as clients send it."""
    lines = [b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)]
    return b"".join(lines)


WRONG_ARITY = packed(b"GET")
DISCARD = packed(b"DISCARD")
SCRIPTED_ERROR = b"return redis.error_reply(ARGV[1])"
SCRIPTED_NULL = packed(b"EVAL", b"return false", b"0")
SCRIPTED_ARRAY = packed(b"EVAL", b"return {}", b"0")


def slot_of(key: bytes) -> int:
    """The hash slot of a key: of what is in its first braces, if that is not empty."""
    opening = key.find(b"{")
    closing = key.find(b"}", opening + 1)
    if opening >= 0 and closing > opening + 1:
        key = key[opening + 1 : closing]
    return crc_hqx(key, 0) % SLOTS


@dataclass(frozen=True, kw_only=True)
class Refusal(Answer):
    """What is told in place of a response, and leaves the backend in the state it implies."""

    runs: bool = False
    """Redis finds out only when the command runs; in a transaction, that is at EXEC."""

    def scripted(self, message: Message, values: Values) -> bytes:
        """A command that is answered the same when EXEC runs it."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        asked = asked_of(message)
        if not message.to_backend:
            yield from self._take_place(message, asked, firing, values)
        elif asked.what in UNTOUCHED or (asked.what == "EXEC" and asked.is_broken):
            yield Forward(message)
        elif self.closes or (
            asked.transaction is None and asked.what != "HELLO" and message.expects_reply
        ):
            yield from super().play(message, firing, values)
        elif message.ends:
            firing.kept.append(message.with_data(b""))
            data, stands_in = self._stand_in(message, asked, values)
            about = asked._replace(stands_in=stands_in)
            yield Forward(message._replace(data=data, begins=True, offset=0, about=about))

    def _stand_in(self, message: Message, asked: Asked, values: Values) -> tuple[bytes, bool]:
        """The command that the backend gets, and whether its answer is to be replaced."""
        if asked.what in ("EXEC", "DISCARD"):
            return DISCARD, True
        if asked.transaction is not None:
            if self.runs:
                return self.scripted(message, values), False
            asked.transaction.broken = True
        return WRONG_ARITY, True

    def _take_place(
        self, message: Message, asked: Asked, firing: Firing, values: Values
    ) -> Actions:
        if asked.stands_in:
            if message.begins:
                yield Forward(message.with_data(self.render(firing.kept[0], firing, values)))
        elif asked.transaction is not None or asked.what in UNTOUCHED:
            yield Forward(message)  # the backend has not been told: it would not be true
        elif message.begins and not firing.kept:
            firing.kept.append(message.with_data(b""))  # confirmations that follow are swallowed
            yield Forward(message.with_data(self.render(message, firing, values)))
            if self.closes:
                yield Close()


@dataclass(frozen=True, kw_only=True)
class Error(Refusal):
    """An error: a code in upper case, and a text for people."""

    code: str
    """Its first word; ``""`` if a parameter tells."""
    text: str
    """The rest; ``{command}`` and ``{key}`` are those of the request, and so on."""
    routes: bool = False
    """Redis Cluster says it, before anything else is looked at: to EXEC in the same words."""
    quotes: bool = False
    """Its text tells arguments: ``{arguments}``, or the ``{group}`` among them."""

    @property
    def wire(self) -> str:
        line = f"-{self.code or 'CODE'} {self.text}"
        return f"{line}, then the end of the connection" if self.closes else line

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        line = self._line(message, values)
        if asked_of(message).what == "EXEC" and not (self.routes or line.startswith("EXECABORT")):
            reason = line.removeprefix("ERR ")
            line = f"EXECABORT Transaction discarded because of: {reason}"
        data = line.encode()
        if values.get("blob") and asked_of(message).version == 3:
            return b"!%d\r\n%b\r\n" % (len(data), data)
        return b"-%b\r\n" % data

    def scripted(self, message: Message, values: Values) -> bytes:
        line = self._line(message, values)
        return packed(b"EVAL", SCRIPTED_ERROR, b"0", line.encode())

    def _line(self, message: Message, values: Values) -> str:
        labels = message.labels
        command = "|".join(labels[name] for name in ("command", "subcommand") if name in labels)
        key = labels.get("key", "")
        known = {**values, "command": command.lower(), "key": key}
        if known.get("slot") == -1:
            slot = asked_of(message).slot
            known["slot"] = slot if slot >= 0 else slot_of(key.encode())
        arguments = arguments_in(message) if self.quotes else []
        known["arguments"] = quoted(arguments)
        if known.get("group") == "":
            known["group"] = group_in(arguments)
        text = str(known.pop("message", self.text))
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", str(value))
        return " ".join(f"{self.code or values['code']} {text}".splitlines())


@dataclass(frozen=True, kw_only=True)
class Null(Refusal):
    """Nothing is there: in RESP2 a null string or a null array, in RESP3 a null."""

    arrays: frozenset[str] = frozenset()
    """Commands that give arrays."""

    @property
    def wire(self) -> str:
        return "$-1, *-1 or, of members, *0, as the command has it; in RESP3 _, *0 or ~0"

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        asked, command = asked_of(message), message.labels.get("command")
        many = asked.number > 1  # the second argument says how many are wanted
        if many and command in MEMBERS:
            return b"~0\r\n" if asked.version == 3 and command == "SPOP" else b"*0\r\n"
        if asked.version == 3:
            return b"_\r\n"
        return b"*-1\r\n" if command in self.arrays or many else b"$-1\r\n"

    def scripted(self, message: Message, values: Values) -> bytes:
        members = asked_of(message).number > 1 and message.labels.get("command") in MEMBERS
        return SCRIPTED_ARRAY if members else SCRIPTED_NULL


@dataclass(frozen=True, kw_only=True)
class Push(Fault):
    """Something unasked, right before a response; in RESP3 only."""

    data: bytes

    @property
    def wire(self) -> str:
        return " ".join(self.data.decode().split())

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        pushed = not message.to_backend and message.begins and asked_of(message).version == 3
        yield Forward(message.with_data(self.data + message.data) if pushed else message)
