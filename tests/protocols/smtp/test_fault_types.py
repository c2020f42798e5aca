"""The faults of SMTP by script: what the client gets, and what the backend gets."""

from __future__ import annotations

import pytest

from acting import firing
from vaurien.behavior import Firing
from vaurien.fault import values_of
from vaurien.protocols.smtp.fault_types import (
    GARBAGE_SIZE,
    GO_AHEAD,
    MALFORMED,
    READY_FOR_TLS,
)
from vaurien.protocols.smtp.faults import CATALOGUE
from vaurien.protocols.smtp.parser import Smtp
from vaurien.protocols.smtp.wire import Mail, SmtpRequest
from vaurien.values.actions import Action, Close, Forward, Reply
from vaurien.values.messages import Direction, Message

RSET = b"RSET\r\n"


class Play:
    """Plays a fault on one exchange."""

    def __init__(self, identifier: str, verb: str = "RCPT", **given: object) -> None:
        self.smtp = Smtp()
        self.smtp.host = "mail.example"
        self.fault = CATALOGUE.find(identifier)
        self.values = values_of(self.fault, given)
        self.firing: Firing = firing(protocol=self.smtp)
        self.request = SmtpRequest(verb)
        self.labels = {"verb": verb, "phase": "command", "address": "u@example.org"}

    def act(self, message: Message) -> list[Action]:
        return list(self.fault.play(message, self.firing, self.values))

    def ask(self, data: bytes, *, begins: bool = True, ends: bool = True) -> list[Action]:
        """Return the actions on a command, or on a piece of one."""
        self.asked = Message(
            data,
            Direction.TO_BACKEND,
            0.0,
            self.labels,
            1,
            begins,
            ends,
            about=self.request,
        )
        return self.act(self.asked)

    def go_on(self, data: bytes, *, begins: bool = True, ends: bool = True) -> list[Action]:
        """Return the actions on what continues the command."""
        return self.act(
            Message(
                data,
                Direction.TO_BACKEND,
                0.0,
                self.labels,
                1,
                begins,
                ends,
                expects_reply=False,
                continues=True,
                about=self.request,
            )
        )

    def answer(
        self,
        data: bytes,
        *,
        final: bool = True,
        exchange: int = 1,
        about: SmtpRequest | None = None,
    ) -> list[Action]:
        """Return the actions on a reply."""
        self.answered = Message(
            data,
            Direction.TO_CLIENT,
            0.0,
            {"code": data[:3].decode()},
            exchange,
            final=final,
            about=about or self.request,
        )
        return self.act(self.answered)


# Replies.


def test_a_reply_answers_in_the_place_of_the_backend() -> None:
    play = Play("550")
    assert play.ask(b"RCPT TO:<u@example.org>\r\n") == [
        Reply(
            b"550 5.1.1 <u@example.org>: Recipient address rejected: "
            b"User unknown in local recipient table\r\n"
        )
    ]


def test_a_421_closes() -> None:
    assert Play("421").ask(b"NOOP\r\n") == [
        Reply(b"421 4.3.2 Service not available, closing transmission channel\r\n"),
        Close(),
    ]


def test_a_text_may_name_the_server() -> None:
    reply, _ = Play("timeout-exceeded").ask(b"NOOP\r\n")
    assert reply == Reply(b"421 4.4.2 mail.example Error: timeout exceeded\r\n")


def test_any_reply_can_be_given() -> None:
    play = Play("reply", code=521, enhanced="5.3.2", message="no\nmail for {address}", close=True)
    assert play.ask(b"RCPT TO:<u@example.org>\r\n") == [
        Reply(b"521-5.3.2 no\r\n521 5.3.2 mail for u@example.org\r\n"),
        Close(),
    ]
    assert Play("reply", code=599, message="").ask(b"NOOP\r\n") == [Reply(b"599 \r\n")]


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_reply_can_be_malformed(kind: str) -> None:
    assert Play("malformed-reply", kind=kind).ask(b"NOOP\r\n") == [Reply(MALFORMED[kind])]


def test_a_greeting_is_replaced() -> None:
    play = Play("too-many-connections")
    told, close = play.answer(b"220 mail.example ESMTP\r\n", exchange=0)
    assert told == Forward(play.answered.with_data(b"421 4.7.0 Error: too many connections\r\n"))
    assert close == Close()


def test_a_rejected_client_may_only_quit() -> None:
    play = Play("not-accepting")
    (told,) = play.answer(b"220 mail.example ESMTP\r\n", exchange=0)
    assert told == Forward(
        play.answered.with_data(b"554 mail.example ESMTP not accepting connections\r\n")
    )
    assert play.smtp.adjusting
    play.ask(b"EHLO x\r\n")
    assert play.smtp.adjust(play.asked) == Reply(b"503 5.7.0 Error: access denied\r\n")
    play.request = SmtpRequest("QUIT")
    play.ask(b"QUIT\r\n")
    assert play.smtp.adjust(play.asked) == Forward(play.asked)


# Contents.


def test_commands_follow_a_rejected_data() -> None:
    play = Play("no-valid-recipients", "DATA")
    assert play.ask(b"DATA\r\n") == [Reply(b"554 5.5.1 Error: no valid recipients\r\n")]
    assert play.request.wants_more is False


