"""smtp: mail on its way to a server (RFC 5321), or from there into a mailbox (LMTP, RFC 2033).

A command and its reply are an exchange.  What a client says after a ``354`` or ``334`` is more
of the same command, and no exchange of its own: the content of a mail, which passes in pieces
of any number, and the lines of an authentication, which are looked at by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping

from ...errors import ProtocolError
from ...protocol import Parser, Protocol, Stream
from ...values.actions import Forward, Reply
from ...values.messages import Message
from ...values.options import option
from .faults import CATALOGUE
from .forms import Command, without_extension

LINE = re.compile(rb"[ \t]*+([^\s]*+)[ \t]*+([^\n]*+)\n")
ADDRESS = re.compile(r"(?:FROM|TO):\s*(?:<([^>]*)>|(\S*))", re.IGNORECASE)
CHUNK = re.compile(r"(\d{1,15})(\s+LAST)?", re.IGNORECASE)
REPLY = re.compile(
    rb"(?:\d{3}-[^\n]*+\n)*+(\d{3})(?: (?:([45]\.\d{1,3}\.\d{1,3})\s)?[^\n]*+|\r)?\n"
)
REPLY_LIMIT = 64 * 1024

FIRST_LINE = re.compile(rb"(?=(\.\r\n)|[^.]|\.[^\r]|\.\r[^\n])", re.DOTALL)
TEXT = re.compile(rb"[^\r]*+(?:\r(?!\n\.\r\n)(?=.{4})[^\r]*+)*+", re.DOTALL)
"""Content without its end, and without what may turn out to be its end."""
END = re.compile(rb"(?:\r\n)?\.\r\n")

LOOK = 32
"""Bytes to look at, of what may be another protocol."""
VERB_LIMIT = 20
ARGUMENT_LIMIT = 1000
CALLS_FOR_MORE = {"DATA": "354", "AUTH": "334"}
"""The reply by which a command goes on (RFC 5321 section 3.3, RFC 4954 section 4)."""
GOES_ON = frozenset({*CALLS_FOR_MORE, "STARTTLS"})
"""After these, what a client says next may be no command."""
EXTENDED_HELLOS = frozenset({"EHLO", "LHLO"})

TLS_REFUSED = b"454 4.7.0 TLS not available due to temporary reason\r\n"
NOT_WELCOME = b"503 5.7.0 Error: access denied\r\n"


class Smtp(Protocol):
    """SMTP and LMTP, with pipelining, chunks (BDAT), AUTH and STARTTLS."""

    name = "smtp"
    labels = {
        "verb": "MAIL, RCPT, DATA, ... in capitals; GREETING for what the server says first",
        "phase": "greeting or command",
        "address": "of MAIL FROM and RCPT TO, without its brackets",
        "argument": "what follows the verb; of AUTH the mechanism alone",
    }
    response_labels = {
        "code": "of the reply, such as 250",
        "error": "the enhanced code of a failure, such as 4.2.1; its code, where it has none",
    }
    tallied = "verb"
    faults = CATALOGUE
    tls: str = option(
        "refuse",
        "what becomes of STARTTLS: refuse hides it, so that mails stay visible; with pass a "
        "connection is bytes without meaning once TLS begins",
        choices=("refuse", "pass"),
    )

    host = ""
    recipients = 0
    turned_away = False
    _lmtp = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = self.tls == "refuse"

    # What the client says.

    def requests(self, stream: Stream) -> Parser:
        while stream.drained:
            yield
        if b"\0" in stream.at_hand(LOOK):  # other protocols begin so, and have no lines to wait for
            raise ProtocolError("a NUL in what should be a command")
        while True:
            found = stream.match(LINE) or LINE.match((yield from stream.readline()))
            assert found is not None  # every line matches
            verb = found[1][:VERB_LIMIT].decode("latin-1").upper()
            argument = found[2].decode("utf-8", "surrogateescape").strip()
            self._lmtp |= verb == "LHLO"
            chunk = CHUNK.fullmatch(argument) if verb == "BDAT" else None
            command = Command(verb, delivers=chunk is not None and chunk[2] is not None)
            labels = _labels(verb, argument)
            goes_on = verb in GOES_ON
            stream.begin(labels, about=command, final=not goes_on)
            if chunk is not None:
                yield from stream.skip(int(chunk[1]))
            stream.end()
            if goes_on:
                yield from self._more(stream, command, labels)

    def _more(self, stream: Stream, command: Command, labels: Mapping[str, str]) -> Parser:
        """What follows a command, if that calls for more.

        A client waits for the reply before it goes on, so what it then says tells which
        reply it got.  One that does not wait must be sending the content, or what it logs in
        with: nothing else may follow DATA or AUTH at once (RFC 2920, RFC 4954 section 4).
        """
        while True:
            while stream.drained:
                yield
            if command.more is False or (command.verb == "STARTTLS" and not command.more):
                return
            if command.verb == "DATA":
                yield from _content(stream, command, labels)
                return
            if command.verb == "STARTTLS":  # a fault has agreed to it: this is a hello
                stream.begin(labels, continues=True, about=command)
                yield from stream.rest()
            yield from stream.readline()
            command.more = None
            stream.begin(labels, continues=True, about=command)
            stream.end()

    # What the server says.

    def responses(self, stream: Stream) -> Parser:
        greeted = False
        while True:
            found = stream.match(REPLY) or REPLY.fullmatch((yield from _reply(stream)))
            if found is None:
                raise ProtocolError("a reply that is none")
            labels = {"code": found[1].decode()}
            if found[1] >= b"400":
                labels["error"] = (found[2] or found[1]).decode()
                stream.error(labels["error"])
            command = stream.asked
            if not greeted:
                greeted = True
                self.host = _host(found[0])
                stream.begin({**labels, "verb": "GREETING", "phase": "greeting"}, unsolicited=True)
                stream.end()
            elif isinstance(command, Command):
                stream.begin(labels, final=self._is_last(command, labels["code"]))
                stream.end()
                if command.verb == "STARTTLS" and labels["code"] == "220":
                    stream.turn_opaque()
                    return
            else:
                stream.begin(labels, unsolicited=True)
                stream.end()

    def _is_last(self, command: Command, code: str) -> bool:
        """Take note of a reply to a command; whether no other follows."""
        if CALLS_FOR_MORE.get(command.verb) == code:
            command.more = True
            command.due = self.recipients
            return False
        if command.verb in ("MAIL", "RSET"):
            self.recipients = 0
        elif command.verb == "RCPT" and self._lmtp and code.startswith("2"):
            self.recipients += 1
        if command.delivers and not command.due:
            command.due = self.recipients
        command.more = False
        command.due -= 1
        return command.due <= 0

    def adjust(self, message: Message) -> Forward | Reply:
        command = message.about
        if not isinstance(command, Command):
            return Forward(message)
        if self.turned_away and message.to_backend and message.ends and command.verb != "QUIT":
            command.more = False
            return Reply(NOT_WELCOME)
        if self.tls == "refuse":
            if command.verb in EXTENDED_HELLOS and not message.to_backend:
                return Forward(self._without_tls(message))
            if command.verb == "STARTTLS" and message.to_backend:
                return Reply(TLS_REFUSED)
        return Forward(message)

    def _without_tls(self, message: Message) -> Message:
        data = without_extension(message.data, b"STARTTLS")
        if data == message.data:
            return message
        self.tell("the server offers STARTTLS, which is hidden from clients: tls=refuse")
        return message.with_data(data)


def _labels(verb: str, argument: str) -> dict[str, str]:
    labels = {"verb": verb, "phase": "command"}
    if verb == "AUTH":
        argument = argument.partition(" ")[0].upper()  # what follows may be secret
    elif verb in ("MAIL", "RCPT") and (address := ADDRESS.match(argument)):
        labels["address"] = (address[1] if address[1] is not None else address[2])[:ARGUMENT_LIMIT]
    labels["argument"] = argument[:ARGUMENT_LIMIT]
    return labels


def _content(stream: Stream, command: Command, labels: Mapping[str, str]) -> Parser:
    """The content of a mail, up to and with the line that has nothing but a dot.

    It ends without that line too, if the server has replied to it before.
    """
    while not (first := stream.match(FIRST_LINE)):
        yield
    stream.begin(labels, continues=True, about=command)
    if first[1] is None:
        stream.match(TEXT)
    while not stream.match(END):
        yield
        if command.more is False:
            break
        stream.match(TEXT)
    stream.end()


def _reply(stream: Stream) -> Generator[None, None, bytes]:
    """A reply of one line or several, which arrives bit by bit."""
    reply = b""
    while True:
        line = yield from stream.readline()
        reply += line
        if line[3:4] != b"-":
            return reply
        if len(reply) > REPLY_LIMIT:
            raise ProtocolError(f"a reply of more than {REPLY_LIMIT} bytes")


def _host(greeting: bytes) -> str:
    """The name in a greeting (RFC 5321 section 4.2)."""
    words = greeting[4:].decode("latin-1").split()
    return words[0] if words else ""
