"""Real mail servers behind smtp: what they say, with and without TLS, arrives as it is."""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator

import pytest

from acting import firing
from end_to_end.proxies import StartProxy
from peers import PATIENCE, connect, receive_until_fin
from servers import require
from smtp_server import (
    FIRST,
    PASSWORD,
    SENDER,
    UNKNOWN,
    USER,
    Mailbox,
    certified,
    client_of,
    mail_server,
    postfix,
    send,
    smtp_sink,
)
from vaurien.fault import values_of
from vaurien.net.address import Address
from vaurien.protocols.smtp.fault_types import ReplyFault
from vaurien.protocols.smtp.faults import CATALOGUE
from vaurien.protocols.smtp.parser import Smtp
from vaurien.values.messages import Direction, Message


@pytest.fixture(scope="module")
def server() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def contexts(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_mailbox(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Mailbox]:
    with mail_server(contexts[0]) as mailbox:
        yield mailbox


# TLS.


def test_tls_is_hidden(start_proxy: StartProxy, tls_mailbox: Mailbox) -> None:
    proxy = start_proxy(tls_mailbox.address, protocol=Smtp())
    with client_of(proxy.address) as client:
        client.ehlo()
        assert client.has_extn("auth")
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.starttls()
        assert client.docmd("STARTTLS") == (
            454,
            b"4.7.0 TLS not available due to temporary reason",
        )
        assert send(client) == {}
    with client_of(proxy.address) as client:
        client.ehlo()
    assert len([text for text in proxy.troubles if "STARTTLS" in text]) == 1


def test_tls_passes(
    start_proxy: StartProxy,
    tls_mailbox: Mailbox,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    tls_mailbox.mails.clear()
    for rules in ((), ("error fault=450 phase=command verb=VRFY",)):
        proxy = start_proxy(tls_mailbox.address, *rules, protocol=Smtp(tls="pass"))
        with client_of(proxy.address) as client:
            client.starttls(context=contexts[1])
            assert isinstance(client.sock, ssl.SSLSocket)
            client.login(USER, PASSWORD)
            client.sendmail(SENDER, FIRST, "x\r\n" * 100_000)
        assert not proxy.troubles
    assert [len(mail.content) for mail in tls_mailbox.mails] == [300_000] * 2


# What real servers say.


def told(name: str, verb: str, **labels: str) -> bytes:
    """The bytes of a fault's reply to a command with these labels."""
    fault = CATALOGUE.find(name)
    assert isinstance(fault, ReplyFault)
    smtp = Smtp()
    smtp.host = "mail.example"
    message = Message(b"", Direction.TO_BACKEND, 0.0, {"verb": verb, **labels})
    return fault.render(message, firing(protocol=smtp), values_of(fault, {}))


def line_of(client: socket.socket) -> bytes:
    """The last line of a reply."""
    line = b"-"
    while not line.endswith(b"\n") or line[3:4] == b"-":
        line = line if not line.endswith(b"\n") else b""
        line = line.removeprefix(b"-") + client.recv(1)
    return line


def replies(address: Address, *lines: bytes) -> list[bytes]:
    """The greeting, and the last lines of the replies."""
    with connect(address) as client:
        heard = [line_of(client)]
        for line in lines:
            client.sendall(line + b"\r\n")
            heard.append(line_of(client))
        return heard


@pytest.fixture(scope="module")
def postfix_address() -> Iterator[Address]:
    with postfix() as address:
        yield address


MAIL = b"MAIL FROM:<a@example.com>"
RCPT = b"RCPT TO:<user@example.org>"


def test_postfix_says_the_same(postfix_address: Address) -> None:
    heard = replies(
        postfix_address,
        MAIL,
        b"NOSUCH",
        b"EHLO client",
        b"EHLO client.example",
    )
    assert heard[1] == told("bad-sequence", "MAIL")
    assert heard[2] == told("command-unrecognized", "NOSUCH")
    assert heard[3] == told("helo-rejected", "EHLO", argument="client")
    heard = replies(
        postfix_address,
        b"EHLO client.example",
        b"MAIL FROM a",
        MAIL + b" SIZE=99999",
    )
    assert heard[2] == told("bad-arguments", "MAIL")
    assert heard[3] == told("size-exceeds-limit", "MAIL")
    heard = replies(
        postfix_address,
        b"EHLO client.example",
        MAIL,
        b"RCPT TO:<nobody@example.org>",
        b"RCPT TO:<a@elsewhere.example>",
        b"DATA",
        RCPT,
        b"DATA",
        b"\r\n".join([b"x" * 70] * 50) + b"\r\n.",
        b"RSET",
        b"STARTTLS",
    )
    assert heard[3] == told("mailbox-unavailable", "RCPT", address="nobody@example.org")
    assert heard[4] == told("relay-denied", "RCPT", address="a@elsewhere.example")
    assert heard[5] == told("no-valid-recipients", "DATA")
    assert heard[7] == b"354 End data with <CR><LF>.<CR><LF>\r\n"
    assert heard[8] == told("message-too-big", "DATA")
    assert heard[10] == told("not-implemented", "STARTTLS")


def test_postfix_hangs_up_in_the_same_words(postfix_address: Address) -> None:
    heard = replies(postfix_address, *[b"NOSUCH"] * 5)
    assert heard[-1] == told("command-unrecognized", "NOSUCH")
    with connect(postfix_address) as client:
        line_of(client)
        client.sendall(b"NOSUCH\r\n" * 6)
        assert receive_until_fin(client).endswith(told("too-many-errors", "NOSUCH"))
    with connect(postfix_address) as client:
        line_of(client)
        assert receive_until_fin(client) == told("timeout-exceeded", "NOOP")


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_aiosmtpd_says_the_same(
    server: Mailbox, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    heard = replies(server.address, b"EHLO x", b"AUTH XX", b"AUTH PLAIN AGEAYg==")
    assert heard[2] == told("parameter-not-implemented", "AUTH")
    assert heard[3] == told("authentication-failed", "AUTH")
    with mail_server(login="required") as mailbox:
        assert replies(mailbox.address, b"EHLO x", MAIL)[2] == told(
            "authentication-required", "MAIL"
        )
    with mail_server(contexts[0], login="under TLS") as mailbox:
        assert replies(mailbox.address, b"EHLO x", b"AUTH PLAIN")[2] == told(
            "encryption-required", "AUTH"
        )


# What they do under faults.


def test_postfix_takes_no_chunk_after_one_that_failed(
    start_proxy: StartProxy, postfix_address: Address
) -> None:
    proxy = start_proxy(postfix_address, "error fault=451 verb=BDAT times=1", protocol=Smtp())
    mail = [MAIL, RCPT, b"BDAT 6\r\nDATA", b"BDAT 0 LAST"]
    heard = replies(proxy.address, b"EHLO client.example", *mail, *mail, b"NOOP")
    assert heard[4:6] == [
        told("451", "BDAT"),
        b"503 5.5.1 Error: need RCPT command\r\n",
    ]
    assert heard[8] == b"250 2.0.0 Ok: 6 bytes\r\n"
    assert heard[9].startswith(b"250 2.0.0 Ok: 6 bytes queued as ")
    assert heard[10] == b"250 2.0.0 Ok\r\n"


def test_over_lmtp_each_recipient_is_refused(
    start_proxy: StartProxy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with smtp_sink(tmp_path_factory.mktemp("lmtp"), "-L") as address:
        proxy = start_proxy(address, "error fault=queue-write-error times=1", protocol=Smtp())
        with connect(proxy.address) as client:
            line_of(client)
            client.sendall(b"LHLO x\r\n")
            line_of(client)
            for reply in (told("queue-write-error", "DATA"), b"250 2.0.0 Ok\r\n"):
                client.sendall(MAIL + b"\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
                assert [line_of(client)[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
                client.sendall(b"Subject: x\r\n\r\n.\r\nNOOP\r\n")
                assert [line_of(client)[:3] for _ in range(3)] == [reply[:3], reply[:3], b"250"]


# Transparency.


def test_a_quiet_proxy_changes_nothing(
    start_proxy: StartProxy, postfix_address: Address, server: Mailbox
) -> None:
    lines = [b"EHLO client.example", MAIL, RCPT, b"BDAT 9 LAST\r\nx\r\n.\r\nx", b"NOOP", b"VRFY x"]
    proxy = start_proxy(postfix_address, protocol=Smtp())
    direct, proxied = (replies(address, *lines) for address in (postfix_address, proxy.address))
    queued = [heard.pop(4) for heard in (direct, proxied)]
    assert all(line.startswith(b"250 2.0.0 Ok: 9 bytes queued as ") for line in queued)
    assert proxied == direct
    assert proxy.proxy.tally.exchanges == {
        "EHLO": 1,
        "MAIL": 1,
        "RCPT": 1,
        "BDAT": 1,
        "NOOP": 1,
        "VRFY": 1,
    }
    with client_of(start_proxy(server.address, protocol=Smtp()).address) as client:
        assert set(send(client, FIRST, UNKNOWN)) == {UNKNOWN}


@pytest.mark.parametrize("tls", ["refuse", "pass"])
@pytest.mark.parametrize("lmtp", [False, True], ids=["smtp", "lmtp"])
def test_many_mails_arrive(
    start_proxy: StartProxy,
    tmp_path_factory: pytest.TempPathFactory,
    lmtp: bool,
    tls: str,
) -> None:
    words = ["-L"] if lmtp else []
    with smtp_sink(tmp_path_factory.mktemp("sink"), *words) as address:
        proxy = start_proxy(address, protocol=Smtp(tls=tls))
        source = [require("smtp-source"), *words, "-d", "-s", "5", "-m", "100", "-r", "3"]
        subprocess.run(
            [*source, "-l", "20000", f"inet:{proxy.address}"],
            check=True,
            timeout=PATIENCE,
            capture_output=True,
        )
        counted = proxy.proxy.tally.exchanges
        assert (counted["DATA"], counted["RCPT"]) == (100, 300)
        assert proxy.proxy.gave_up == 0
