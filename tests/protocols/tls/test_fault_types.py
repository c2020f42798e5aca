"""The faults of TLS by script: what each of two peers gets, whatever the chunks."""

from __future__ import annotations

import ssl

import pytest

from acting import Stage, firing
from feeding import cut
from tls_talk import Talk, flawed_server, records_of
from vaurien.errors import OptionError
from vaurien.fault import values_of
from vaurien.parsing.exchanges import Exchanges
from vaurien.parsing.stream import Stream
from vaurien.protocols.tls.fault_types import GRACE
from vaurien.protocols.tls.faults import CATALOGUE, PLAINTEXT
from vaurien.protocols.tls.parser import Tls
from vaurien.protocols.tls.wire import ALERTS, alert
from vaurien.values.actions import Close, Forward, Hold, Reply, Wait
from vaurien.values.messages import TO_BACKEND, TO_CLIENT, Direction, Message

SIZES = [10_000, 1, 100]
VERSIONS = ["TLSv1.2", "TLSv1.3"]


class Play:
    """A client and a server, and between them a fault that plays on their first exchange."""

    def __init__(self, fault: str, version: str = "", size: int = 10_000, **given: object) -> None:
        self.tls = Tls()
        self.told: list[str] = []
        self.tls.tls_server = flawed_server  # type: ignore[method-assign]  # as connections do
        self.tls.tell = self.told.append  # type: ignore[assignment,method-assign]  # as well
        self.fault = CATALOGUE.find(fault)
        self.values = values_of(self.fault, given)
        self.stage = Stage(self.tls, at=0.0, opened_at=0.0)
        self.firing = firing(stage=self.stage)
        self.waits: list[Wait] = []
        self.talk = Talk(version)
        self.size = size
        self.exchanges = Exchanges()
        self.streams = {each: Stream(each, self.exchanges) for each in Direction}
        self.streams[TO_BACKEND].parse_with(self.tls.requests(self.streams[TO_BACKEND]))
        self.streams[TO_CLIENT].parse_with(self.tls.responses(self.streams[TO_CLIENT]))
        self.closed: Close | None = None
        self.held = False

    def send(self, direction: Direction, data: bytes) -> None:
        """Have a peer send bytes, and the other one get what is left of them."""
        stream = self.streams[direction]
        for chunk in cut(data, range(0, len(data), self.size)):
            if self.closed or self.held:
                return
            messages = [] if stream.opaque else stream.feed(chunk, 0.0)
            for message in messages:
                if not (self.closed or self.held):
                    self.act(message)
            if stream.opaque:
                left = stream.surrender() if messages else [Message(chunk, direction, 0.0)]
                for message in left:
                    self.talk.pass_on(direction, message.data)

    def act(self, message: Message) -> None:
        for action in self.fault.play(message, self.firing, self.values):
            if isinstance(action, Forward):
                self.exchanges.pass_on(action.message, 0.0)
                self.talk.pass_on(message.direction, action.message.data)
            elif isinstance(action, Reply):
                self.talk.pass_on(TO_CLIENT, action.data)
            elif isinstance(action, Wait):
                self.waits.append(action)
            elif isinstance(action, Close):
                self.closed = action
                return
            elif isinstance(action, Hold):
                self.held = True
                return

    def shake_hands(self) -> None:
        """Go on until neither peer says more."""
        while True:
            asked = self.talk.client.move()
            self.send(TO_BACKEND, asked)
            answered = self.talk.server.move()
            self.send(TO_CLIENT, answered)
            if not (asked or answered):
                return


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ALERTS.values())
def test_an_alert_answers_the_hello(name: str, size: int) -> None:
    play = Play(name, size=size)
    play.shake_hands()
    code = CATALOGUE.find(name).aliases[0]
    assert play.talk.said == [(TO_CLIENT, alert(int(code), 1 if name == "close_notify" else 2))]
    assert play.closed == Close()


def test_the_level_of_an_alert_may_be_chosen() -> None:
    play = Play("user_canceled", level="warning")
    play.shake_hands()
    assert play.talk.said == [(TO_CLIENT, alert(90, 1))]


def test_a_web_server_answers_in_plaintext() -> None:
    play = Play("plaintext-http")
    play.shake_hands()
    assert play.talk.of(TO_CLIENT) == PLAINTEXT
    assert "WRONG_VERSION_NUMBER" in str(play.talk.client.error)


