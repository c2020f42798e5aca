"""Verdicts on smtplib, with code around it that tries again."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from end_to_end.judging import Client, found
from smtp_server import FIRST, SENDER, Mailbox, client_of, mail_server
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address

LIMIT = 0.5
DATA = {"verb": "DATA", "times": 1}
RECIPIENT = {"verb": "RCPT", "times": 1}


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as running:
        yield running


def sending(*, named: bool, stubborn: bool = False, times: int = 3) -> Client:
    """Sends a mail; ``named``: with a Message-ID; ``stubborn``: again after any error."""
    content = "Message-ID: <17@example.org>\r\n" * named + "Subject: x\r\n\r\nHello\r\n"

    def send(proxy: ProxyHandle) -> None:
        for _ in range(times):
            try:
                with closing(client_of(Address(proxy.host, proxy.port), LIMIT)) as client:
                    client.sendmail(SENDER, [FIRST], content)
                    with suppress(smtplib.SMTPException):
                        client.quit()
                return
            except (smtplib.SMTPException, OSError) as error:
                if is_final(error) and not stubborn:
                    return

    return send


def is_final(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500


CAREFUL = sending(named=True)
STUBBORN = sending(named=True, stubborn=True)
NAMELESS = sending(named=False)
ONCE = sending(named=False, times=1)


@pytest.mark.parametrize(
    ("client", "behavior", "rule", "says"),
    [
        (CAREFUL, "reply-lost", DATA, ""),
        # smtplib takes a part of a line for all of it, and does not try again.
        (CAREFUL, "partial-reply", DATA | {"then": "fin"}, "WARN gave-up"),
        (CAREFUL, "request-lost", DATA, ""),
        (CAREFUL, "hang", DATA | {"direction": "to_client"}, ""),
        (CAREFUL, "reply-lost", RECIPIENT, ""),
        (CAREFUL, "error", RECIPIENT | {"fault": "greylisted"}, ""),
        (CAREFUL, "error", DATA | {"fault": "greylisted"}, ""),
        (CAREFUL, "error", DATA | {"fault": "queue-write-error"}, ""),
        (CAREFUL, "error", DATA | {"fault": "content-rejected"}, ""),
        (CAREFUL, "error", RECIPIENT | {"fault": "mailbox-unavailable"}, ""),
        (NAMELESS, "reply-lost", DATA, "FAIL repeated-effect"),
        (NAMELESS, "request-lost", DATA, ""),
        (STUBBORN, "error", DATA | {"fault": "content-rejected"}, "FAIL retried-fatal"),
        (STUBBORN, "error", RECIPIENT | {"fault": "mailbox-unavailable"}, "WARN retried-fatal"),
        (ONCE, "reply-lost", DATA, ""),
        (ONCE, "request-lost", DATA, "WARN gave-up"),
        (ONCE, "error", RECIPIENT | {"fault": "greylisted"}, "WARN gave-up"),
    ],
)
def test_mails(
    mailbox: Mailbox, client: Client, behavior: str, rule: dict[str, object], says: str
) -> None:
    assert found(mailbox.address, "smtp", client, behavior, **rule) == says
