"""How the faults of SMTP are played.

A command that is to fail is not passed on, so the backend treats later commands as after a
failure.  Where that is not enough, it gets ``RSET`` instead: for a mail whose content is to be
rejected after the final dot, and for a failed ``BDAT``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, cast

from ...fault import Answer, Fault, FirstPiece, Values
from ...rules.firing import Firing
from ...values.actions import Actions, Close, Forward, Reply
from ...values.messages import Direction, Message
from ...values.options import Option
from ..checks import check_lines
from .wire import SmtpRequest, SmtpSession, without_extension

GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
READY_FOR_TLS = b"220 2.0.0 Ready to start TLS\r\n"
NO_COMMAND = b"500 5.5.2 Error: command not recognized\r\n"
"""The reply to a line of a content, or of an authentication, that the server does not wait for."""
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
PARTS = ("command", "content")
EXERCISES = {
    ("MAIL", "4"): "queueing the mail, and retrying later",
    ("MAIL", "5"): "giving up on the mail, and notifying its sender",
    ("RCPT", "4"): "retrying later, for this recipient only",
    ("RCPT", "5"): "giving up on this recipient, and delivering to the others",
}
"""Transient and permanent errors (RFC 5321 section 4.2.1), of a mail and of one recipient."""
KIND = Option("kind", str, "no-code", "what is wrong with the reply", choices=tuple(MALFORMED))


class RefusedRequest(FirstPiece):
    """The request that fails, and how far its dialogue with the client is."""

    was_asked = False
    """The client was asked for the content."""
    has_ended = False
    """The content has arrived, before the client was asked for it."""
    replies = 1
    """Number of replies that the client waits for."""
    given = False
    """A reply of the backend was replaced."""
    passes = False
    """The reply under way is not replaced."""


def session(firing: Firing) -> SmtpSession:
    return cast(SmtpSession, firing.protocol)


@dataclass(frozen=True, kw_only=True)
class ReplyFault(Answer):
    """A reply with an error code; a 421 closes the connection (RFC 5321 section 3.8)."""

    ignores_unsolicited: ClassVar[bool] = False  # it may replace the greeting
    exercises: str = ""
    """By default what the code asks for, see ``EXERCISES``."""
    applies_to: Mapping[str, str] = field(default_factory=lambda: {"phase": "command"})
    reply: str
    """Code, enhanced status code (RFC 3463) and text; ``-`` stands for no enhanced code."""
    at: str = "command"
    """Whether it rejects the command DATA, or the content."""
    code: int = field(init=False)
    enhanced: str = field(init=False)
    text: str = field(init=False)

    def __post_init__(self) -> None:
        code, enhanced, text = self.reply.split(" ", 2)
        enhanced = enhanced.strip("-")
        about = "RCPT" if self.applies_to.get("verb") == "RCPT" else "MAIL"
        at = "for DATA: reject the command or the content"
        self.derive(
            exercises=self.exercises or EXERCISES[about, code[0]],
            code=int(code),
            enhanced=enhanced,
            text=text,
            closes=code == "421",
            aliases=(*filter(None, (code, enhanced)), *self.aliases),
            parameters=(
                Option("message", str, text, "text of the reply; line breaks: a multiline reply"),
                Option("at", str, self.at, at, choices=PARTS),
                *self.parameters,
            ),
        )

    @property
    def wire(self) -> str:
        words = " ".join(filter(None, (str(self.code), self.enhanced, self.text)))
        return f"{words}, then close" if self.closes else words

    def check(self, values: Values) -> None:
        check_lines(values, "enhanced")

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        text = str(values.get("message", self.text))
        for name, value in {"host": session(firing).host, **message.labels}.items():
            text = text.replace("{" + name + "}", value)
        enhanced = str(values.get("enhanced", self.enhanced))
        start = f"{enhanced} " if enhanced else ""
        *lines, last = text.splitlines() or [""]
        code = values.get("code", self.code)
        replies = [f"{code}-{start}{line}\r\n" for line in lines] + [f"{code} {start}{last}\r\n"]
        return "".join(replies).encode("utf-8", "surrogateescape")

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        refused = firing.of_exchange(RefusedRequest)
        if message.to_backend:
            if refused.first is None and message.begins and not message.continues:
                refused.first = message.with_data(b"")
            if refused.first is None:
                yield Forward(message)  # the command has been passed on already
            elif message.continues and cast(SmtpRequest, message.about).wants_more is False:
                yield Reply(NO_COMMAND * message.data.count(b"\n"))
            elif message.ends:
                yield from self._on_request(message, refused, firing, values)
        elif not message.begins:
            if refused.passes:
                yield Forward(message)
        elif refused.first is not None:
            yield from self._on_reset(message, refused, firing, values)
        elif _code(message).startswith("3"):  # it asks for more: the next reply is replaced
            refused.passes = True
            yield Forward(message)
        else:
            refused.passes = refused.given and not _is_of_one_recipient(message)
            if refused.passes:
                yield Forward(message)
                return
            refused.given = True
            yield Forward(message.whole(self.render(message, firing, values)))
            if _begins_tls(message):
                yield Close()
            yield from self._close(values)

    def _on_request(
        self, message: Message, refused: RefusedRequest, firing: Firing, values: Values
    ) -> Actions:
        """Act on the end of a command, or of what continues it."""
        command = cast(Message, refused.first)
        request = cast(SmtpRequest, command.about)
        if message.continues and not refused.was_asked:
            refused.has_ended = True
        elif message.continues:  # the content, with the final dot
            yield Reply(self.render(command, firing, values) * refused.replies)
            yield from self._close(values)
        elif request.verb == "BDAT" or (request.verb == "DATA" and values.get("at") == "content"):
            reset = SmtpRequest("RSET")
            yield Forward(message._replace(data=b"RSET\r\n", begins=True, offset=0, about=reset))
        else:
            request.wants_more = False
            yield Reply(self.render(command, firing, values))
            yield from self._close(values)

    def _on_reset(
        self, message: Message, refused: RefusedRequest, firing: Firing, values: Values
    ) -> Actions:
        """Act on the backend's reply to the RSET that it got instead of the command."""
        command = cast(Message, refused.first)
        request = cast(SmtpRequest, command.about)
        if request.last_chunk or request.verb == "DATA":
            mail = cast(SmtpRequest, message.about).mail
            refused.replies = mail.replies if mail else 1
        rendered = self.render(command, firing, values) * refused.replies
        if request.verb == "BDAT":
            yield Forward(message.whole(rendered))
            yield from self._close(values)
        elif _code(message) != "250":
            request.wants_more = False
            refused.passes = True
            yield Forward(message)
        elif refused.has_ended:
            yield Forward(message.whole(GO_AHEAD + rendered))
            yield from self._close(values)
        else:
            refused.was_asked = True
            yield Forward(message.whole(GO_AHEAD)._replace(final=False))

    def _close(self, values: Values) -> Actions:
        if values.get("close", self.closes):
            yield Close()


