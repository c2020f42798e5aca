"""The catalogue of SMTP's faults, in the words of real servers.

Texts are Postfix's (version 3.7) where Postfix sends such a reply, and otherwise those of
RFC 4954 (AUTH), RFC 5321 (section 4.2.3), aiosmtpd, Dovecot or Rspamd.  Enhanced status codes
are those of RFC 3463.  In a text, ``{address}`` and the other labels are replaced with those
of the command, and ``{host}`` with the name from the server's greeting.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...fault import Catalogue, Fault
from ...values.options import Option
from .fault_types import (
    KIND,
    BrokenTls,
    DropAfterData,
    HiddenExtension,
    MalformedReply,
    RejectingGreeting,
    reply_fault,
)

ANY: Mapping[str, str] = {"phase": "command"}
GREETING: Mapping[str, str] = {"phase": "greeting"}
HELLO: Mapping[str, str] = {"verb": "~^(EHLO|HELO|LHLO)$"}
EHLO: Mapping[str, str] = {"verb": "EHLO"}
AUTH: Mapping[str, str] = {"verb": "AUTH"}
STARTTLS: Mapping[str, str] = {"verb": "STARTTLS"}
MAIL: Mapping[str, str] = {"verb": "MAIL"}
RCPT: Mapping[str, str] = {"verb": "RCPT"}
DATA: Mapping[str, str] = {"verb": "DATA"}

RETRY = "queueing the mail, and retrying later"
RETRY_ONE = "retrying later, for this recipient only"
GIVE_UP = "giving up on the mail, and notifying its sender"
GIVE_UP_ONE = "giving up on this recipient, and delivering to the others"
RECONNECT = "reconnecting later, or to another server"
OTHER_LOGIN = "another mechanism, or giving up"

FAULTS: tuple[Fault, ...] = (
    # The server hangs up.
    reply_fault(
        "service-shutdown",
        "421 4.3.2 Service not available, closing transmission channel",
        ANY,
        "the server is being shut down",
        RECONNECT,
        typical=True,
    ),
    reply_fault(
        "too-many-connections",
        "421 4.7.0 Error: too many connections",
        GREETING,
        "the client has too many connections open",
        "using fewer connections, and waiting",
    ),
    reply_fault(
        "timeout-exceeded",
        "421 4.4.2 {host} Error: timeout exceeded",
        ANY,
        "the client was idle for too long, and learns of it with its next command",
        "reconnecting when a pooled connection is stale",
    ),
    reply_fault(
        "too-many-errors",
        "421 4.7.0 {host} Error: too many errors",
        ANY,
        "the client has made too many errors on this connection",
        RECONNECT,
    ),
    # MAIL.
    reply_fault(
        "local-error",
        "451 4.3.0 Temporary lookup error",
        MAIL,
        "the server can't look something up at the moment",
        RETRY,
        typical=True,
    ),
    reply_fault(
        "insufficient-storage",
        "452 4.3.1 Insufficient system storage",
        MAIL,
        "the server's disk is full",
        RETRY,
        typical=True,
    ),
    reply_fault(
        "size-exceeds-limit",
        "552 5.3.4 Message size exceeds fixed limit",
        MAIL,
        "the announced size is above the limit",
        GIVE_UP,
    ),
    reply_fault(
        "unknown-parameters",
        "555 5.5.4 MAIL FROM/RCPT TO parameters not recognized or not implemented",
        MAIL,
        "the server does not know a parameter of the command",
        "retrying without extensions, or giving up on the mail",
    ),
    # RCPT.
    reply_fault(
        "mailbox-busy",
        "450 4.2.1 Requested mail action not taken: mailbox unavailable",
        RCPT,
        "the mailbox can't take mail at the moment",
        RETRY_ONE,
    ),
    reply_fault(
        "greylisted",
        "451 4.7.1 <{address}>: Recipient address rejected: "
        "Greylisting in action, please come back later",
        RCPT,
        "the recipient is accepted when the client retries some minutes later",
        RETRY_ONE,
    ),
    reply_fault(
        "over-quota-for-now",
        "452 4.2.2 <{address}> Quota exceeded (mailbox for user is full)",
        RCPT,
        "the mailbox is full for now",
        RETRY_ONE,
    ),
    reply_fault(
        "too-many-recipients",
        "452 4.5.3 Error: too many recipients",
        RCPT,
        "the mail has too many recipients",
        "sending the mail to those accepted, then to the rest",
    ),
    reply_fault(
        "mailbox-unavailable",
        "550 5.1.1 <{address}>: Recipient address rejected: User unknown in local recipient table",
        RCPT,
        "the mailbox does not exist",
        GIVE_UP_ONE,
    ),
    reply_fault(
        "mailbox-full",
        "552 5.2.2 <{address}> Quota exceeded (mailbox for user is full)",
        RCPT,
        "the mailbox is full",
        GIVE_UP_ONE,
    ),
    reply_fault(
        "mailbox-name-not-allowed",
        "553 5.1.3 Requested action not taken: mailbox name not allowed",
        RCPT,
        "the recipient's address is invalid",
        GIVE_UP_ONE,
    ),
    reply_fault(
        "relay-denied",
        "554 5.7.1 <{address}>: Relay access denied",
        RCPT,
        "the server does not relay mail to that domain",
        GIVE_UP_ONE,
    ),
    # DATA and the content.
    reply_fault(
        "no-valid-recipients",
        "554 5.5.1 Error: no valid recipients",
        DATA,
        "no recipient was accepted",
        GIVE_UP,
    ),
    reply_fault(
        "queue-write-error",
        "451 4.3.0 Error: queue file write error",
        DATA,
        "the content arrived, but could not be stored",
        RETRY,
        at="content",
    ),
    reply_fault(
        "message-too-big",
        "552 5.3.4 Error: message file too big",
        DATA,
        "the content is too large",
        GIVE_UP,
        at="content",
    ),
    reply_fault(
        "content-rejected",
        "550 5.7.1 Error: message content rejected",
        DATA,
        "the server rejects the content",
        GIVE_UP,
        at="content",
    ),
    reply_fault(
        "spam-rejected",
        "554 5.7.1 Spam message rejected",
        DATA,
        "the content is classified as spam",
        GIVE_UP,
        at="content",
    ),
    DropAfterData(
        name="drop-after-data",
        meaning="the mail is accepted, but the connection is lost before the reply",
        exercises="sending the mail again, and detecting the duplicate",
        applies_to=DATA,
        parameters=(Option("reset", bool, False, "close with a RST instead of a FIN"),),
    ),
    # AUTH, and commands that need a login.
    reply_fault(
        "authentication-failed",
        "535 5.7.8 Authentication credentials invalid",
        AUTH,
        "wrong user name or password",
        "not retrying with the same credentials",
    ),
    reply_fault(
        "temporary-authentication-failure",
        "454 4.7.0 Temporary authentication failure",
        AUTH,
        "the server can't check the password at the moment",
        "retrying later, without treating the password as wrong",
    ),
    reply_fault(
        "authentication-required",
        "530 5.7.0 Authentication required",
        MAIL,
        "the server requires a login",
        "logging in, or giving up on the mail",
    ),
    reply_fault(
        "sender-rejected",
        "553 5.7.1 <{address}>: Sender address rejected: not logged in",
        MAIL,
        "mail from this sender requires a login",
        GIVE_UP,
    ),
    reply_fault(
        "mechanism-too-weak",
        "534 5.7.9 Authentication mechanism is too weak",
        AUTH,
        "the user may not use this mechanism",
        OTHER_LOGIN,
    ),
    reply_fault(
        "encryption-required",
        "538 5.7.11 Encryption required for requested authentication mechanism",
        AUTH,
        "this mechanism is allowed over TLS only",
        OTHER_LOGIN,
    ),
    # The greeting, EHLO and STARTTLS.
    reply_fault(
        "not-accepting",
        "554 - {host} ESMTP not accepting connections",
        GREETING,
        "the server rejects the client; every command but QUIT is answered with 503",
        "sending QUIT, and trying another server",
        kind=RejectingGreeting,
    ),
    reply_fault(
        "ehlo-unsupported",
        "502 5.5.1 Error: command not implemented",
        EHLO,
        "an old server that only knows HELO",
        "falling back to HELO, without extensions",
    ),
    reply_fault(
        "helo-rejected",
        "504 5.5.2 <{argument}>: Helo command rejected: need fully-qualified hostname",
        HELLO,
        "the host name in the client's greeting is not acceptable",
        "reporting it, and not sending the mail",
    ),
    reply_fault(
        "tls-not-available",
        "454 4.7.0 TLS not available due to local problem",
        STARTTLS,
        "STARTTLS is offered, but fails (needs tls=pass: tls=refuse always answers 454)",
        "continuing in the clear, or giving up, as configured",
    ),
    reply_fault(
        "starttls-required",
        "530 5.7.0 Must issue a STARTTLS command first",
        MAIL,
        "the server requires TLS",
        "using STARTTLS, or giving up on the mail",
    ),
    # Syntax, and any reply.
    reply_fault(
        "command-unrecognized",
        "500 5.5.2 Error: command not recognized",
        ANY,
        "the server does not know the command",
        "doing without the command, or giving up",
    ),
    reply_fault(
        "bad-arguments",
        "501 5.5.4 Syntax: MAIL FROM:<address>",
        MAIL,
        "the arguments of the command are invalid",
        GIVE_UP,
    ),
    reply_fault(
        "not-implemented",
        "502 5.5.1 Error: command not implemented",
        ANY,
        "the server knows the command, but does not implement it",
        "doing without the command, or giving up",
    ),
    reply_fault(
        "bad-sequence",
        "503 5.5.1 Error: send HELO/EHLO first",
        MAIL,
        "the server has lost the state of the session",
        "starting over, or giving up",
    ),
    reply_fault(
        "parameter-not-implemented",
        "504 5.5.4 Unrecognized authentication type",
        AUTH,
        "the server does not implement this parameter of the command",
        OTHER_LOGIN,
    ),
    MalformedReply(
        name="malformed-reply",
        meaning="a reply that is not valid SMTP",
        exercises="not treating it as success, and not waiting forever",
        applies_to=ANY,
        parameters=(KIND,),
    ),
    reply_fault(
        "reply",
        "451 - Requested action aborted: local error in processing",
        ANY,
        "any reply, with any code and text",
        "replies that no other fault covers",
        aliases=("error",),
        more=(
            Option("code", int, 451, "reply code", minimum=200, maximum=599),
            Option("enhanced", str, "", "enhanced status code, such as 4.3.0; '' for none"),
            Option("close", bool, False, "close the connection after the reply"),
        ),
    ),
    # Extensions.
    HiddenExtension(
        name="no-starttls",
        meaning="the server offers no TLS, or somebody in between strips the offer",
        exercises="not continuing in the clear where TLS is required",
        applies_to=EHLO,
        extension="STARTTLS",
    ),
    HiddenExtension(
        name="no-auth",
        meaning="the server offers no authentication",
        exercises="reporting it, and not sending the password",
        applies_to=EHLO,
        extension="AUTH",
    ),
    HiddenExtension(
        name="no-extension",
        meaning="the server no longer offers an extension",
        exercises="doing without it",
        applies_to=EHLO,
        extension="PIPELINING",
        parameters=(Option("extension", str, "PIPELINING", "keyword of the extension"),),
    ),
    BrokenTls(
        name="starttls-garbage",
        meaning="STARTTLS is accepted, but the handshake fails (needs tls=pass)",
        exercises="reporting it, and not continuing in the clear",
        applies_to=STARTTLS,
    ),
)

CATALOGUE = Catalogue(FAULTS, typical_where={"verb": "~^(MAIL|RCPT|DATA)$"})
