"""Every fault of smtp, as clients see it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import aiosmtplib
import pytest

from end_to_end.proxies import RunningProxy, StartProxy
from peers import PATIENCE, connect, is_silent, receive, receive_until_fin
from smtp_server import (
    CONTENT,
    FIRST,
    PASSWORD,
    RECIPIENTS,
    SECOND,
    SENDER,
    THIRD,
    USER,
    Mailbox,
    certified,
    client_of,
    mail_server,
    send,
)
from vaurien.protocols.smtp.fault_types import MALFORMED
from vaurien.protocols.smtp.faults import CATALOGUE
from vaurien.protocols.smtp.parser import Smtp

Act = Callable[[smtplib.SMTP], object]


@pytest.fixture(scope="module")
def server() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(server: Mailbox) -> Mailbox:
    server.mails.clear()
    return server


@pytest.fixture(scope="module")
def contexts(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_mailbox(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Mailbox]:
    with mail_server(contexts[0]) as mailbox:
        yield mailbox


@pytest.fixture
def start(start_proxy: StartProxy, mailbox: Mailbox) -> Callable[..., RunningProxy]:
    """Starts a proxy before the mailbox."""
    return lambda *rules: start_proxy(mailbox.address, *rules, protocol=Smtp())


def log_in(client: smtplib.SMTP) -> None:
    client.login(USER, PASSWORD)


def refused(error: smtplib.SMTPException) -> int:
    """The code in an exception of smtplib's."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        (code,) = {code for code, _ in error.recipients.values()}
        return int(code)
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code


# Replies.


@dataclass(frozen=True)
class Expected:
    """What becomes of an attempt under a fault."""

    error: type[smtplib.SMTPException]
    code: int
    words: str = ""
    """Of the rule, besides the fault."""
    act: Act = send


Connect, Hello = smtplib.SMTPConnectError, smtplib.SMTPHeloError
Sender, Recipients = smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused
Data, Login = smtplib.SMTPDataError, smtplib.SMTPAuthenticationError
REFUSALS = {
    "service-shutdown": Expected(Sender, 421, "verb=MAIL"),
    "too-many-connections": Expected(Connect, 421),
    "timeout-exceeded": Expected(Recipients, 421, "verb=RCPT"),
    "too-many-errors": Expected(Data, 421, "verb=DATA"),
    "not-accepting": Expected(Connect, 554),
    "helo-rejected": Expected(Hello, 504, "times=2"),
    "starttls-required": Expected(Sender, 530),
    "local-error": Expected(Sender, 451),
    "insufficient-storage": Expected(Sender, 452),
    "size-exceeds-limit": Expected(Sender, 552),
    "sender-rejected": Expected(Sender, 553),
    "unknown-parameters": Expected(Sender, 555),
    "mailbox-busy": Expected(Recipients, 450, "times=3"),
    "greylisted": Expected(Recipients, 451, "times=3"),
    "over-quota-for-now": Expected(Recipients, 452, "times=3"),
    "too-many-recipients": Expected(Recipients, 452, "times=3"),
    "mailbox-unavailable": Expected(Recipients, 550, "times=3"),
    "mailbox-full": Expected(Recipients, 552, "times=3"),
    "mailbox-name-not-allowed": Expected(Recipients, 553, "times=3"),
    "relay-denied": Expected(Recipients, 554, "times=3"),
    "no-valid-recipients": Expected(Data, 554),
    "queue-write-error": Expected(Data, 451),
    "message-too-big": Expected(Data, 552),
    "content-rejected": Expected(Data, 550),
    "spam-rejected": Expected(Data, 554),
    "authentication-failed": Expected(Login, 535, "times=2", log_in),
    "temporary-authentication-failure": Expected(Login, 454, "times=2", log_in),
    "mechanism-too-weak": Expected(Login, 534, "times=2", log_in),
    "encryption-required": Expected(Login, 538, "times=2", log_in),
    "parameter-not-implemented": Expected(Login, 504, "times=2", log_in),
    "authentication-required": Expected(Sender, 530),
    "command-unrecognized": Expected(Sender, 500, "verb=MAIL"),
    "bad-arguments": Expected(Sender, 501),
    "not-implemented": Expected(Data, 502, "verb=DATA"),
    "bad-sequence": Expected(Sender, 503),
    "reply": Expected(Sender, 599, "verb=MAIL code=599 enhanced=5.9.9 message=no"),
}
OTHERS = {
    "drop-after-data",
    "ehlo-unsupported",
    "malformed-reply",
    "no-auth",
    "no-extension",
    "no-starttls",
    "starttls-garbage",
    "tls-not-available",
}
"""They have tests of their own."""


def test_no_fault_is_left_out() -> None:
    assert {fault.name for fault in CATALOGUE} == set(REFUSALS) | OTHERS


def rule(name: str, words: str = "") -> str:
    times = "" if "times=" in words else "times=1"
    return f"error fault={name} {words} {times}"


