"""smtp: SMTP (RFC 5321), and LMTP (RFC 2033), which delivers mail into mailboxes.

A command and its reply are an exchange.  What a client sends after a ``354`` or ``334``
continues the same command and exchange: the content of a mail, which passes in any number of
pieces, and the lines of an authentication, which are never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from functools import cache

from ...errors import ProtocolError
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import ANY, Kind, texts
from ...values.actions import Forward, Reply
from ...values.messages import Message
from ...values.options import option
from .faults import CATALOGUE
from .semantics import SEMANTICS
from .wire import Mail, SmtpRequest, accepts, host_in, without_extension

LINE = re.compile(rb"[ \t]*+([^\s]*+)[ \t]*+([^\n]*+)\n")
ADDRESS = re.compile(r"(?:FROM|TO):\s*(?:<([^>]*)>|(\S*))", re.IGNORECASE)
CHUNK = re.compile(r"(\d{1,15})(\s+LAST)?", re.IGNORECASE)
REPLY = re.compile(
    rb"(?:\d{3}-[^\n]*+\n)*+(\d{3})(?: (?:([45]\.\d{1,3}\.\d{1,3})\s)?[^\n]*+|\r)?\n"
)
REPLY_LIMIT = 64 * 1024
VERB_BEGUN = re.compile(rb"[ \t]*+([^\s]{20}|[^\s]*+(?=\s))")
"""The beginning of a command's line.  Group: the verb, or as much of it as its label has."""
CODE = re.compile(rb"(\d{3})[ \-\r\n]")
CODE_BEGUN = re.compile(rb"\d{0,3}")

END = b"\r\n.\r\n"
"""What ends a mail's content; its first line break may be that before the content."""

COMMAND_LIMIT = 12_288
"""Maximum bytes of a command; that many may be needed for AUTH (RFC 4954 section 4)."""
COMMAND_KEPT = 2048
"""Bytes of any other command for which a rule may have to wait: Postfix takes no longer lines, and
RFC 5321 section 4.5.3.1.4 asks for 512."""
VERB_LIMIT = 20
ARGUMENT_LIMIT = 1000
ASKS_FOR_MORE = {"DATA": "354", "AUTH": "334"}
"""The reply that asks for more of a command (RFC 5321 section 3.3, RFC 4954 section 4)."""
CONTINUED = frozenset({*ASKS_FOR_MORE, "STARTTLS"})
"""Commands after which the client may send something other than a command."""
VERBS = (
    "HELO EHLO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP AUTH STARTTLS ETRN XCLIENT"
)
EXTENDED_HELLOS = frozenset({"EHLO", "LHLO"})
RESETS = frozenset({"EHLO", "LHLO", "HELO", "MAIL", "RSET"})
"""Commands that end a mail, or begin one."""
CONTENTS = frozenset({"DATA", "BDAT"})
"""Commands that bring the content of a mail."""

GREETING = {"verb": "GREETING", "phase": "greeting"}
"""Labels of the server's greeting."""
TLS_HANDSHAKE = b"\x16"
"""What TLS begins with, where it comes before anything else (RFC 8314): RFC 8446 section 5.1."""
NO_REPLY = "not an SMTP reply"
NO_COMMAND = "a NUL byte where a command should be"
TLS_REFUSED = b"454 4.7.0 TLS not available due to temporary reason\r\n"
ACCESS_DENIED = b"503 5.7.0 Error: access denied\r\n"
NO_RECIPIENTS = b"503 5.5.1 Error: no valid recipients\r\n"
"""A reply to DATA or to its content (RFC 5321 section 3.3; RFC 2033 section 4.2 has only 503)."""

ADDRESSES = texts((), "[^>]*", ">", "an address without its brackets")
FAILURE = "an enhanced status code such as 4.2.1, or a reply code"