def test_rejected_content_never_arrives() -> None:
    play = Play("message-too-big", "DATA")
    (reset,) = play.ask(b"DATA\r\n")
    assert isinstance(reset, Forward)
    assert reset.message.data == RSET
    assert isinstance(reset.message.about, SmtpRequest)
    assert reset.message.about.verb == "RSET"
    (granted,) = play.answer(b"250 2.0.0 Ok\r\n")
    assert granted == Forward(play.answered.whole(GO_AHEAD)._replace(final=False))
    assert play.go_on(b"Subject: x\r\n", ends=False) == []
    assert play.go_on(b".\r\n", begins=False) == [
        Reply(b"552 5.3.4 Error: message file too big\r\n")
    ]


def test_any_reply_may_follow_the_content() -> None:
    play = Play("service-shutdown", "DATA", at="content")
    play.ask(b"DATA\r\n")
    play.answer(b"250 2.0.0 Ok\r\n")
    told, close = play.go_on(b".\r\n")
    assert isinstance(told, Reply)
    assert told.data.startswith(b"421 4.3.2 ")
    assert close == Close()


def test_over_lmtp_each_recipient_is_rejected() -> None:
    play = Play("452", "DATA", at="content", message="full")
    play.ask(b"DATA\r\n")
    play.answer(b"250 2.0.0 Ok\r\n", about=SmtpRequest("RSET", mail=Mail(lmtp=True, recipients=3)))
    assert play.go_on(b".\r\n") == [Reply(b"452 4.3.1 full\r\n" * 3)]


def test_over_lmtp_each_recipient_of_the_last_chunk_is_rejected() -> None:
    for last, count in ((False, 1), (True, 3)):
        play = Play("452", "BDAT", message="full")
        play.request.last_chunk = last
        play.ask(b"BDAT 1\r\nx")
        reset = SmtpRequest("RSET", mail=Mail(lmtp=True, recipients=3))
        (reply,) = play.answer(b"250 Ok\r\n", about=reset)
        assert reply == Forward(play.answered.with_data(b"452 4.3.1 full\r\n" * count))


def test_an_error_instead_of_the_start_of_tls_closes() -> None:
    play = Play("454", "STARTTLS")
    told, close = play.answer(b"220 2.0.0 Ready to start TLS\r\n")
    assert isinstance(told, Forward)
    assert close == Close()
    assert len(Play("454", "STARTTLS").answer(b"502 no\r\n")) == 1


def test_the_backend_may_answer_the_reset_with_an_error() -> None:
    play = Play("message-too-big", "DATA")
    play.ask(b"DATA\r\n")
    assert play.answer(b"421 4.3.2 bye\r\n") == [Forward(play.answered)]
    assert play.request.wants_more is False


def test_a_failed_chunk_resets_the_mail() -> None:
    play = Play("451", "BDAT")
    assert play.ask(b"BDAT 6 LAST\r\nabc", ends=False) == []
    (reset,) = play.ask(b"def", begins=False)
    assert isinstance(reset, Forward)
    assert reset.message.data == RSET
    assert (reset.message.begins, reset.message.ends) == (True, True)
    assert play.answer(b"250 2.0.0 Ok\r\n") == [
        Forward(play.answered.with_data(b"451 4.3.0 Temporary lookup error\r\n"))
    ]


def test_a_mail_under_way_passes_up_to_its_reply() -> None:
    play = Play("451", "DATA")
    assert play.answer(b"354 go\r\n", final=False) == [Forward(play.answered)]
    (passed,) = play.go_on(b"Subject: x\r\n.\r\n")
    assert isinstance(passed, Forward)
    assert play.answer(b"250 2.0.0 Ok: queued\r\n") == [
        Forward(play.answered.with_data(b"451 4.3.0 Temporary lookup error\r\n"))
    ]


def test_the_connection_drops_only_after_the_mail_is_accepted() -> None:
    play = Play("drop-after-data", "DATA", reset=True)
    assert play.ask(b"DATA\r\n") == [Forward(play.asked)]
    assert play.answer(b"354 go\r\n", final=False) == [Forward(play.answered)]
    assert play.answer(b"452 4.3.1 full\r\n") == [Forward(play.answered)]
    assert play.answer(b"250 2.0.0 Ok: queued\r\n") == [Close(reset=True)]


# Extensions, and TLS.


@pytest.mark.parametrize(
    ("fault", "given", "left"),
    [
        ("no-starttls", {}, b"250-mail.example\r\n250-AUTH PLAIN\r\n250 AUTH=PLAIN\r\n"),
        ("no-auth", {}, b"250-mail.example\r\n250 STARTTLS\r\n"),
        (
            "no-extension",
            {"extension": "auth"},
            b"250-mail.example\r\n250 STARTTLS\r\n",
        ),
    ],
)
def test_an_extension_is_hidden(fault: str, given: dict[str, object], left: bytes) -> None:
    play = Play(fault, "EHLO", **given)
    assert play.ask(b"EHLO x\r\n") == [Forward(play.asked)]
    hello = b"250-mail.example\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250 AUTH=PLAIN\r\n"
    assert play.answer(hello) == [Forward(play.answered.with_data(left))]
    assert play.answer(b"502 no\r\n") == [Forward(play.answered)]


def test_starttls_is_accepted_and_the_handshake_fails() -> None:
    play = Play("starttls-garbage", "STARTTLS")
    assert play.ask(b"STARTTLS\r\n") == [Reply(READY_FOR_TLS)]
    assert play.request.wants_more
    garbage, close = play.go_on(b"hello", ends=False)
    assert isinstance(garbage, Reply)
    assert len(garbage.data) == GARBAGE_SIZE
    assert close == Close()
    assert play.go_on(b"more", begins=False, ends=False) == []


def test_a_starttls_under_way_is_left_alone() -> None:
    play = Play("starttls-garbage", "STARTTLS")
    assert play.answer(b"454 4.7.0 no\r\n") == [Forward(play.answered)]
