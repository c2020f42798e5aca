"""How the faults of SMTP are played; which there are, ``smtp`` says.

A command that is to fail is kept from the backend, so that a later command is refused or
accepted there as after a failure.  Where that does not do, ``RSET`` goes there in its place:
for a mail whose content is to be refused after the final dot, and for a failed ``BDAT``.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ...behavior import Firing
from ...fault import Answer, Fault, Values
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Message
from ...values.options import Option
from ..checks import check_lines

GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
READY_FOR_TLS = b"220 2.0.0 Ready to start TLS\r\n"
GARBAGE_SIZE = 64

MALFORMED: Mapping[str, bytes] = {
    "no-code": b"Ok\r\n",
    "short-code": b"25 Ok\r\n",
    "bad-separator": b"250_Ok\r\n",
    "mixed-codes": b"250-Ok\r\n550 5.0.0 Failed\r\n",
    "no-end": b"250-Ok\r\n250-and so on\r\n",
    "long-line": b"250 " + b"x" * 10_000 + b"\r\n",
    "empty-line": b"\r\n",
    "binary": bytes(range(0x80, 0x100)) + b"\r\n",
}
"""Replies that RFC 5321 section 4.2 does not allow, by what is wrong with them."""


KIND = Option("kind", str, "no-code", "what is wrong with it", choices=tuple(MALFORMED))


class Command:
    """What is noted about a command; its dialogue with the backend goes on in here."""

    __slots__ = ("delivers", "due", "more", "verb")

    def __init__(self, verb: str, *, delivers: bool = False) -> None:
        self.verb = verb
        self.delivers = delivers
        """It is the last chunk of a mail."""
        self.more: bool | None = None
        """The client was asked for more of it (the content, a continuation), or it is over."""
        self.due = 0
        """Replies to come, once that is known."""


class Talk(typing.Protocol):
    """What faults know and change of a connection."""

    host: str
    """What the server calls itself."""
    recipients: int
    """How many have been accepted for the mail; 0 where one reply is for all of them."""
    turned_away: bool
    """The client was told to leave."""
    adjusting: bool


def talk(firing: Firing) -> Talk:
    return cast(Talk, firing.protocol)


def without_extension(reply: bytes, keyword: bytes) -> bytes:
    """The answer to an EHLO without the line of an extension (RFC 5321 section 4.1.1.1)."""
    first, *lines = reply.splitlines(keepends=True)
    left = [line for line in lines if line[4:].replace(b"=", b" ").upper().split()[:1] != [keyword]]
    *lines, last = [first, *left]
    return b"".join([*lines, last[:3], b" ", last[4:]])


@dataclass(frozen=True, kw_only=True)
class Told(Answer):
    """A reply with an error in it."""

    code: int
    enhanced: str = ""
    """As in RFC 3463; "" for none."""
    text: str

    @property
    def wire(self) -> str:
        words = " ".join(filter(None, (str(self.code), self.enhanced, self.text)))
        return f"{words}, then close" if self.closes else words

    def check(self, values: Values) -> None:
        check_lines(values, "enhanced")

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        text = str(values.get("message", self.text))
        for name, value in {"host": talk(firing).host, **message.labels}.items():
            text = text.replace("{" + name + "}", value)
        enhanced = str(values.get("enhanced", self.enhanced))
        start = f"{enhanced} " if enhanced else ""
        *lines, last = text.splitlines() or [""]
        code = values.get("code", self.code)
        replies = [f"{code}-{start}{line}\r\n" for line in lines] + [f"{code} {start}{last}\r\n"]
        return "".join(replies).encode("utf-8", "surrogateescape")

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend:
            yield from self._on_request(message, firing, values)
        elif firing.kept:
            yield from self._on_reset(message, firing, values)
        elif not message.final:
            yield Forward(message)  # the backend waits for more: the next reply is ours
        elif message.begins:
            yield Forward(message.with_data(self.render(message, firing, values)))
            yield from self._close(values)

    def _on_request(self, message: Message, firing: Firing, values: Values) -> Actions:
        kept = firing.kept
        if message.begins and not message.continues:
            kept.append(message.with_data(b""))
        if not kept:
            yield Forward(message)  # it was under way already
            return
        if not message.ends:
            return
        asked = kept[0]
        command = cast(Command, asked.about)
        if message.continues:  # the content, and the final dot
            yield Reply(self.render(asked, firing, values) * max(1, talk(firing).recipients))
            yield from self._close(values)
        elif command.verb == "BDAT" or (command.verb == "DATA" and values.get("at") == "content"):
            unnamed = Command("")  # the client does not know that it was reset
            yield Forward(message._replace(data=b"RSET\r\n", begins=True, about=unnamed))
        else:
            command.more = False
            yield Reply(self.render(asked, firing, values))
            yield from self._close(values)

    def _on_reset(self, message: Message, firing: Firing, values: Values) -> Actions:
        """The backend has answered the RSET that it got in place of the command."""
        command = cast(Command, firing.kept[0].about)
        if command.verb == "BDAT":
            replies = talk(firing).recipients if command.delivers else 1
            told = self.render(firing.kept[0], firing, values) * max(1, replies)
            yield Forward(message.with_data(told))
            yield from self._close(values)
        elif message.data.startswith(b"250"):
            yield Forward(message.with_data(GO_AHEAD)._replace(final=False))
        else:
            command.more = False
            yield Forward(message)

    def _close(self, values: Values) -> Actions:
        if values.get("close", self.closes):
            yield Close()


@dataclass(frozen=True, kw_only=True)
class TurnedAway(Told):
    """The greeting says no; then nothing but QUIT is listened to (RFC 5321 section 3.1)."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield from super().play(message, firing, values)
        talk(firing).turned_away = talk(firing).adjusting = True


