"""The faults of SMTP: which there are, in the words of real servers.

A text is Postfix's where Postfix gives such a reply (version 3.7), and else that of RFC 4954
(AUTH), RFC 5321 (section 4.2.3), aiosmtpd, Dovecot or Rspamd.  Enhanced codes are those of
RFC 3463.  In a text, ``{address}`` and the other labels stand for those of the command, and
``{host}`` for the name that the server gave in its greeting.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...fault import Catalogue, Fault
from ...values.options import Option
from .forms import KIND, BrokenTls, DropAfterData, Hidden, Malformed, TurnedAway, told

ANY: Mapping[str, str] = {"phase": "command"}
GREETING: Mapping[str, str] = {"phase": "greeting"}
HELLO: Mapping[str, str] = {"verb": "~^(EHLO|HELO|LHLO)$"}
EHLO: Mapping[str, str] = {"verb": "EHLO"}
AUTH: Mapping[str, str] = {"verb": "AUTH"}
STARTTLS: Mapping[str, str] = {"verb": "STARTTLS"}
MAIL: Mapping[str, str] = {"verb": "MAIL"}
RCPT: Mapping[str, str] = {"verb": "RCPT"}
DATA: Mapping[str, str] = {"verb": "DATA"}

LATER = "keeps the mail, and tries again later"
RETRY_ONE = "tries again later for this recipient alone"
GIVE_UP = "gives the mail up, and tells its sender"
GIVE_UP_ONE = "gives this recipient up, and delivers to the others"
ANEW = "connects anew, or to another server, and later"
OTHERWISE = "logs in otherwise, or not at all"

CLOSING = (
    told(
        "service-shutdown",
        "421 4.3.2 Service not available, closing transmission channel",
        ANY,
        "the server is being shut down",
        ANEW,
        typical=True,
    ),
    told(
        "too-many-connections",
        "421 4.7.0 Error: too many connections",
        GREETING,
        "the client has too many connections open",
        "uses fewer connections, and waits",
    ),
    told(
        "timeout-exceeded",
        "421 4.4.2 {host} Error: timeout exceeded",
        ANY,
        "the client was silent for too long: it hears so when it speaks again",
        "connects anew where a kept connection is stale",
    ),
    told(
        "too-many-errors",
        "421 4.7.0 {host} Error: too many errors",
        ANY,
        "the client has made too many errors on this connection",
        ANEW,
    ),
)

HELLOS = (
    told(
        "not-accepting",
        "554 - {host} ESMTP not accepting connections",
        GREETING,
        "the client is not welcome; all it says but QUIT is answered 503",
        "says QUIT, and tries another server",
        form=TurnedAway,
    ),
    told(
        "ehlo-unsupported",
        "502 5.5.1 Error: command not implemented",
        EHLO,
        "the server is so old that it knows HELO alone",
        "falls back on HELO, and does without extensions",
    ),
    told(
        "helo-rejected",
        "504 5.5.2 <{argument}>: Helo command rejected: need fully-qualified hostname",
        HELLO,
        "the client's name for itself will not do",
        "does not send the mail",
    ),
    told(
        "tls-not-available",
        "454 4.7.0 TLS not available due to local problem",
        STARTTLS,
        "STARTTLS was offered, and does not work (tls=pass; with refuse it is answered so anyway)",
        "goes on in the clear, or not at all, as it was told to",
    ),
    told(
        "starttls-required",
        "530 5.7.0 Must issue a STARTTLS command first",
        MAIL,
        "nothing goes on without TLS",
        "asks for TLS, or gives the mail up",
    ),
)

AUTHENTICATION = (
    told(
        "authentication-failed",
        "535 5.7.8 Authentication credentials invalid",
        AUTH,
        "the name or the password is wrong",
        "does not go on trying with the same",
    ),
    told(
        "temporary-authentication-failure",
        "454 4.7.0 Temporary authentication failure",
        AUTH,
        "the server can't look up the password now",
        "tries again later, and does not take the password for wrong",
    ),
    told(
        "authentication-required",
        "530 5.7.0 Authentication required",
        MAIL,
        "nothing goes on without a login",
        "logs in, or gives the mail up",
    ),
    told(
        "sender-rejected",
        "553 5.7.1 <{address}>: Sender address rejected: not logged in",
        MAIL,
        "this sender's mail is taken after a login only",
        GIVE_UP,
    ),
    told(
        "mechanism-too-weak",
        "534 5.7.9 Authentication mechanism is too weak",
        AUTH,
        "this mechanism is not allowed to this user",
        OTHERWISE,
    ),
    told(
        "encryption-required",
        "538 5.7.11 Encryption required for requested authentication mechanism",
        AUTH,
        "this mechanism is allowed under TLS only",
        OTHERWISE,
    ),
)

SENDERS = (
    told(
        "local-error",
        "451 4.3.0 Temporary lookup error",
        MAIL,
        "the server can't look something up now",
        LATER,
        typical=True,
    ),
    told(
        "insufficient-storage",
        "452 4.3.1 Insufficient system storage",
        MAIL,
        "the server's disk is full",
        LATER,
        typical=True,
    ),
    told(
        "size-exceeds-limit",
        "552 5.3.4 Message size exceeds fixed limit",
        MAIL,
        "the size that was announced is too much",
        GIVE_UP,
    ),
    told(
        "unknown-parameters",
        "555 5.5.4 MAIL FROM/RCPT TO parameters not recognized or not implemented",
        MAIL,
        "the command has parameters that the server does not know",
        "does without extensions, or gives the mail up",
    ),
)

RECIPIENTS = (
    told(
        "mailbox-busy",
        "450 4.2.1 Requested mail action not taken: mailbox unavailable",
        RCPT,
        "the mailbox takes no mail now",
        RETRY_ONE,
    ),
    told(
        "greylisted",
        "451 4.7.1 <{address}>: Recipient address rejected: "
        "Greylisting in action, please come back later",
        RCPT,
        "who comes back in some minutes is let in",
        RETRY_ONE,
    ),
    told(
        "over-quota-for-now",
        "452 4.2.2 <{address}> Quota exceeded (mailbox for user is full)",
        RCPT,
        "the mailbox is full, and may not stay so",
        RETRY_ONE,
    ),
    told(
        "too-many-recipients",
        "452 4.5.3 Error: too many recipients",
        RCPT,
        "one mail has too many recipients",
        "sends the mail to those accepted, and again to the others",
    ),
    told(
        "mailbox-unavailable",
        "550 5.1.1 <{address}>: Recipient address rejected: User unknown in local recipient table",
        RCPT,
        "there is no such mailbox",
        GIVE_UP_ONE,
    ),
    told(
        "mailbox-full",
        "552 5.2.2 <{address}> Quota exceeded (mailbox for user is full)",
        RCPT,
        "the mailbox is full",
        GIVE_UP_ONE,
    ),
    told(
        "mailbox-name-not-allowed",
        "553 5.1.3 Requested action not taken: mailbox name not allowed",
        RCPT,
        "the recipient's address is none",
        GIVE_UP_ONE,
    ),
    told(
        "relay-denied",
        "554 5.7.1 <{address}>: Relay access denied",
        RCPT,
        "the server does not pass mail on to there",
        GIVE_UP_ONE,
    ),
)

CONTENTS = (
    told(
        "no-valid-recipients",
        "554 5.5.1 Error: no valid recipients",
        DATA,
        "no recipient was accepted",
        GIVE_UP,
    ),
    told(
        "queue-write-error",
        "451 4.3.0 Error: queue file write error",
        DATA,
        "the content came whole, and could not be kept",
        LATER,
        at="content",
    ),
    told(
        "message-too-big",
        "552 5.3.4 Error: message file too big",
        DATA,
        "the content was too long",
        GIVE_UP,
        at="content",
    ),
    told(
        "content-rejected",
        "550 5.7.1 Error: message content rejected",
        DATA,
        "the content is not wanted here",
        GIVE_UP,
        at="content",
    ),
    told(
        "spam-rejected",
        "554 5.7.1 Spam message rejected",
        DATA,
        "the content is taken for spam",
        GIVE_UP,
        at="content",
    ),
    DropAfterData(
        name="drop-after-data",
        meaning="the mail was accepted, and the connection is lost before the sender is told",
        exercises="sends the mail a second time: does anybody notice duplicates?",
        applies_to=DATA,
        parameters=(Option("reset", bool, False, "close with a RST, and not with a FIN"),),
    ),
)

SYNTAX = (
    told(
        "command-unrecognized",
        "500 5.5.2 Error: command not recognized",
        ANY,
        "the server does not know the command",
        "does without the command, or gives up",
    ),
    told(
        "bad-arguments",
        "501 5.5.4 Syntax: MAIL FROM:<address>",
        MAIL,
        "what follows the verb will not do",
        GIVE_UP,
    ),
    told(
        "not-implemented",
        "502 5.5.1 Error: command not implemented",
        ANY,
        "the server knows the command, and does not do it",
        "does without the command, or gives up",
    ),
    told(
        "bad-sequence",
        "503 5.5.1 Error: send HELO/EHLO first",
        MAIL,
        "the server has forgotten what was said before",
        "begins again from the start, or gives up",
    ),
    told(
        "parameter-not-implemented",
        "504 5.5.4 Unrecognized authentication type",
        AUTH,
        "the server does not do the command with this parameter",
        OTHERWISE,
    ),
    Malformed(
        name="malformed-reply",
        meaning="the reply is none",
        exercises="does not take it for success, and does not wait for ever",
        applies_to=ANY,
        parameters=(KIND,),
    ),
    told(
        "reply",
        "451 - Requested action aborted: local error in processing",
        ANY,
        "whatever it is told to mean",
        "replies that no other fault gives",
        aliases=("error",),
        more=(
            Option("code", int, 451, "the reply's code", minimum=200, maximum=599),
            Option("enhanced", str, "", "the enhanced code, such as 4.3.0; empty for none"),
            Option("close", bool, False, "close the connection after it"),
        ),
    ),
)

EXTENSIONS: tuple[Fault, ...] = (
    Hidden(
        name="no-starttls",
        meaning="the server offers no TLS, or somebody on the way hides that it does",
        exercises="does not go on in the clear, if it was told to use TLS",
        applies_to=EHLO,
        extension="STARTTLS",
    ),
    Hidden(
        name="no-auth",
        meaning="the server offers no login",
        exercises="reports it, and sends no password",
        applies_to=EHLO,
        extension="AUTH",
    ),
    Hidden(
        name="no-extension",
        meaning="the server lacks an extension that it had yesterday",
        exercises="does without it",
        applies_to=EHLO,
        extension="PIPELINING",
        parameters=(Option("extension", str, "PIPELINING", "the keyword of the extension"),),
    ),
    BrokenTls(
        name="starttls-garbage",
        meaning="TLS was agreed on, and its handshake is broken (tls=pass)",
        exercises="reports it, and does not go on in the clear",
        applies_to=STARTTLS,
    ),
)

CATALOGUE = Catalogue(
    (
        *CLOSING,
        *SENDERS,
        *RECIPIENTS,
        *CONTENTS,
        *AUTHENTICATION,
        *HELLOS,
        *SYNTAX,
        *EXTENSIONS,
    ),
    typical_where={"verb": "~^(MAIL|RCPT|DATA)$"},
)
