"""The kinds of Redis faults: error replies, null replies and push messages.

Inside a transaction, an error changes what the backend has to do at EXEC.  The backend
therefore receives another command that has this effect: one with a wrong number of arguments
aborts the transaction, a script returns the error itself when EXEC runs it, and DISCARD in
place of EXEC ends a transaction that fails.  A HELLO that fails is replaced as well, so the
response parser knows that the RESP version has not changed; so is what follows a HELLO that is
not answered yet, because its reply depends on that.  A request without a reply becomes a script,
because the backend counts requests when it suppresses replies, and may have refused to do so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...errors import OptionError
from ...fault import Fault, Values
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Direction, Message
from ...values.options import Option
from ..texts import fill
from .arguments import arguments_of, group_of, quoted
from .commands import MEMBERS
from .session import NEVER_REFUSED, RedisRequest, request_of, slot_of
from .wire import encoded

WRONG_ARITY = encoded(b"GET")
DISCARD = encoded(b"DISCARD")
SCRIPTED_ERROR = b"return redis.error_reply(ARGV[1])"
SCRIPTED_NULL = encoded(b"EVAL", b"return false", b"0")
SCRIPTED_ARRAY = encoded(b"EVAL", b"return {}", b"0")

BLOB = Option("blob", bool, False, "send a blob error, if the connection uses RESP3")


class RefusedCommand:
    """What is kept of an exchange with an injected reply."""

    substituted: Message | None = None
    """The request, without its bytes, if the backend received another command instead."""
    answered: bool = False
    """The backend's response has been replaced; further confirmations are swallowed."""


@dataclass(frozen=True, kw_only=True)
class InjectedReply(Fault):
    """A reply in place of the backend's, which leaves the backend in the state it implies."""

    ignores_unsolicited: ClassVar[bool] = True
    closes: bool = False
    """Redis closes the connection after it."""
    runs: bool = False
    """Redis detects the error only when the command runs, which is at EXEC in a transaction."""

    def reply(self, message: Message, request: RedisRequest, values: Values) -> bytes:
        """The bytes of the reply to this message."""
        raise NotImplementedError

    def scripted(self, message: Message, request: RedisRequest, values: Values) -> bytes:
        """A command that has this reply when EXEC runs it."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        request = request_of(message)
        special = request.special
        if message.direction is Direction.TO_CLIENT:
            yield from self._replace_response(message, request, firing, values)
        elif special in NEVER_REFUSED or (special == "EXEC" and request.is_aborted):
            yield Forward(message)
        elif not message.ends:
            return
        elif message.expects_reply and (
            self.closes
            or (not request.in_transaction and special != "HELLO" and not request.is_open)
        ):
            if request.opens is not None:
                request.opens.refused = True
            yield Reply(self.reply(message, request, values))
            if self.closes:
                yield Close()
        elif not self.closes:
            firing.of_exchange(RefusedCommand).substituted = message.with_data(b"")
            data, substituted = self._substitute(message, request, values)
            about = request._replace(substituted=substituted)
            yield Forward(message._replace(data=data, begins=True, offset=0, about=about))

    def _substitute(
        self, message: Message, request: RedisRequest, values: Values
    ) -> tuple[bytes, bool]:
        """The command for the backend, and whether its reply has to be replaced."""
        if request.special in ("EXEC", "DISCARD"):
            return DISCARD, True
        if request.transaction is not None and request.in_transaction:
            if self.runs:
                return self.scripted(message, request, values), False
            request.transaction.aborted = True
        elif not message.expects_reply:  # the reply is true if there is one after all
            return self.scripted(message, request, values), False
        return WRONG_ARITY, True

    def _replace_response(
        self, message: Message, request: RedisRequest, firing: Firing, values: Values
    ) -> Actions:
        refused = firing.of_exchange(RefusedCommand)
        if request.substituted:
            if message.begins:
                original = refused.substituted or message
                reply = self.reply(original, request_of(original), values)
                yield Forward(message.with_data(reply))
        elif request.in_transaction or request.opens or request.special in NEVER_REFUSED:
            yield Forward(message)  # the backend has executed or queued it: no error is true
        elif message.begins and not refused.answered:
            refused.answered = True
            yield Forward(message.with_data(self.reply(message, request, values)))
            if self.closes:
                yield Close()


@dataclass(frozen=True, kw_only=True)
class ErrorReply(InjectedReply):
    """An error: a code in upper case, and a text."""

    name: str = ""
    """The code by default."""
    error: str
    """Code and text; ``{command}``, ``{key}``, ``{arguments}`` and parameters are filled in."""
    code: str = field(default="", init=False)
    routes: bool = False
    """Redis Cluster checks this before anything else: EXEC gets the same text."""

    def __post_init__(self) -> None:
        message = Option("message", str, self.error.split(" ", 1)[1], "the text after the code")
        parameters = (message, BLOB, *self.parameters)
        code = self.error.split(" ", 1)[0]
        self.derive(name=self.name or code, code=code, parameters=parameters)

    @property
    def wire(self) -> str:
        return f"-{self.error}" + (", then the end of the connection" if self.closes else "")

    def reply(self, message: Message, request: RedisRequest, values: Values) -> bytes:
        line = self._line(message, request, values)
        if request.special == "EXEC" and not (self.routes or line.startswith("EXECABORT")):
            reason = line.removeprefix("ERR ")
            line = f"EXECABORT Transaction discarded because of: {reason}"
        data = line.encode()
        if request.resp == 3 and values.get("blob"):
            return b"!%d\r\n%b\r\n" % (len(data), data)
        return b"-%b\r\n" % data

    def scripted(self, message: Message, request: RedisRequest, values: Values) -> bytes:
        line = self._line(message, request, values)
        return encoded(b"EVAL", SCRIPTED_ERROR, b"0", line.encode())

    def _line(self, message: Message, request: RedisRequest, values: Values) -> str:
        text = str(values["message"])
        if "{" in text:
            text = fill(text, _words(message, request, values))
        return " ".join(f"{values.get('code', self.code)} {text}".splitlines())


def _words(message: Message, request: RedisRequest, values: Values) -> dict[str, object]:
    """What the text of an error may say: parameters, and the request's command, key and so on."""
    labels = message.labels
    command = "|".join(labels[name] for name in ("command", "subcommand") if name in labels)
    key = labels.get("key", "")
    arguments = arguments_of(message)
    known = {"command": command.lower(), "key": key, "arguments": quoted(arguments)}
    words: dict[str, object] = {**values, **known, "message": "{message}"}
    if words.get("slot") == -1:
        words["slot"] = request.slot if request.slot >= 0 else slot_of(key.encode())
    if words.get("group") == "":
        words["group"] = group_of(arguments)
    return words


