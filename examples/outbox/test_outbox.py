"""What the worker makes of a mail server that misbehaves.

Time is an argument of the worker, so no test waits for its pauses.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from outbox import LONGEST_PAUSE, Outbox

from vaurien import Chaos

PROGRAM = str(Path(__file__).with_name("outbox.py"))
RECIPIENT = "reader@mail.example"
PASSING = ["service-shutdown", "too-many-connections", "local-error", "greylisted", "mailbox-busy"]
PASSING += ["queue-write-error", "insufficient-storage"]
LASTING = ["mailbox-unavailable", "relay-denied", "content-rejected", "size-exceeds-limit"]


@dataclass
class Mailbox:
    """What has arrived: the identifier of each mail."""

    arrived: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name for it
        text = bytes(envelope.content or b"").decode()
        self.arrived.append(text.partition("Message-ID: <")[2].partition("@")[0])
        return "250 taken"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Mailbox]]:
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, "127.0.0.1", port, loop=asyncio.new_event_loop())
    controller.start()
    yield f"127.0.0.1:{port}", mailbox
    controller.stop()


@pytest.fixture
def mailbox(server: tuple[str, Mailbox]) -> Mailbox:
    server[1].arrived.clear()
    return server[1]


@pytest.fixture
def outbox(chaos: Chaos, server: tuple[str, Mailbox], tmp_path: Path) -> Iterator[Outbox]:
    mail = chaos.proxy(server[0], protocol="smtp", name="mail")
    outbox = Outbox(str(tmp_path / "outbox.db"), mail.host, mail.port)
    yield outbox
    outbox.close()


def work(outbox: Outbox, times: int = 4) -> None:
    """Let that much time pass that a mail is tried so often."""
    for attempt in range(times):
        outbox.work(attempt * LONGEST_PAUSE)


def test_a_mail_is_sent_once(outbox: Outbox, mailbox: Mailbox) -> None:
    number = outbox.add(RECIPIENT, "hello")
    work(outbox)
    assert outbox.state(number) == "sent"
    assert mailbox.arrived == [number]


def test_the_program(outbox: Outbox, mailbox: Mailbox, chaos: Chaos, tmp_path: Path) -> None:
    number = outbox.add(RECIPIENT, "hello")
    mail = chaos["mail"]
    words = [sys.executable, PROGRAM, str(tmp_path / "outbox.db"), mail.host, str(mail.port)]
    with subprocess.Popen(words) as program:
        while outbox.state(number) == "waiting":
            assert program.poll() is None
            time.sleep(0.01)
        program.terminate()
    assert mailbox.arrived == [number]


@pytest.mark.chaos(proxy="mail", fault=PASSING, times=1)
def test_an_error_that_passes(outbox: Outbox, mailbox: Mailbox) -> None:
    number = outbox.add(RECIPIENT, "hello")
    outbox.work(0)
    assert (outbox.state(number), mailbox.arrived) == ("waiting", [])
    work(outbox)
    assert (outbox.state(number), mailbox.arrived) == ("sent", [number])


@pytest.mark.chaos(proxy="mail", fault=LASTING, times=1)
def test_an_error_that_lasts(outbox: Outbox, mailbox: Mailbox) -> None:
    number = outbox.add(RECIPIENT, "hello")
    work(outbox)
    assert (outbox.state(number), mailbox.arrived) == ("refused", [])


def test_a_server_that_is_down_for_a_while(outbox: Outbox, mailbox: Mailbox, chaos: Chaos) -> None:
    number = outbox.add(RECIPIENT, "hello")
    with chaos["mail"].down():
        work(outbox)
        assert outbox.state(number) == "waiting"
    outbox.work(9 * LONGEST_PAUSE)
    assert mailbox.arrived == [number]


@pytest.mark.parametrize("behavior", ["abort", "hang", "request-lost"])
def test_a_connection_that_breaks(
    outbox: Outbox, mailbox: Mailbox, chaos: Chaos, behavior: str
) -> None:
    number = outbox.add(RECIPIENT, "hello")
    with chaos["mail"].rule(behavior, times=1):
        outbox.work(0)
        assert outbox.state(number) == "waiting"
    work(outbox)
    assert mailbox.arrived == [number]


def test_a_lost_answer_to_the_mail_itself(outbox: Outbox, mailbox: Mailbox, chaos: Chaos) -> None:
    number = outbox.add(RECIPIENT, "hello")
    with chaos["mail"].rule("reply-lost", verb="DATA", times=1) as rule:
        work(outbox)
    assert rule.fired
    assert mailbox.arrived == [number, number]