@pytest.mark.parametrize("name", REFUSALS)
def test_smtplib_has_its_own_error_for_each(
    start: Callable[..., RunningProxy], mailbox: Mailbox, name: str
) -> None:
    expected = REFUSALS[name]
    proxy = start(rule(name, expected.words))
    with ExitStack() as stack:
        clients = []

        def connected() -> smtplib.SMTP:
            clients.append(stack.enter_context(closing(client_of(proxy.address))))
            return clients[-1]

        with pytest.raises(expected.error) as raised:
            expected.act(connected())
        assert refused(raised.value) == expected.code
        assert mailbox.mails == []
        closed = not clients or expected.code == 421
        client = connected() if closed else clients[-1]
        client.ehlo()  # what comes next works
        expected.act(client)
        if expected.act is not send:
            send(client)
    (mail,) = mailbox.mails
    assert mail.recipients == RECIPIENTS
    assert mail.content.decode() == CONTENT


@pytest.mark.parametrize("name", ["450", "4.7.1", "550", "554"])
def test_some_recipients_are_refused(
    start: Callable[..., RunningProxy], mailbox: Mailbox, name: str
) -> None:
    proxy = start(f"error fault={name} verb=RCPT every=2")
    with client_of(proxy.address) as client:
        assert set(send(client)) == {SECOND}
    assert mailbox.mails[0].recipients == (FIRST, THIRD)


def test_one_recipient_is_refused_by_address(
    start: Callable[..., RunningProxy], mailbox: Mailbox
) -> None:
    proxy = start(f"error fault=mailbox-unavailable address={THIRD}")
    with client_of(proxy.address) as client:
        ((recipient, (code, text)),) = send(client).items()
    assert (recipient, code) == (THIRD, 550)
    assert text == (
        b"5.1.1 <3@example.org>: Recipient address rejected: User unknown in local recipient table"
    )
    assert mailbox.mails[0].recipients == (FIRST, SECOND)


@pytest.mark.parametrize("name", ["421", "451", "452", "552", "554"])
def test_a_mail_refused_after_its_dot_is_not_delivered(
    start: Callable[..., RunningProxy], mailbox: Mailbox, name: str
) -> None:
    proxy = start(f"error fault={name} verb=DATA at=content times=1")
    with closing(client_of(proxy.address)) as client:
        with pytest.raises(smtplib.SMTPDataError) as raised:
            client.sendmail(SENDER, FIRST, "x\r\n" * 300_000)
        assert refused(raised.value) == int(name)
        if name == "421":
            client.close()
            client.connect(proxy.address.host, proxy.address.port)
            client.ehlo()
        send(client)
    assert [len(mail.content) for mail in mailbox.mails] == [len(CONTENT)]


def test_a_rule_that_is_lifted_amid_a_content_holds_for_it(
    start_proxy: StartProxy, mailbox: Mailbox
) -> None:
    rules = "error fault=message-too-big"
    proxy = start_proxy(mailbox.address, rules, protocol=Smtp(tls="pass"))
    with closing(client_of(proxy.address)) as client:
        client.ehlo()
        client.mail(SENDER)
        client.rcpt(FIRST)
        assert client.docmd("DATA")[0] == 354
        proxy.change()
        client.send(b"Subject: x\r\n\r\nNOOP\r\n.\r\n")
        assert client.getreply()[0] == 552
        assert send(client) == {}
    assert len(mailbox.mails) == 1


def test_a_drop_after_the_dot_makes_duplicates(
    start: Callable[..., RunningProxy], mailbox: Mailbox
) -> None:
    proxy = start("error fault=drop-after-data times=1")
    with (
        closing(client_of(proxy.address)) as client,
        pytest.raises(smtplib.SMTPServerDisconnected),
    ):
        send(client)
    assert len(mailbox.mails) == 1
    with client_of(proxy.address) as client:
        send(client)
    assert mailbox.mails[0] == mailbox.mails[1]


def test_a_client_falls_back_on_helo(start: Callable[..., RunningProxy], mailbox: Mailbox) -> None:
    proxy = start("error fault=ehlo-unsupported")
    with client_of(proxy.address) as client:
        assert send(client) == {}
        assert not client.does_esmtp
    assert len(mailbox.mails) == 1


