"""smtp finds commands, contents and replies, however they arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeding import chunkings, cut, feed_any, owing, parse_in_all_ways, put_together, stream_of
from vaurien.errors import OptionError, ProtocolError
from vaurien.parsing.exchanges import Exchanges
from vaurien.parsing.stream import Stream
from vaurien.protocols.smtp.parser import REPLY_LIMIT, Smtp
from vaurien.protocols.smtp.wire import SmtpRequest
from vaurien.values.actions import Forward, Reply
from vaurien.values.messages import Direction, Message

GREETING = b"220 mail.example ESMTP Postfix\r\n"
HELLO = (
    b"250-mail.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n"
    b"250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n"
)
CONTENT = b"Subject: x\r\n\r\nDear all,\r\n..dot\r\n\r.\r\n.\n.\r\n\r\r\n.x\r\nBye.\r\n.\r\n"
"""Dots and line ends in all places that look like the end, but are not."""


class Talk:
    """Both parsers of a connection, fed in turn; all messages are passed on."""

    def __init__(self, *, greeted: bool = True, **options: object) -> None:
        self.smtp = Smtp(**options)
        self.exchanges = Exchanges(tallied=Smtp.tallied)
        self.requests = stream_of(self.smtp.requests, Direction.TO_BACKEND, self.exchanges)
        self.responses = stream_of(self.smtp.responses, Direction.TO_CLIENT, self.exchanges)
        if greeted:
            self.hear(GREETING)

    def say(self, data: bytes) -> list[Message]:
        messages = self.requests.feed(data, 0.0)
        while self.requests.lags:
            messages += self.requests.feed(self.requests.take_aside(), 0.0)
        for message in messages:
            if message.begins and message.expects_reply:
                self.exchanges.expect_response(message.exchange, message.about)
        return messages

    def hear(self, data: bytes) -> list[Message]:
        return self.responses.feed(data, 0.0)


def verbs(messages: list[Message]) -> list[str]:
    return [message.labels["verb"] for message in messages]


# Commands.


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        (b"EHLO client.example\r\n", {"verb": "EHLO", "argument": "client.example"}),
        (b"noop\r\n", {"verb": "NOOP", "argument": ""}),
        (b"  RSET  \n", {"verb": "RSET", "argument": ""}),
        (b"\r\n", {"verb": "", "argument": ""}),
        (
            b"MAIL FROM:<a@example.org> SIZE=10 BODY=8BITMIME\r\n",
            {
                "verb": "MAIL",
                "address": "a@example.org",
                "argument": "FROM:<a@example.org> SIZE=10 BODY=8BITMIME",
            },
        ),
        (b"mail from: <>\r\n", {"verb": "MAIL", "address": "", "argument": "from: <>"}),
        (b"RCPT TO:b@x.y\r\n", {"verb": "RCPT", "address": "b@x.y", "argument": "TO:b@x.y"}),
        (
            b'RCPT TO:<"a b"@x.y>\r\n',
            {"verb": "RCPT", "address": '"a b"@x.y', "argument": 'TO:<"a b"@x.y>'},
        ),
        (b"RCPT b@x.y\r\n", {"verb": "RCPT", "argument": "b@x.y"}),
        (b"AUTH plain AGEAYg==\r\n", {"verb": "AUTH", "argument": "PLAIN"}),
        (b"BDAT x\r\n", {"verb": "BDAT", "argument": "x"}),
    ],
)
def test_a_command_is_a_line_with_labels(line: bytes, labels: dict[str, str]) -> None:
    (whole,) = parse_in_all_ways(Smtp().requests, line)
    assert whole.data == line
    assert whole.labels == {"phase": "command", **labels}
    assert whole.exchange == 1
    assert whole.expects_reply


def test_each_pipelined_command_is_an_exchange() -> None:
    lines = [b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", b"RCPT TO:<e@f>\r\n", b"NOOP\r\n"]
    wholes = parse_in_all_ways(Smtp().requests, b"".join(lines))
    assert [(whole.data, whole.exchange) for whole in wholes] == [
        (line, number) for number, line in enumerate(lines, 1)
    ]


def test_long_words_are_cut_in_labels() -> None:
    (whole,) = parse_in_all_ways(Smtp().requests, b"X" * 5000 + b" " + b"y" * 5000 + b"\r\n")
    assert len(whole.labels["verb"]) == 20
    assert len(whole.labels["argument"]) == 1000


def test_an_endless_line_is_given_up() -> None:
    stream = stream_of(Smtp().requests)
    with pytest.raises(ProtocolError):
        stream.feed(b" " * 100_000, 0.0)


@pytest.mark.parametrize("before", [b"", b"NOOP\r\n" * 20])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"x" * 40 + b"\r\n"])
def test_a_nul_is_no_command_wherever_it_comes(before: bytes, after: bytes) -> None:
    data = before + b"NO\0OP" + after
    places = range(len(data))
    for chunks in ([data], [before, data[len(before) :]], cut(data, places), cut(data, [40])):
        messages = feed_any(stream_of(Smtp().requests), chunks)
        assert b"".join(message.data for message in messages) == data
        assert len({message.exchange for message in messages} - {0}) == before.count(b"NOOP")


def test_a_nul_is_not_waited_for() -> None:
    with pytest.raises(ProtocolError, match="NUL"):
        stream_of(Smtp().requests).feed(b"\0", 0.0)


def test_chunks_pass_in_pieces() -> None:
    data = b"BDAT 12\r\nQUIT\r\n.\r\n\r\n\nBDAT 3 LAST\r\nabcRSET\r\n"
    wholes = parse_in_all_ways(Smtp().requests, data)
    assert [whole.data for whole in wholes] == [
        b"BDAT 12\r\nQUIT\r\n.\r\n\r\n\n",
        b"BDAT 3 LAST\r\nabc",
        b"RSET\r\n",
    ]
    assert [whole.exchange for whole in wholes] == [1, 2, 3]
    stream = stream_of(Smtp().requests)
    (first,) = stream.feed(b"BDAT 1000 LAST\r\nabc", 0.0)
    assert (first.begins, first.ends) == (True, False)


# Contents.


def content_of(chunks: list[bytes]) -> list[Message]:
    """Return the messages in these chunks after an accepted DATA."""
    talk = Talk()
    talk.say(b"DATA\r\n")
    talk.hear(b"354 go ahead\r\n")
    return [piece for chunk in chunks for piece in talk.say(chunk)]


@given(chunkings(CONTENT + b"QUIT\r\n"))
def test_content_ends_with_its_dot(chunks: list[bytes]) -> None:
    content, quit_ = put_together(content_of(chunks))
    assert content.data == CONTENT
    assert content.complete
    assert content.exchange == 1
    assert not content.expects_reply
    assert (quit_.data, quit_.exchange) == (b"QUIT\r\n", 2)


@pytest.mark.parametrize("content", [b".\r\n", b"\r\n.\r\n", b"..\r\n.\r\n", b".x\r\n.\r\n"])
def test_small_contents_end(content: bytes) -> None:
    for chunks in ([content + b"NOOP\r\n"], [bytes([byte]) for byte in content + b"NOOP\r\n"]):
        whole, noop = put_together(content_of(chunks))
        assert (whole.data, noop.data) == (content, b"NOOP\r\n")


def test_content_continues_its_command() -> None:
    (piece,) = content_of([b"Subject: x\r\n\r\nx\r\n"])
    assert piece.continues
    assert (piece.begins, piece.ends) == (True, False)
    assert verbs([piece]) == ["DATA"]


def test_content_is_not_kept_back() -> None:
    talk = Talk()
    talk.say(b"DATA\r\n")
    talk.hear(b"354 go ahead\r\n")
    block = b"x" * 70 + b"\r\n"
    for _ in range(1000):
        talk.say(block * 100)
        assert talk.requests.kept_back <= 4


@given(chunkings(b"x\r\n.\r" * 3 + CONTENT))
def test_each_byte_of_the_content_passes_when_it_arrives(chunks: list[bytes]) -> None:
    talk = Talk()
    talk.say(b"DATA\r\n")
    talk.hear(b"354 go ahead\r\n")
    for chunk in chunks:
        assert b"".join(piece.data for piece in talk.say(chunk)) == chunk
        assert talk.requests.kept_back == 0


@pytest.mark.parametrize("refusal", [b"503 5.5.1 no\r\n", b"554 no\r\n", b"421 bye\r\n"])
def test_no_content_follows_a_rejected_data(refusal: bytes) -> None:
    talk = Talk()
    talk.say(b"DATA\r\n")
    (reply,) = talk.hear(refusal)
    assert reply.final
    assert verbs(talk.say(b"RSET\r\nNOOP\r\n")) == ["RSET", "NOOP"]


def test_a_reply_before_the_dot_ends_the_content() -> None:
    talk = Talk()
    talk.say(b"DATA\r\n")
    talk.hear(b"354 go ahead\r\n")
    talk.say(b"smuggled\n.\n")  # some servers take this for the end
    (reply,) = talk.hear(b"250 taken\r\n")
    assert (reply.exchange, reply.final) == (1, True)
    assert verbs(talk.say(b"NOOP\r\n"))[-1] == "NOOP"


def test_a_client_that_does_not_wait_sends_the_content() -> None:
    talk = Talk()
    data, content = talk.say(b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
    assert (data.exchange, content.exchange) == (1, 1)
    assert content.continues
    interim, final = talk.hear(b"354 go ahead\r\n250 taken\r\n")
    assert (interim.final, final.final) == (False, True)
    assert final.exchange == 1


# Replies.


def test_the_greeting_is_unsolicited() -> None:
    talk = Talk(greeted=False)
    talk.say(b"EHLO early\r\n")
    greeting, hello = talk.hear(GREETING + HELLO)
    assert greeting.exchange == 0
    assert greeting.labels == {"verb": "GREETING", "phase": "greeting", "code": "220"}
    assert (hello.exchange, hello.labels) == (1, {"code": "250"})
    assert talk.smtp.host == "mail.example"


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        (b"250 2.1.0 Ok\r\n", {"code": "250"}),
        (b"250\r\n", {"code": "250"}),
        (b"250-a\n250 b\n", {"code": "250"}),
        (HELLO, {"code": "250"}),
        (b"450 4.2.1 busy\r\n", {"code": "450", "error": "4.2.1"}),
        (b"550-5.1.1 no\r\n550 5.1.1 such\r\n", {"code": "550", "error": "5.1.1"}),
        (b"554 4.2.1x\r\n", {"code": "554", "error": "554"}),
        (b"500\r\n", {"code": "500", "error": "500"}),
    ],
)
def test_a_reply_is_one_message_with_labels(reply: bytes, labels: dict[str, str]) -> None:
    def after_the_greeting(stream: Stream):  # type: ignore[no-untyped-def]  # as parsers are
        return Smtp().responses(stream)

    about = SmtpRequest("NOOP")
    greeting, whole = parse_in_all_ways(
        after_the_greeting, GREETING + reply, Direction.TO_CLIENT, owing(1, about=about)
    )
    assert (greeting.data, whole.data) == (GREETING, reply)
    assert whole.labels == labels
    assert whole.exchange == 1


def test_a_reply_comes_in_one_piece() -> None:
    talk = Talk()
    talk.say(b"EHLO x\r\n")
    pieces = [piece for byte in HELLO for piece in talk.hear(bytes([byte]))]
    assert [piece.data for piece in pieces] == [HELLO]


def test_errors_are_counted() -> None:
    talk = Talk()
    talk.say(b"NOOP\r\nNOOP\r\n")
    talk.hear(b"450 4.2.1 busy\r\n502 no\r\n")
    assert talk.exchanges.tally.errors == {"4.2.1": 1, "502": 1}
    assert talk.exchanges.tally.exchanges == {"NOOP": 2}


def test_replies_without_a_command_are_unsolicited() -> None:
    talk = Talk()
    (told,) = talk.hear(b"421 4.4.2 mail.example Error: timeout exceeded\r\n")
    assert told.exchange == 0
    assert told.labels == {"code": "421", "error": "4.4.2"}


@pytest.mark.parametrize("reply", [b"hello\r\n", b"25 Ok\r\n", b"250_Ok\r\n", b"250-Ok\r\nno\r\n"])
def test_malformed_replies_are_given_up(reply: bytes) -> None:
    with pytest.raises(ProtocolError):
        Talk().hear(reply)


def test_an_endless_reply_is_given_up() -> None:
    talk = Talk()
    with pytest.raises(ProtocolError):
        talk.hear(b"250-x\r\n" * (REPLY_LIMIT // 7 + 10))


# Dialogues.


def test_authentication_goes_back_and_forth() -> None:
    talk = Talk()
    talk.say(b"AUTH LOGIN\r\n")
    (asked,) = talk.hear(b"334 VXNlcm5hbWU6\r\n")
    assert not asked.final
    (name,) = talk.say(b"bmFtZQ==\r\n")
    talk.hear(b"334 UGFzc3dvcmQ6\r\n")
    (password,) = talk.say(b"c2VjcmV0\r\n")
    (done,) = talk.hear(b"235 2.7.0 Authentication successful\r\n")
    assert done.final
    for line in (name, password):
        assert line.continues
        assert (line.exchange, line.expects_reply) == (1, False)
        assert line.labels == {"verb": "AUTH", "phase": "command", "argument": "LOGIN"}
    assert verbs(talk.say(b"NOOP\r\n")) == ["NOOP"]


def test_commands_follow_a_failed_authentication() -> None:
    talk = Talk()
    talk.say(b"AUTH PLAIN xxxx\r\n")
    talk.hear(b"535 5.7.8 no\r\n")
    (line,) = talk.say(b"AUTH LOGIN\r\n")
    assert (line.continues, line.exchange) == (False, 2)


def test_starttls_turns_both_directions_opaque() -> None:
    talk = Talk(tls="pass")
    talk.say(b"STARTTLS\r\n")
    (ready,) = talk.hear(b"220 2.0.0 Ready to start TLS\r\n")
    assert ready.final
    assert talk.exchanges.opaque


def test_a_session_may_begin_anew_inside_of_tls() -> None:
    talk = Talk(tls="both")
    talk.say(b"STARTTLS\r\n")
    talk.hear(b"220 2.0.0 Ready to start TLS\r\n")
    assert talk.exchanges.encrypts
    assert talk.smtp.adjusting
    talk.exchanges.encrypts, talk.exchanges.encrypted = False, True
    assert verbs(talk.say(b"EHLO here\r\n")) == ["EHLO"]
    (reply,) = talk.hear(b"250 mail.example\r\n")
    assert (reply.labels["code"], reply.exchange) == ("250", 2)
    assert not talk.smtp.adjusting


def test_tls_may_come_first() -> None:
    talk = Talk(greeted=False, tls="both")
    assert talk.say(b"\x16\x03\x01") == []
    assert talk.exchanges.encrypts


def test_a_rejected_starttls_changes_nothing() -> None:
    talk = Talk(tls="pass")
    talk.say(b"STARTTLS\r\n")
    talk.hear(b"454 4.7.0 no\r\n")
    assert not talk.exchanges.opaque
    assert verbs(talk.say(b"NOOP\r\n")) == ["NOOP"]


def test_lmtp_answers_for_each_recipient() -> None:
    talk = Talk()
    talk.say(b"LHLO x\r\n")
    talk.hear(HELLO)
    talk.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@b>\r\nRCPT TO:<2@b>\r\nRCPT TO:<3@b>\r\nDATA\r\n")
    talk.hear(b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n")
    talk.say(CONTENT + b"NOOP\r\n")
    one, two, noop = talk.hear(b"250 one\r\n452 two\r\n250 noop\r\n")
    assert [(reply.exchange, reply.final) for reply in (one, two, noop)] == [
        (6, False),
        (6, True),
        (7, True),
    ]
    talk.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<1@b>\r\nRCPT TO:<2@b>\r\nBDAT 3\r\nabcBDAT 0 LAST\r\n")
    replies = talk.hear(b"250 ok\r\n250 ok\r\n250 ok\r\n250 chunk\r\n250 one\r\n250 two\r\n")
    assert [reply.final for reply in replies] == [True, True, True, True, False, True]
    assert not talk.exchanges.pending


def lmtp(recipients: int, hello: bytes = b"LHLO x\r\n") -> Talk:
    """Return a talk with a mail begun, for recipients that were accepted."""
    talk = Talk()
    talk.say(hello)
    talk.hear(HELLO)
    talk.say(b"MAIL FROM:<a@b>\r\n" + b"RCPT TO:<1@b>\r\n" * recipients)
    talk.hear(b"250 ok\r\n" * (recipients + 1))
    return talk


@pytest.mark.parametrize(
    ("said", "replies"),
    [
        (b"RSET\r\nBDAT 0 LAST\r\n", b"250 ok\r\n503 no mail\r\n"),
        (b"LHLO y\r\nBDAT 0 LAST\r\n", b"250 ok\r\n503 no mail\r\n"),
        (b"MAIL FROM:<c@d>\r\nBDAT 0 LAST\r\n", b"503 nested\r\n250 one\r\n250 two\r\n"),
        (b"BDAT 0 LAST\r\nBDAT 0 LAST\r\n", b"250 one\r\n250 two\r\n503 no mail\r\n"),
        (b"BDAT 1\r\nxBDAT 0 LAST\r\n", b"552 too much\r\n503 failed\r\n"),
    ],
)
def test_how_many_replies_are_due_follows_from_what_the_server_has_answered(
    said: bytes, replies: bytes
) -> None:
    talk = lmtp(2)
    talk.say(said + b"NOOP\r\n")
    heard = talk.hear(replies + b"250 noop\r\n")
    assert heard[-1].exchange == talk.exchanges.begun
    assert not talk.exchanges.pending


def test_a_refused_greeting_is_no_lmtp() -> None:
    talk = Talk()
    talk.say(b"LHLO x\r\n")
    talk.hear(b"500 no\r\n")
    talk.say(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@b>\r\nRCPT TO:<2@b>\r\nBDAT 0 LAST\r\n")
    talk.hear(HELLO + b"250 ok\r\n" * 4)
    assert not talk.exchanges.pending


# TLS.


def adjusted(smtp: Smtp, verb: str, data: bytes, direction: Direction) -> Forward | Reply:
    return smtp.adjust(Message(data, direction, 0.0, exchange=1, about=SmtpRequest(verb)))


def test_starttls_is_hidden() -> None:
    told: list[str] = []
    smtp = Smtp()
    smtp.tell = told.append  # type: ignore[method-assign, assignment]  # as connections do
    assert smtp.adjusting
    changed = adjusted(smtp, "EHLO", HELLO, Direction.TO_CLIENT)
    assert isinstance(changed, Forward)
    assert changed.message.data == HELLO.replace(b"250-STARTTLS\r\n", b"")
    last = b"250-mail.example\r\n250-SIZE\r\n250 starttls\r\n"
    changed = adjusted(smtp, "LHLO", last, Direction.TO_CLIENT)
    assert isinstance(changed, Forward)
    assert changed.message.data == b"250-mail.example\r\n250 SIZE\r\n"
    assert len(told) == 2
    refused = adjusted(smtp, "STARTTLS", b"STARTTLS\r\n", Direction.TO_BACKEND)
    assert refused == Reply(b"454 4.7.0 TLS not available due to temporary reason\r\n")


def test_replies_without_an_offer_of_tls_are_not_changed() -> None:
    smtp = Smtp()
    for verb, data, direction in (
        ("EHLO", b"250 mail.example\r\n", Direction.TO_CLIENT),
        ("EHLO", b"502 no\r\n", Direction.TO_CLIENT),
        ("EHLO", b"EHLO STARTTLS\r\n", Direction.TO_BACKEND),
        ("HELP", b"214 STARTTLS\r\n", Direction.TO_CLIENT),
    ):
        message = Message(data, direction, 0.0, about=SmtpRequest(verb))
        assert smtp.adjust(message) == Forward(message)


def test_tls_may_pass() -> None:
    assert not Smtp(tls="pass").adjusting
    with pytest.raises(OptionError):
        Smtp(tls="maybe")


# Anything.


CAPTURED = (
    b"EHLO x\r\nMAIL FROM:<a@b> SIZE=30\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
    b"AUTH PLAIN AGEAYg==\r\nBDAT 5 LAST\r\nabcd\nSTARTTLS\r\nRSET\r\nQUIT\r\n"
)
REPLIES = (
    GREETING + HELLO + b"250 2.1.0 Ok\r\n550 5.1.1 <c@d>: no\r\n354 End data\r\n250 2.0.0 Ok\r\n"
    b"334 \r\n235 ok\r\n220 go\r\n421 bye\r\n"
)


@st.composite
def spoilt(draw: st.DrawFn, captured: bytes) -> bytes:
    """Traffic with some bytes removed, doubled or replaced."""
    data = bytearray(captured)
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        data[place : place + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(data)


@given(st.one_of(st.binary(max_size=300), spoilt(CAPTURED)).flatmap(chunkings))
def test_no_request_is_changed(chunks: list[bytes]) -> None:
    pieces = feed_any(stream_of(Smtp().requests), chunks)
    assert b"".join(piece.data for piece in pieces) == b"".join(chunks)


@given(st.one_of(st.binary(max_size=300), spoilt(REPLIES)).flatmap(chunkings), st.data())
def test_no_response_is_changed(chunks: list[bytes], data: st.DataObject) -> None:
    exchanges = Exchanges()
    asked = ["EHLO", "MAIL", "RCPT", "DATA", "AUTH", "STARTTLS", "BDAT", "", "QUIT"]
    for number, verb in enumerate(data.draw(st.lists(st.sampled_from(asked))), 1):
        exchanges.begun = number
        exchanges.expect_response(number, SmtpRequest(verb, last_chunk=verb == "BDAT"))
    pieces = feed_any(stream_of(Smtp().responses, Direction.TO_CLIENT, exchanges), chunks)
    assert b"".join(piece.data for piece in pieces) == b"".join(chunks)


def test_an_address_is_cut() -> None:
    stream = stream_of(Smtp().requests)
    (message,) = stream.feed(b"MAIL FROM:<" + b"x" * 3000 + b">\r\n", 0.0)
    assert message.labels["address"] == "x" * 1000


# Beginnings.


@pytest.mark.parametrize(
    ("begun", "verb", "keep_limit"),
    [
        (b"", None, None),
        (b"MAIL", None, 2048),
        (b"  ", None, 2048),
        (b"mail ", "MAIL", 2048),
        (b" noop\r", "NOOP", 2048),
        (b"AUTH x", "AUTH", 12_288),
        (b"x" * 30, "X" * 20, 2048),
        (b"STARTTLS\r", None, 2048),
    ],
)
def test_the_verb_is_announced(begun: bytes, verb: str | None, keep_limit: int | None) -> None:
    stream = stream_of(Smtp().requests)
    for byte in cut(begun, range(len(begun))):
        assert not stream.feed(byte, 0.0)
    announced = stream.announced
    assert (announced and announced.labels) == (verb and {"verb": verb, "phase": "command"})
    assert keep_limit is None or stream.keep_limit == keep_limit


def test_starttls_is_announced_if_it_is_passed() -> None:
    stream = stream_of(Smtp(tls="pass").requests)
    stream.feed(b"STARTTLS ", 0.0)
    assert stream.announced is not None


def test_who_is_turned_away_has_no_command_announced() -> None:
    smtp = Smtp()
    smtp.turned_away = True
    stream = stream_of(smtp.requests)
    stream.feed(b"NOOP ", 0.0)
    assert stream.announced is None


@pytest.mark.parametrize(
    ("asked", "reply", "labels"),
    [
        (b"", b"220-", {"code": "220", "verb": "GREETING", "phase": "greeting"}),
        (b"NOOP\r\n", b"25", None),
        (b"NOOP\r\n", b"250 o", {"code": "250"}),
        (b"MAIL\r\n", b"550-x\r\n5", {"code": "550"}),
        (b"EHLO x\r\n", b"250-a\r\n", None),
        (b"HELO x\r\n", b"250-a\r\n", {"code": "250"}),
    ],
)
def test_the_code_of_a_reply_is_announced(
    asked: bytes, reply: bytes, labels: dict[str, str] | None
) -> None:
    talk = Talk(greeted=bool(asked))
    talk.say(asked)
    for byte in cut(reply, range(len(reply))):
        assert not talk.hear(byte)
    announced = talk.responses.announced
    assert (announced and announced.labels) == labels
    assert announced is None or announced.exchange == (1 if asked else 0)
    assert talk.responses.unknown == (("error",) if reply.startswith(b"5") else ())


@pytest.mark.parametrize("reply", [b"x", b"2x", b"250x", b"25 ", b"\r"])
def test_what_can_be_no_reply_is_not_waited_for(reply: bytes) -> None:
    stream = Talk().responses
    pieces = cut(reply, range(len(reply)))
    for byte in pieces[:-1]:
        assert not stream.feed(byte, 0.0)
    with pytest.raises(ProtocolError, match="not an SMTP reply"):
        stream.feed(pieces[-1], 0.0)


def test_the_line_of_an_authentication_passes_as_it_arrives() -> None:
    talk = Talk()
    talk.say(b"AUTH LOGIN\r\n")
    talk.hear(b"334 x\r\n")
    for byte in (b"d", b"X", b"\r\n"):
        (piece,) = talk.say(byte)
        assert (piece.data, piece.continues, piece.ends) == (byte, True, byte == b"\r\n")