@dataclass(frozen=True, kw_only=True)
class Malformed(Told):
    """A reply that none can be."""

    code: int = 250
    text: str = "Ok"

    @property
    def wire(self) -> str:
        return "a reply that RFC 5321 does not allow: " + ", ".join(MALFORMED)

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        return MALFORMED[str(values["kind"])]


@dataclass(frozen=True, kw_only=True)
class Hidden(Fault):
    """The answer to EHLO lacks an extension that the server has."""

    extension: str

    @property
    def wire(self) -> str:
        return f"the answer to EHLO without the line {self.extension}"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend and message.data.startswith(b"250"):
            extension = str(values.get("extension", self.extension)).upper()
            message = message.with_data(without_extension(message.data, extension.encode()))
        yield Forward(message)


@dataclass(frozen=True, kw_only=True)
class BrokenTls(Fault):
    """TLS is agreed on, and what then comes is none; the backend hears nothing of it."""

    @property
    def wire(self) -> str:
        return (
            f"220 to STARTTLS, then {GARBAGE_SIZE} random bytes in answer to the hello, and close"
        )

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend:
            yield Forward(message)
        elif not message.continues:
            firing.kept.append(message)
            cast(Command, message.about).more = True
            yield Reply(READY_FOR_TLS)
        elif message.begins and firing.kept:
            yield Reply(firing.random().randbytes(GARBAGE_SIZE))
            yield Close()


@dataclass(frozen=True, kw_only=True)
class DropAfterData(Fault):
    """The mail is accepted, and its sender never hears of it."""

    @property
    def wire(self) -> str:
        return "no 250 after the final dot, but the end of the connection"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend and message.final and message.data.startswith(b"2"):
            yield Close(reset=bool(values["reset"]))
        else:
            yield Forward(message)


def parameters(text: str, at: str = "command") -> tuple[Option, ...]:
    """What any reply may be told."""
    return (
        Option("message", str, text, "the text of the reply; with line ends, one of several lines"),
        Option(
            "at",
            str,
            at,
            "of DATA: refuse the command, or the content after the final dot",
            choices=("command", "content"),
        ),
    )


def told(
    name: str,
    reply: str,
    applies_to: Mapping[str, str],
    meaning: str,
    exercises: str,
    *,
    aliases: tuple[str, ...] = (),
    at: str = "command",
    typical: bool = False,
    form: type[Told] = Told,
    more: tuple[Option, ...] = (),
) -> Told:
    """A fault from its reply, ``450 4.2.1 text``; ``-`` is no enhanced code.

    A 421 closes the connection (RFC 5321 section 3.8).
    """
    code, enhanced, text = reply.split(" ", 2)
    enhanced = enhanced.strip("-")
    return form(
        name=name,
        aliases=(code, enhanced, *aliases) if enhanced else (code, *aliases),
        meaning=meaning,
        exercises=exercises,
        applies_to=applies_to,
        parameters=(*parameters(text, at), *more),
        typical=typical,
        closes=code == "421",
        code=int(code),
        enhanced=enhanced,
        text=text,
    )
