"""The catalogue of SMTP's faults, in the words of real servers.

Texts are Postfix's (version 3.7) where Postfix sends such a reply, and otherwise those of
RFC 4954 (AUTH), RFC 5321 (section 4.2.3), aiosmtpd, Dovecot or Rspamd.  Enhanced status codes
are those of RFC 3463.  In a text, ``{address}`` and the other labels are replaced with those
of the command, and ``{host}`` with the name from the server's greeting.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from ...fault import Catalogue, Fault
from ...values.options import Option
from .fault_types import (
    BrokenTls,
    DropAfterData,
    HiddenExtension,
    MalformedReply,
    RejectingGreeting,
    ReplyFault,
)

GREETING: Mapping[str, str] = {"phase": "greeting"}
HELLO: Mapping[str, str] = {"verb": "~^(EHLO|HELO|LHLO)$"}
EHLO: Mapping[str, str] = {"verb": "EHLO"}
AUTH: Mapping[str, str] = {"verb": "AUTH"}
STARTTLS: Mapping[str, str] = {"verb": "STARTTLS"}
MAIL: Mapping[str, str] = {"verb": "MAIL"}
RCPT: Mapping[str, str] = {"verb": "RCPT"}
DATA: Mapping[str, str] = {"verb": "DATA"}

RECONNECT = "reconnecting later, or to another server"
OTHER_LOGIN = "another mechanism, or giving up"

OPTIONS = (
    Option("enhanced", str, "", "enhanced status code, such as 4.3.0; '' for none"),
    Option("close", bool, False, "close the connection after the reply"),
)
"""Parameters of any reply."""

FAULTS: tuple[Fault, ...] = (
    # The server hangs up.
    ReplyFault(
        name="service-shutdown",
        reply="421 4.3.2 Service not available, closing transmission channel",
        meaning="the server is being shut down",
        exercises=RECONNECT,
        typical=True,
    ),
    ReplyFault(
        name="too-many-connections",
        reply="421 4.7.0 Error: too many connections",
        applies_to=GREETING,
        meaning="the client has too many connections open",
        exercises="using fewer connections, and waiting",
    ),
    ReplyFault(
        name="timeout-exceeded",
        reply="421 4.4.2 {host} Error: timeout exceeded",
        meaning="the client was idle for too long, and learns of it with its next command",
        exercises="reconnecting when a pooled connection is stale",
    ),
    ReplyFault(
        name="too-many-errors",
        reply="421 4.7.0 {host} Error: too many errors",
        meaning="the client has made too many errors on this connection",
        exercises=RECONNECT,
    ),
    # MAIL.
    ReplyFault(
        name="local-error",
        reply="451 4.3.0 Temporary lookup error",
        applies_to=MAIL,
        meaning="the server can't look something up at the moment",
        typical=True,
    ),
    ReplyFault(
        name="insufficient-storage",
        reply="452 4.3.1 Insufficient system storage",
        applies_to=MAIL,
        meaning="the server's disk is full",
        typical=True,
    ),
    ReplyFault(
        name="size-exceeds-limit",
        reply="552 5.3.4 Message size exceeds fixed limit",
        applies_to=MAIL,
        meaning="the announced size is above the limit",
    ),
    ReplyFault(
        name="unknown-parameters",
        reply="555 5.5.4 MAIL FROM/RCPT TO parameters not recognized or not implemented",
        applies_to=MAIL,
        meaning="the server does not know a parameter of the command",
        exercises="retrying without extensions, or giving up on the mail",
    ),
    # RCPT.
    ReplyFault(
        name="mailbox-busy",
        reply="450 4.2.1 Requested mail action not taken: mailbox unavailable",
        applies_to=RCPT,
        meaning="the mailbox can't take mail at the moment",
    ),
    ReplyFault(
        name="greylisted",
        reply="451 4.7.1 <{address}>: Recipient address rejected: Greylisting in action, please "
        "come back later",
        applies_to=RCPT,
        meaning="the recipient is accepted when the client retries some minutes later",
    ),
    ReplyFault(
        name="over-quota-for-now",
        reply="452 4.2.2 <{address}> Quota exceeded (mailbox for user is full)",
        applies_to=RCPT,
        meaning="the mailbox is full for now",
    ),
    ReplyFault(
        name="too-many-recipients",
        reply="452 4.5.3 Error: too many recipients",
        applies_to=RCPT,
        meaning="the mail has too many recipients",
        exercises="sending the mail to those accepted, then to the rest",
    ),
    ReplyFault(
        name="mailbox-unavailable",
        reply="550 5.1.1 <{address}>: Recipient address rejected: User unknown in local recipient "
        "table",
        applies_to=RCPT,
        meaning="the mailbox does not exist",
    ),
    ReplyFault(
        name="mailbox-full",
        reply="552 5.2.2 <{address}> Quota exceeded (mailbox for user is full)",
        applies_to=RCPT,
        meaning="the mailbox is full",
    ),
    ReplyFault(
        name="mailbox-name-not-allowed",
        reply="553 5.1.3 Requested action not taken: mailbox name not allowed",
        applies_to=RCPT,
        meaning="the recipient's address is invalid",
    ),
    ReplyFault(
        name="relay-denied",
        reply="554 5.7.1 <{address}>: Relay access denied",
        applies_to=RCPT,
        meaning="the server does not relay mail to that domain",
    ),
    # DATA and the content.
    ReplyFault(
        name="no-valid-recipients",
        reply="554 5.5.1 Error: no valid recipients",
        applies_to=DATA,
        meaning="no recipient was accepted",
    ),
    ReplyFault(
        name="queue-write-error",
        reply="451 4.3.0 Error: queue file write error",
        applies_to=DATA,
        meaning="the content arrived, but could not be stored",
        at="content",
    ),
    ReplyFault(
        name="message-too-big",
        reply="552 5.3.4 Error: message file too big",
        applies_to=DATA,
        meaning="the content is too large",
        at="content",
    ),
    ReplyFault(
        name="content-rejected",
        reply="550 5.7.1 Error: message content rejected",
        applies_to=DATA,
        meaning="the server rejects the content",
        at="content",
    ),
    ReplyFault(
        name="spam-rejected",
        reply="554 5.7.1 Spam message rejected",
        applies_to=DATA,
        meaning="the content is classified as spam",
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
    ReplyFault(
        name="authentication-failed",
        reply="535 5.7.8 Authentication credentials invalid",
        applies_to=AUTH,
        meaning="wrong user name or password",
        exercises="not retrying with the same credentials",
    ),
    ReplyFault(
        name="temporary-authentication-failure",
        reply="454 4.7.0 Temporary authentication failure",
        applies_to=AUTH,
        meaning="the server can't check the password at the moment",
        exercises="retrying later, without treating the password as wrong",
    ),
    ReplyFault(
        name="authentication-required",
        reply="530 5.7.0 Authentication required",
        applies_to=MAIL,
        meaning="the server requires a login",
        exercises="logging in, or giving up on the mail",
    ),
    ReplyFault(
        name="sender-rejected",
        reply="553 5.7.1 <{address}>: Sender address rejected: not logged in",
        applies_to=MAIL,
        meaning="mail from this sender requires a login",
    ),
    ReplyFault(
        name="mechanism-too-weak",
        reply="534 5.7.9 Authentication mechanism is too weak",
        applies_to=AUTH,
        meaning="the user may not use this mechanism",
        exercises=OTHER_LOGIN,
    ),
    ReplyFault(
        name="encryption-required",
        reply="538 5.7.11 Encryption required for requested authentication mechanism",
        applies_to=AUTH,
        meaning="this mechanism is allowed over TLS only",
        exercises=OTHER_LOGIN,
    ),
    # The greeting, EHLO and STARTTLS.
    RejectingGreeting(
        name="not-accepting",
        reply="554 - {host} ESMTP not accepting connections",
        applies_to=GREETING,
        meaning="the server rejects the client; every command but QUIT is answered with 503",
        exercises="sending QUIT, and trying another server",
    ),
    ReplyFault(
        name="ehlo-unsupported",
        reply="502 5.5.1 Error: command not implemented",
        applies_to=EHLO,
        meaning="an old server that only knows HELO",
        exercises="falling back to HELO, without extensions",
    ),
    ReplyFault(
        name="helo-rejected",
        reply="504 5.5.2 <{argument}>: Helo command rejected: need fully-qualified hostname",
        applies_to=HELLO,
        meaning="the host name in the client's greeting is not acceptable",
        exercises="reporting it, and not sending the mail",
    ),
    ReplyFault(
        name="tls-not-available",
        reply="454 4.7.0 TLS not available due to local problem",
        applies_to=STARTTLS,
        meaning="STARTTLS is offered, but fails (needs tls=pass or both; refuse always answers so)",
        exercises="continuing in the clear, or giving up, as configured",
    ),
    ReplyFault(
        name="starttls-required",
        reply="530 5.7.0 Must issue a STARTTLS command first",
        applies_to=MAIL,
        meaning="the server requires TLS",
        exercises="using STARTTLS, or giving up on the mail",
    ),
    # Syntax, and any reply.
    ReplyFault(
        name="command-unrecognized",
        reply="500 5.5.2 Error: command not recognized",
        meaning="the server does not know the command",
        exercises="doing without the command, or giving up",
    ),
    ReplyFault(
        name="bad-arguments",
        reply="501 5.5.4 Syntax: MAIL FROM:<address>",
        applies_to=MAIL,
        meaning="the arguments of the command are invalid",
    ),
    ReplyFault(
        name="not-implemented",
        reply="502 5.5.1 Error: command not implemented",
        meaning="the server knows the command, but does not implement it",
        exercises="doing without the command, or giving up",
    ),
    ReplyFault(
        name="bad-sequence",
        reply="503 5.5.1 Error: send HELO/EHLO first",
        applies_to=MAIL,
        meaning="the server has lost the state of the session",
        exercises="starting over, or giving up",
    ),
    ReplyFault(
        name="parameter-not-implemented",
        reply="504 5.5.4 Unrecognized authentication type",
        applies_to=AUTH,
        meaning="the server does not implement this parameter of the command",
        exercises=OTHER_LOGIN,
    ),
    MalformedReply(
        name="malformed-reply",
        meaning="a reply that is not valid SMTP",
        exercises="not treating it as success, and not waiting forever",
    ),
    ReplyFault(
        name="reply",
        reply="451 - Requested action aborted: local error in processing",
        meaning="any reply, with any code and text",
        exercises="replies that no other fault covers",
        aliases=("error",),
        parameters=(Option("code", int, 451, "reply code", minimum=200, maximum=599), *OPTIONS),
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
        meaning="STARTTLS is accepted, but the handshake fails (needs tls=pass or both)",
        exercises="reporting it, and not continuing in the clear",
        applies_to=STARTTLS,
    ),
)


def any_reply(code: str, _given: Container[str]) -> ReplyFault | None:
    """Return the fault that is a reply code, if it may be one (RFC 5321, section 4.2)."""
    if not re.fullmatch("[2-5][0-9]{2}", code):
        return None
    return ReplyFault(
        name=code,
        reply=f"{code} - Requested action not taken",
        meaning="a reply with this code, and any text",
        exercises="replies that no other fault covers",
        parameters=OPTIONS,
    )


CATALOGUE = Catalogue(
    FAULTS,
    typical_where={"verb": "~^(MAIL|RCPT|DATA)$"},
    any_code=any_reply,
    codes="any other reply code from 200 to 599",
)
