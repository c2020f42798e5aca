"""Real mail servers for tests: aiosmtpd in a thread, and Postfix's smtpd and smtp-sink."""

from __future__ import annotations

import contextlib
import os
import shutil
import smtplib
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from peers import PATIENCE, wait_until
from servers import free_port, require, serving
from vaurien.net.address import Address

USER = "user"
PASSWORD = "secret"
UNKNOWN = "nobody@example.org"
SENDER = "a@example.org"
FIRST, SECOND, THIRD = RECIPIENTS = ("1@example.org", "2@example.org", "3@example.org")
CONTENT = "Subject: x\r\n\r\n.\r\nDear all,\r\nbye.\r\n"


@dataclass(frozen=True)
class Mail:
    """What was delivered."""

    sender: str | None
    recipients: tuple[str, ...]
    content: bytes


@dataclass
class Mailbox:
    """A server, and what was delivered there."""

    address: Address
    mails: list[Mail] = field(default_factory=list)

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.mails) >= count, f"{count} mails")

    # What aiosmtpd calls.

    async def handle_RCPT(  # noqa: N802 - its name for it
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if address == UNKNOWN:
            return "550 5.1.1 unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(  # noqa: N802 - its name for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(Mail(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content))
        return f"250 2.0.0 Ok: queued as {len(self.mails)}"


def _log_in(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    right = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == right, handled=False)


@contextlib.contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, login: str = "offered") -> Iterator[Mailbox]:
    """An aiosmtpd, with STARTTLS if there is a context for it.

    ``login``: offered, required, or only under TLS.
    """
    mailbox = Mailbox(Address("127.0.0.1", free_port()))
    controller = Controller(
        mailbox,
        hostname=mailbox.address.host,
        port=mailbox.address.port,
        server_hostname="mail.example",
        tls_context=tls,
        authenticator=_log_in,
        auth_required=login == "required",
        auth_require_tls=login == "under TLS",
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a certificate of its own making, and a client's that trusts it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        *(require("openssl"), "req", "-x509", "-nodes", "-days", "2"),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


@contextlib.contextmanager
def smtp_sink(folder: Path, *words: str) -> Iterator[Address]:
    """Postfix's smtp-sink, which takes all mail and keeps none."""
    program = require("smtp-sink")
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []

    def command(port: int) -> list[str]:
        return [program, *as_nobody, *words, f"127.0.0.1:{port}", "100"]

    with serving(command, folder / "smtp-sink.log") as address:
        yield address


MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example
mydestination = example.org
local_recipient_maps = inline:{{ {{user@example.org=user}} }}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = reject_unauth_destination
smtpd_helo_restrictions = reject_non_fqdn_helo_hostname
smtpd_delay_reject = no
smtpd_helo_required = yes
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 5
smtpd_timeout = 1s
message_size_limit = 2000
maillog_file = {folder}/data/log
maillog_file_prefixes = /
alias_maps =
"""
WITH_TLS = """
smtpd_tls_security_level = may
smtpd_tls_wrappermode = {direct}
smtpd_tls_chain_files = {cert}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
qmgr unix n - n 300 1 qmgr
discard unix - - n - - discard
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
local unix - n n - - discard
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@contextlib.contextmanager
def postfix(cert: str = "", *, direct: bool = False) -> Iterator[Address]:
    """A Postfix of its own, which knows ``user@example.org`` and throws its mail away.

    ``cert``: a leaf with its key, for STARTTLS; or for TLS from the beginning, if ``direct``.
    """
    setup = [require("postfix"), "-c"]
    master = subprocess.run(
        [require("postconf"), "-h", "daemon_directory"], check=True, capture_output=True, text=True
    ).stdout.strip()
    if os.geteuid() != 0:
        pytest.skip("Postfix is started by root only")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # its processes are not root's
        for part in ("etc", "queue", "data"):
            (folder / part).mkdir()
        shutil.chown(folder / "data", "postfix")

        def command(port: int) -> list[str]:
            yes = "yes" if direct else "no"
            more = WITH_TLS.format(cert=cert, direct=yes) if cert else ""
            (folder / "etc" / "main.cf").write_text(MAIN.format(folder=folder) + more)
            (folder / "etc" / "master.cf").write_text(MASTER.format(port=port))
            subprocess.run([*setup, str(folder / "etc"), "check"], check=True, capture_output=True)
            return [f"{master}/master", "-c", str(folder / "etc"), "-s"]

        with serving(command, folder / "postfix.log") as address:
            yield address


# Clients.


def client_of(address: Address, timeout: float = PATIENCE) -> smtplib.SMTP:
    return smtplib.SMTP(address.host, address.port, "client.example", timeout)


def send(client: smtplib.SMTP, *recipients: str) -> dict[str, tuple[int, bytes]]:
    return client.sendmail(SENDER, recipients or RECIPIENTS, CONTENT)