@pytest.mark.parametrize("fault", ["version-too-low", "version-too-high"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_that_was_not_offered(fault: str, version: str) -> None:
    play = Play(fault, version)
    play.shake_hands()
    assert "VERSION" in str(play.talk.client.error) or "PROTOCOL" in str(play.talk.client.error)
    assert not play.talk.of(TO_BACKEND)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("at", "hello_arrives", "answer_arrives"),
    [
        ("client-hello", False, False),
        ("server-hello", True, False),
        ("client-finished", True, True),
    ],
)
@pytest.mark.parametrize(
    ("fault", "closed"),
    [
        ("handshake-closes", Close(at_once=True)),
        ("handshake-resets", Close(reset=True, at_once=True)),
        ("handshake-stalls", None),
    ],
)
def test_a_handshake_breaks_between_flights(
    fault: str, closed: Close | None, at: str, hello_arrives: bool, answer_arrives: bool,
    version: str, size: int,
) -> None:  # fmt: skip
    play = Play(fault, version, size, at=at)
    play.shake_hands()
    to_backend, to_client = play.talk.of(TO_BACKEND), play.talk.of(TO_CLIENT)
    assert play.closed == closed
    assert play.held is (closed is None)
    assert len(records_of(to_backend)) == hello_arrives
    assert bool(to_client) is hello_arrives
    assert (len(records_of(to_client)) > 1) is answer_arrives
    assert not play.talk.server.ready


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_bad_record_follows_the_handshake(version: str, size: int) -> None:
    play = Play("bad-record", version, size)
    play.shake_hands()
    play.send(TO_BACKEND, play.talk.client.say(b"ping") if not play.talk.client.error else b"")
    play.talk.server.move()
    if version == "TLSv1.2":  # there are no tickets after the handshake
        assert play.talk.client.ready
        play.send(TO_CLIENT, play.talk.server.say(b"pong"))
        play.talk.client.move()
    assert play.talk.server.ready
    assert "BAD_RECORD_MAC" in str(play.talk.client.error)
    assert play.talk.client.received == b""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_end_comes_in_place_of_close_notify(version: str, size: int) -> None:
    play = Play("no-close-notify", version, size)
    play.shake_hands()
    play.send(TO_CLIENT, play.talk.server.say(b"pong"))
    play.send(TO_CLIENT, play.talk.server.close())
    play.talk.client.move()
    assert play.closed == Close()
    assert play.talk.client.received == b"pong"
    assert play.talk.client.error is None
    play.talk.client.end()
    play.talk.client.move()
    assert isinstance(play.talk.client.error, ssl.SSLEOFError)


@pytest.mark.parametrize("size", SIZES)
def test_data_of_the_size_of_a_close_notify_passes(size: int) -> None:
    play = Play("no-close-notify", "TLSv1.3", size)
    play.shake_hands()
    play.stage.heard[TO_CLIENT] = 0.1  # more arrives while it waits
    play.send(TO_CLIENT, play.talk.server.say(b"OK"))
    play.talk.client.move()
    assert play.talk.client.received == b"OK"
    assert play.waits == [Wait(GRACE)]


REFUSALS = {
    "expired-certificate": "certificate has expired",
    "not-yet-valid-certificate": "certificate is not yet valid",
    "wrong-host": "Hostname mismatch",
    "self-signed-certificate": "self-signed certificate",
    "unknown-authority": "self-signed certificate in certificate chain",
    "missing-intermediate": "unable to get local issuer certificate",
    "wrong-purpose": "unsuitable certificate purpose",
    "weak-key": "key too weak",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_flawed_certificate_is_refused(fault: str, version: str, size: int) -> None:
    play = Play(fault, version, size)
    play.shake_hands()
    play.send(TO_BACKEND, play.talk.client.left())
    assert REFUSALS[fault] in str(play.talk.client.error).replace("self signed", "self-signed")
    assert play.closed == Close()
    assert play.talk.of(TO_BACKEND) == b""
    assert play.told == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_accepts_is_told_of_and_closed(version: str, size: int) -> None:
    play = Play("no-san", version, size)  # CPython takes the common name for it
    play.shake_hands()
    assert play.talk.client.error is None
    assert play.talk.client.ready
    assert play.told == ["a client has finished the handshake in spite of the fault no-san"]
    assert play.closed == Close()
    assert play.talk.of(TO_BACKEND) == b""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_a_certificate_is_refused(version: str, size: int) -> None:
    play = Play("client-certificate-demanded", version, size)
    play.shake_hands()
    expected = "CERTIFICATE_REQUIRED" if version == "TLSv1.3" else "HANDSHAKE_FAILURE"
    assert expected in str(play.talk.client.error)
    assert play.talk.client.ready is (version == "TLSv1.3")
    assert play.closed == Close()
    assert play.talk.of(TO_BACKEND) == b""


def test_a_server_that_has_answered_already_stays() -> None:
    play = Play("wrong-host")
    answer = Message(b"\x16\x03\x03", TO_CLIENT, 0.0, exchange=1)
    play.act(answer)
    assert play.talk.of(TO_CLIENT) == answer.data


def test_without_the_package_a_certificate_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaurien.protocols.tls.fault_types.find_spec", lambda _: None)
    with pytest.raises(OptionError, match="cryptography"):
        values_of(CATALOGUE.find("no-san"), {})