def _code(reply: Message) -> str:
    """The code of a reply, also if this is a piece of it only."""
    return reply.labels.get("code", "")


def _is_of_one_recipient(message: Message) -> bool:
    """Whether a reply to the content is followed by others for other recipients, over LMTP."""
    request = message.about
    if not isinstance(request, SmtpRequest) or request.mail is None:
        return False
    return request.mail.lmtp and request.brings_content


def _begins_tls(message: Message) -> bool:
    """Whether a reply accepts STARTTLS: what the server sees from then on is TLS."""
    request = message.about
    accepts = _code(message) == "220"
    return accepts and isinstance(request, SmtpRequest) and request.verb == "STARTTLS"


@dataclass(frozen=True, kw_only=True)
class RejectingGreeting(ReplyFault):
    """The greeting rejects the client; from then on only QUIT works (RFC 5321 section 3.1)."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        yield from super().play(message, firing, values)
        session(firing).turned_away = session(firing).adjusting = True


@dataclass(frozen=True, kw_only=True)
class MalformedReply(ReplyFault):
    """A reply that breaks the grammar of replies."""

    reply: str = "250 - Ok"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.derive(aliases=(), parameters=(KIND,))

    wire = "a reply that RFC 5321 does not allow: " + ", ".join(MALFORMED)

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        return MALFORMED[str(values["kind"])]


@dataclass(frozen=True, kw_only=True)
class HiddenExtension(Fault):
    """The reply to EHLO lacks an extension that the server has."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    extension: str

    @property
    def wire(self) -> str:
        return f"the reply to EHLO without the line {self.extension}"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend and message.data.startswith(b"250"):
            extension = str(values.get("extension", self.extension)).upper()
            message = message.with_data(without_extension(message.data, extension.encode()))
        yield Forward(message)


@dataclass(frozen=True, kw_only=True)
class BrokenTls(Fault):
    """STARTTLS is accepted and the handshake answered with garbage; the backend sees neither."""

    only: ClassVar[Direction | None] = Direction.TO_BACKEND

    wire = f"220 to STARTTLS, {GARBAGE_SIZE} random bytes in answer to the ClientHello, close"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend:
            yield Forward(message)
        elif not message.continues:
            cast(SmtpRequest, message.about).wants_more = True
            yield Reply(READY_FOR_TLS)
        elif message.begins:
            yield Reply(firing.random().randbytes(GARBAGE_SIZE))
            yield Close()


@dataclass(frozen=True, kw_only=True)
class DropAfterData(Fault):
    """The mail is accepted, and the client gets no reply."""

    only: ClassVar[Direction | None] = Direction.TO_CLIENT

    wire = "no 250 after the final dot; the connection closes instead"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if not message.to_backend and message.final and message.data.startswith(b"2"):
            yield Close(reset=bool(values["reset"]))
        else:
            yield Forward(message)