class Smtp(Protocol):
    """SMTP and LMTP, with pipelining, chunks (BDAT), AUTH and STARTTLS."""

    name = "smtp"
    labels = {
        "verb": "the command in upper case: MAIL, RCPT, DATA; GREETING for the server's greeting",
        "phase": "greeting or command",
        "address": "the address in MAIL FROM and RCPT TO, without its brackets",
        "argument": "what follows the verb; for AUTH, the mechanism only",
    }
    response_labels = {
        "code": "the reply code: 250",
        "error": "the enhanced status code of a failure (4.2.1), or its reply code if it has none",
    }
    kind_labels = ("phase", "verb")
    tallied = "verb"
    decrypting = {"tls": "both"}
    semantics = SEMANTICS
    faults = CATALOGUE
    tls: str = option(
        "refuse",
        "where the server offers STARTTLS: refuse (the offer is hidden from clients, so mail stays "
        "visible), pass (the connection is opaque once TLS begins) or both (what is inside of TLS "
        "is decrypted: the proxy's tls says with what)",
        choices=("refuse", "pass", "both"),
    )

    @classmethod
    @cache
    def kinds(cls) -> Sequence[Kind]:
        codes = {
            "code": texts((), r"\d{3}", r"\D", "a reply code of three digits"),
            "error": texts((), r"[45](?:\.\d{1,3}){2}|[4-9]\d\d", r"[^\d.]", FAILURE),
        }
        command = {"phase": texts("command"), "argument": ANY, **codes}
        return (
            {"phase": texts("greeting"), "verb": texts("GREETING"), **codes},
            {**command, "verb": texts("MAIL RCPT"), "address": ADDRESSES},
            {**command, "verb": texts(VERBS, r"[^a-z\s,|]+", r"[a-z\s,|]", "a verb in upper case")},
        )

    # The state of a session: see ``SmtpSession``.
    host = ""
    turned_away = False
    delivers = True
    _mail: Mail | None = None  # the one under way, or an empty one
    _lmtp = False
    _asking_lmtp: SmtpRequest | None = None  # the newest LHLO
    _newest: SmtpRequest | None = None  # the newest command that a mail depends on

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decrypts = self.tls == "both"
        self.adjusting = self.tls != "pass"

    @property
    def mail(self) -> Mail:
        """The mail under way."""
        if self._mail is None:
            self._mail = Mail(self._lmtp)
        return self._mail

    # Parsing requests.

    def requests(self, stream: Stream) -> Parser:
        if self.decrypts and stream.at_hand(1) == TLS_HANDSHAKE:
            yield from stream.encrypt()
            self.adjusting = False
        while True:
            found = stream.match(LINE) or (yield from self._command(stream))
            if b"\0" in found[0]:
                raise ProtocolError(NO_COMMAND)
            verb = found[1][:VERB_LIMIT].decode("latin-1").upper()
            argument = found[2].decode("utf-8", "surrogateescape").strip()
            chunk = CHUNK.fullmatch(argument) if verb == "BDAT" else None
            request = SmtpRequest(verb, last_chunk=chunk is not None and chunk[2] is not None)
            labels = _labels(verb, argument)
            self._note_request(request, waits=bool(stream.exchanges.pending))
            continued = verb in CONTINUED
            once = continued or (verb == "RCPT" and self._may_be_lmtp)  # twice: two replies
            stream.begin(labels, about=request, final=not once)
            if chunk is not None:
                yield from stream.skip(int(chunk[1]))
            stream.end(pauses=continued)
            if continued:
                yield from self._continuation(stream, request, labels)

    def _note_request(self, request: SmtpRequest, *, waits: bool) -> None:
        """Note what a command says of the session, before the server has answered it.

        ``waits``: the server has not answered all before it.
        """
        verb = request.verb
        if verb == "LHLO":
            self._asking_lmtp = request
        elif verb in CONTENTS and not (waits or self._newest_waits):
            request.mail = self.mail
        if verb in RESETS or verb == "RCPT":
            self._newest = request

    @property
    def _newest_waits(self) -> bool:
        return self._newest is not None and self._newest.wants_more is None

    @property
    def _may_be_lmtp(self) -> bool:
        asking = self._asking_lmtp
        return self._lmtp or (asking is not None and asking.wants_more is None)

    def _continuation(
        self, stream: Stream, request: SmtpRequest, labels: Mapping[str, str]
    ) -> Parser:
        """Parse what continues a command, if the server asks for more of it.

        A client waits for the reply before it continues, so the reply is known when its next
        bytes arrive.  A client that does not wait must be sending the content, or its
        credentials: nothing else may be pipelined after DATA or AUTH (RFC 2920, RFC 4954
        section 4).  If the server then refuses the command, it takes each line of that for a
        command, and answers it.
        """
        while True:
            while stream.drained:
                yield
            more = request.wants_more
            if more is False or (request.verb == "STARTTLS" and not more):
                return
            if request.verb == "DATA":
                yield from _content(stream, request, labels)
                return
            if request.verb == "STARTTLS":  # a fault has accepted it: this is a ClientHello
                stream.begin(labels, continues=True, about=request)
                yield from stream.rest()
            request.wants_more = None
            request.ahead += 1
            stream.begin(labels, continues=True, about=request)
            yield from stream.readline()
            stream.end()

    def _command(self, stream: Stream) -> Generator[None, None, re.Match[bytes]]:
        """Take the line of a command when it has arrived.

        Raises:
            ProtocolError: it is another protocol, which may have no lines to wait for.
        """
        while not (found := stream.match(LINE)):
            begun = stream.at_hand(COMMAND_LIMIT + 1)
            if b"\0" in begun:
                raise ProtocolError(NO_COMMAND)
            if len(begun) > COMMAND_LIMIT:
                raise ProtocolError(f"a command of more than {COMMAND_LIMIT} bytes")
            verb = word[1].decode("latin-1").upper() if (word := VERB_BEGUN.match(begun)) else None
            stream.keep_limit = COMMAND_LIMIT if verb == "AUTH" else COMMAND_KEPT
            adjusted = self.turned_away or (verb == "STARTTLS" and self.tls == "refuse")
            if verb is not None and not adjusted:
                stream.announce({"verb": verb, "phase": "command"}, unknown=("address", "argument"))
            yield
        return found

    # Parsing responses.

    def responses(self, stream: Stream) -> Parser:
        greeted = False
        while True:
            found = stream.match(REPLY) or REPLY.fullmatch(
                (yield from self._reply(stream, greeted=greeted))
            )
            if found is None:
                raise ProtocolError(NO_REPLY)
            labels = {"code": found[1].decode()}
            if found[1] >= b"400":
                labels["error"] = (found[2] or found[1]).decode()
                stream.error(labels["error"])
            request = stream.asked
            if not greeted:
                greeted = True
                self.host = host_in(found[0])
                stream.begin({**labels, **GREETING}, unsolicited=True)
                stream.end()
            elif isinstance(request, SmtpRequest):
                stream.begin(labels, final=self._note_reply(request, labels["code"]))
                stream.end()
                if request.verb == "STARTTLS" and labels["code"] == "220":
                    if not self.decrypts:
                        stream.turn_opaque()
                        return
                    yield from stream.encrypt()
                    self.adjusting = False
            else:
                stream.begin(labels, unsolicited=True)
                stream.end()

    def _reply(self, stream: Stream, *, greeted: bool) -> Generator[None, None, bytes]:
        """Take a reply of one or more lines that arrives in pieces.

        Raises:
            ProtocolError: it is no reply, or too long.
        """
        while not (found := CODE.match(begun := stream.at_hand(4))):
            if not CODE_BEGUN.fullmatch(begun):
                raise ProtocolError(NO_REPLY)
            yield
        request, code = stream.asked, found[1].decode()
        verb = request.verb if greeted and isinstance(request, SmtpRequest) else ""
        may_be_withheld = self._lmtp and verb in CONTENTS
        if not may_be_withheld and (self.tls != "refuse" or verb not in EXTENDED_HELLOS):
            labels = {"code": code} if greeted else {"code": code, **GREETING}
            unknown = ("error",) if code >= "400" else ()
            stream.announce(labels, unknown=unknown, unsolicited=not verb)
        reply = b""
        while True:
            line = yield from stream.readline()
            reply += line
            if line[3:4] != b"-":
                return reply
            if len(reply) > REPLY_LIMIT:
                raise ProtocolError(f"a reply of more than {REPLY_LIMIT} bytes")

    def _note_reply(self, request: SmtpRequest, code: str) -> bool:
        """Note a reply to a command, whoever gave that; return whether it is the last one."""
        mail = request.mail = self.mail
        if ASKS_FOR_MORE.get(request.verb) == code:
            request.wants_more = request.has_asked = True
            request.ahead = 0 if request.verb == "DATA" else request.ahead - 1
            return False
        if not request.replies_due:
            results = mail.recipients if mail.lmtp and request.brings_content else 0
            request.replies_due = results or 1 + max(0, request.ahead)
        request.wants_more = False
        request.replies_due -= 1
        last, accepted = request.replies_due <= 0, code.startswith("2")
        if request.verb == "RCPT":
            if accepted and request.place is None:
                request.place = mail.recipients
                mail.recipients += 1
        elif request.brings_content or request.verb == "BDAT":
            if last and (request.brings_content or not accepted):
                self._mail = None
        elif request.verb in RESETS and accepted:
            self._mail = None
            if request.verb.endswith("LO"):
                self._lmtp = request.verb == "LHLO"
        return last

    # Adjusting.

    def adjust(self, message: Message) -> Forward | Reply:
        request = message.about
        if not isinstance(request, SmtpRequest):
            return Forward(message)
        if self.turned_away and message.to_backend and message.ends and request.verb != "QUIT":
            request.wants_more = False
            return Reply(ACCESS_DENIED)
        begins_content = message.to_backend and request.verb in CONTENTS and not message.continues
        if begins_content and request.mail is not None and request.mail.has_none:
            request.wants_more = False
            return Reply(NO_RECIPIENTS)
        if self.tls == "refuse":
            if request.verb in EXTENDED_HELLOS and not message.to_backend:
                return Forward(self._without_tls(message))
            if request.verb == "STARTTLS" and message.to_backend:
                return Reply(TLS_REFUSED)
        return Forward(message)

    def deliver(self, message: Message) -> Message:
        request = message.about
        if not isinstance(request, SmtpRequest) or request.mail is None:
            return message
        if request.place is not None:
            if message.begins and message.data and not accepts(message.data):
                request.mail.refused.add(request.place)
                self.adjusting = True
        elif request.mail.refused and request.brings_content:
            return self._result(message, request, request.mail)
        return message

    def _result(self, message: Message, request: SmtpRequest, mail: Mail) -> Message:
        """Return a reply to the content; empty, if it is for a recipient that was refused."""
        if message.labels.get("code") == ASKS_FOR_MORE.get(request.verb):
            return message
        if message.begins and not message.again:
            place, request.results = request.results, request.results + 1
            request.withheld = mail.has_none or (mail.lmtp and place in mail.refused)
            if mail.has_none and message.final:
                return message.with_data(NO_RECIPIENTS)
        return message.with_data(b"") if request.withheld else message

    def _without_tls(self, message: Message) -> Message:
        data = without_extension(message.data, b"STARTTLS")
        if data == message.data:
            return message
        self.tell("hiding the STARTTLS offer of the server from clients: tls=refuse")
        return message.with_data(data)


def _labels(verb: str, argument: str) -> dict[str, str]:
    labels = {"verb": verb, "phase": "command"}
    if verb == "AUTH":
        argument = argument.partition(" ")[0].upper()  # the rest may be a password
    elif verb in ("MAIL", "RCPT") and (address := ADDRESS.match(argument)):
        labels["address"] = (address[1] if address[1] is not None else address[2])[:ARGUMENT_LIMIT]
    labels["argument"] = argument[:ARGUMENT_LIMIT]
    return labels


def _content(stream: Stream, request: SmtpRequest, labels: Mapping[str, str]) -> Parser:
    """Parse the content of a mail, including the line with a single dot that ends it.

    It also ends, without that line, if the server replies before.
    """
    stream.begin(labels, continues=True, about=request)
    before = b"\r\n"
    while True:
        data = before + stream.at_hand()
        found = data.find(END)
        until = found + len(END) if found >= 0 else len(data)
        if not request.has_asked:
            request.ahead += data.count(b"\n", len(before), until)
        yield from stream.skip(until - len(before))
        if found >= 0:
            break
        before = data[-len(END) + 1 :]
        if stream.drained:
            yield
            if request.wants_more is False:
                break
    stream.end()