@dataclass(frozen=True, kw_only=True)
class AnyErrorReply(ErrorReply):
    """An error whose code a parameter gives."""

    def check(self, values: Values) -> None:
        code = str(values["code"])
        if code.split() != [code]:
            raise OptionError(key="code", given=code, allowed="a word without spaces")


@dataclass(frozen=True, kw_only=True)
class NullReply(InjectedReply):
    """No value: in RESP2 a null bulk string or a null array, in RESP3 a null."""

    arrays: frozenset[str] = frozenset()
    """Commands that return arrays."""

    wire = "$-1, *-1 or *0, depending on the command; in RESP3 _, *0 or ~0"

    def reply(self, message: Message, request: RedisRequest, values: Values) -> bytes:
        command = message.labels.get("command")
        several = request.total > 1  # the second argument is a count
        if several and command in MEMBERS:
            return b"~0\r\n" if request.resp == 3 and command == "SPOP" else b"*0\r\n"
        if request.resp == 3:
            return b"_\r\n"
        return b"*-1\r\n" if command in self.arrays or several else b"$-1\r\n"

    def scripted(self, message: Message, request: RedisRequest, values: Values) -> bytes:
        members = request.total > 1 and message.labels.get("command") in MEMBERS
        return SCRIPTED_ARRAY if members else SCRIPTED_NULL


@dataclass(frozen=True, kw_only=True)
class PushMessage(Fault):
    """A push right before a response; in RESP3 only."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    data: bytes

    @property
    def wire(self) -> str:
        return " ".join(self.data.decode().split())

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        pushed = not message.to_backend and message.begins and request_of(message).resp == 3
        yield Forward(message.with_data(self.data + message.data) if pushed else message)