def test_an_extension_is_hidden(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=no-extension extension=8bitmime")
    with client_of(proxy.address) as client:
        client.ehlo()
        assert client.has_extn("smtputf8")
        assert not client.has_extn("8bitmime")


def test_no_login_is_offered(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=no-auth")
    with client_of(proxy.address) as client, pytest.raises(smtplib.SMTPNotSupportedError):
        log_in(client)


def test_the_banner_is_slow(start: Callable[..., RunningProxy], mailbox: Mailbox) -> None:
    proxy = start("delay before=false phase=greeting sleep=3600")
    with connect(proxy.address) as client:
        proxy.wait_for_firings(1)
        assert is_silent(client)
        proxy.change()
        assert receive(client, 4) == b"220 "


def test_a_client_that_is_turned_away_may_only_leave(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=not-accepting")
    with connect(proxy.address) as client:
        greeting = b"554 mail.example ESMTP not accepting connections\r\n"
        assert receive(client, len(greeting)) == greeting
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\n")
        denied = b"503 5.7.0 Error: access denied\r\n"
        assert receive_until_fin(client) == denied * 2 + b"221 Bye\r\n"


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("no-code", Sender, -1),
        ("short-code", Sender, 25),
        ("mixed-codes", Sender, 550),
        ("empty-line", Sender, -1),
        ("binary", Sender, -1),
        ("long-line", smtplib.SMTPResponseException, 500),
        ("no-end", smtplib.SMTPServerDisconnected, 0),
        ("bad-separator", Recipients, 503),  # smtplib takes it for success
    ],
)
def test_replies_are_malformed(
    start: Callable[..., RunningProxy],
    kind: str,
    error: type[smtplib.SMTPException],
    code: int,
) -> None:
    assert kind in MALFORMED
    proxy = start(f"error fault=malformed-reply kind={kind} verb=MAIL")
    with (
        closing(client_of(proxy.address, timeout=0.5 if kind == "no-end" else PATIENCE)) as client,
        pytest.raises(error) as raised,
    ):
        send(client)
    if code:
        assert refused(raised.value) == code


def test_typical_faults_need_no_name(start: Callable[..., RunningProxy], mailbox: Mailbox) -> None:
    proxy = start("error")
    for _ in range(10):
        with (
            closing(client_of(proxy.address)) as client,
            pytest.raises(smtplib.SMTPSenderRefused) as raised,
        ):
            send(client)
        assert raised.value.smtp_code in (421, 451, 452)
    assert mailbox.mails == []


# Other clients.


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("fault=too-many-connections", aiosmtplib.SMTPConnectError),
        ("fault=helo-rejected", aiosmtplib.SMTPHeloError),
        ("fault=insufficient-storage", aiosmtplib.SMTPSenderRefused),
        ("fault=greylisted", aiosmtplib.SMTPRecipientsRefused),
        ("fault=content-rejected", aiosmtplib.SMTPDataError),
        ("fault=authentication-failed", aiosmtplib.SMTPAuthenticationError),
        ("fault=no-auth", aiosmtplib.SMTPException),
        ("fault=drop-after-data", aiosmtplib.SMTPServerDisconnected),
    ],
)
def test_aiosmtplib_has_its_own_error_for_each(
    start: Callable[..., RunningProxy], words: str, error: type[Exception]
) -> None:
    proxy = start(f"error {words}")

    async def try_to_send() -> None:
        await aiosmtplib.send(
            CONTENT,
            sender=SENDER,
            recipients=list(RECIPIENTS),
            hostname=proxy.address.host,
            port=proxy.address.port,
            username=USER,
            password=PASSWORD,
            timeout=PATIENCE,
            local_hostname="client.example",
        )

    with pytest.raises(error):
        asyncio.run(try_to_send())


def test_pipelined_commands_fail_one_by_one(
    start: Callable[..., RunningProxy], mailbox: Mailbox
) -> None:
    proxy = start("error fault=450 every=2")
    group = b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + b"".join(
        b"RCPT TO:<%d@example.org>\r\n" % number for number in range(1, 6)
    )
    with connect(proxy.address) as client:
        client.sendall(group + b"DATA\r\n")
        heard = b""
        while b"\r\n354 " not in heard:
            heard += client.recv(4096)
        client.sendall(b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        heard += receive_until_fin(client)
    codes = [line[:3] for line in heard.splitlines() if line[3:4] == b" "]
    assert b" ".join(codes) == b"220 250 250 250 450 250 450 250 354 250 221"
    (mail,) = mailbox.mails
    assert mail.recipients == ("1@example.org", "3@example.org", "5@example.org")


# TLS.


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("tls-not-available", smtplib.SMTPResponseException),
        ("no-starttls", smtplib.SMTPNotSupportedError),
        ("starttls-garbage", ssl.SSLError),
    ],
)
def test_tls_fails(
    start_proxy: StartProxy,
    tls_mailbox: Mailbox,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    name: str,
    error: type[Exception],
) -> None:
    proxy = start_proxy(
        tls_mailbox.address, f"error fault={name} times=1", protocol=Smtp(tls="pass")
    )
    client = client_of(proxy.address)
    with closing(client), pytest.raises(error):
        client.starttls(context=contexts[1])
    with client_of(proxy.address) as client:
        client.starttls(context=contexts[1])
        assert client.noop()[0] == 250


def test_a_reply_that_is_decided_on_late_names_its_request(
    start: Callable[..., RunningProxy],
) -> None:
    proxy = start("error fault=550 code=250 verb=RCPT")
    with closing(client_of(proxy.address)) as client:
        client.ehlo()
        client.mail(SENDER)
        code, text = client.rcpt(FIRST)
    assert code == 550
    assert FIRST.encode() in text
