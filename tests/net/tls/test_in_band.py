"""TLS that begins in the midst of a connection, with the protocols in which it does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest

from left import kept, without_collector
from postgresql_server import VERSION_3, query, startup
from scenario import Peer, World
from secured import Certified, Talk, certify
from vaurien.net.connection import Connection
from vaurien.net.end import End
from vaurien.net.spec import Limits
from vaurien.net.tls.end import IdleEnd, TlsEnd
from vaurien.net.tls.handshake import Handshake
from vaurien.net.tls.hello import HelloReader
from vaurien.net.tls.opening import BegunOpening
from vaurien.net.tls.spec import Tls
from vaurien.net.tls.stream import TlsStream
from vaurien.protocol import Protocol
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.mysql.wire import PROTOCOL_41, SSL, packet
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.smtp.parser import Smtp
from vaurien.values.events import Trouble

LIMITS = Limits(timeout=0, dial_timeout=5)
SIZES = [1, 2, 3, 5, 7, 100, 100_000]


@dataclass(frozen=True)
class Way:
    """How TLS begins in a protocol, and what is said inside."""

    protocol: Protocol
    greeting: bytes
    asks: bytes
    agrees: bytes
    """What a backend says that does, or nothing."""
    says: bytes
    answers: bytes
    labels: str
    """Those of what is said, as in a rule."""


POSTGRESQL = Way(
    PostgreSQL(tls="both"),
    b"",
    bytes.fromhex("00000008 04d2162f"),
    b"S",
    startup(VERSION_3, user="ann") + query("SELECT 1"),
    b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05IC\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I",
    "verb=SELECT",
)
FLAGS = (PROTOCOL_41 | SSL).to_bytes(4, "little") + bytes(28)
MYSQL_GREETING = (
    b"\x0a8.0.1\0" + bytes(4) + b"12345678\0" + (PROTOCOL_41 | SSL).to_bytes(2, "little")
)
MYSQL = Way(
    MySQL(tls="both"),
    packet(0, MYSQL_GREETING),
    packet(1, FLAGS),
    b"",
    packet(2, FLAGS + b"ann\0\0"),
    packet(3, b"\0\0\0\2\0\0\0"),
    "command=LOGIN user=ann",
)
SMTP = Way(
    Smtp(tls="both"),
    b"220 here\r\n",
    b"STARTTLS\r\n",
    b"220 go on\r\n",
    b"EHLO there\r\n",
    b"250-here\r\n250 SIZE\r\n",
    "verb=EHLO",
)
WAYS = pytest.mark.parametrize(
    "way", [POSTGRESQL, MYSQL, SMTP], ids=["postgresql", "mysql", "smtp"]
)


class Meeting:
    """A client and a backend that begin TLS in a protocol's way."""

    def __init__(
        self,
        certified: Certified,
        way: Way,
        *rules: str,
        size: int = 0,
        ca: str = "",
        seed: int = 0,
    ) -> None:
        self.way = way
        self.certified = certified
        self.talks: list[Talk] = []
        self.client_talk: Talk | None = None
        tls = Tls(mode="both", ca=ca or certified.ca, cert=certified.cert)
        self.world = World(*rules, protocol=way.protocol, tls=tls, limits=LIMITS, seed=seed)
        self.world.on_data = self._on_request
        if size:
            self.world.system.some_of = partial(min, size)  # type: ignore[method-assign] # not random
        self.client = self.world.client(self._on_answer)
        if way.greeting:
            self.world.run(lambda: self.world.backends)
            self.world.backends[0].say(way.greeting)
            self.world.run(lambda: self.client.heard == way.greeting)
        self.client.heard.clear()

    def ask(self, more: bytes = b"") -> None:
        """Ask for TLS; what follows it is in the clear."""
        self.client.say(self.way.asks + more)
        if not self.way.agrees and not more:
            self.begin()

    def begin(self) -> None:
        self.client_talk = Talk(self.client, self.certified.client(), "proxy")
        self.client_talk.say(self.way.says)

    @property
    def begins(self) -> bool:
        """TLS has been asked for, and is not there yet."""
        found = [each.decisions.exchanges for each in self.world.proxy.connections]
        return any(each is not None and each.encrypts for each in found)

    @property
    def answered(self) -> bool:
        talk = self.client_talk
        return talk is not None and bytes(talk.heard) == self.way.answers

    @property
    def troubles(self) -> list[tuple[str, str]]:
        return [(each.what, each.detail) for each in self.world.events if isinstance(each, Trouble)]

    def _on_request(self, peer: Peer, data: bytes) -> None:
        del data
        asked, heard = self.way.asks, bytes(peer.heard)
        if heard.startswith(asked):
            peer.say(self.way.agrees)
            talk = Talk(peer, self.certified.server(), answer=self._answer)
            self.talks.append(talk)
            if len(heard) > len(asked):
                talk._on_data(peer, heard[len(asked) :])

    def _answer(self, talk: Talk, data: bytes) -> None:
        del data
        if bytes(talk.heard) == self.way.says:
            talk.say(self.way.answers)

    def _on_answer(self, peer: Peer, data: bytes) -> None:
        del data
        if self.way.agrees and bytes(peer.heard) == self.way.agrees:
            self.begin()


@WAYS
@pytest.mark.parametrize("size", SIZES)
def test_what_is_inside_is_read(certified: Certified, way: Way, size: int) -> None:
    rule = f"delay sleep=0.5 {way.labels} sni=proxy tls_version=TLSv1.3"
    meeting = Meeting(certified, way, rule, size=size)
    meeting.ask()
    meeting.world.run(lambda: meeting.answered)
    assert meeting.answered
    assert len(meeting.world.fired) == 1
    assert bytes(meeting.talks[0].heard) == way.says
    assert meeting.world.system.time >= 0.5
    assert meeting.troubles == []


@WAYS
@pytest.mark.parametrize("seed", range(5))
def test_without_rules_it_passes(certified: Certified, way: Way, seed: int) -> None:
    meeting = Meeting(certified, way, seed=seed)
    meeting.ask()
    meeting.world.run(lambda: meeting.answered)
    assert meeting.answered
    (connection,) = meeting.world.proxy.connections
    assert connection.to_client.quiet
    assert connection.decisions.facts == {"sni": "proxy", "tls_version": "TLSv1.3"}


@WAYS
def test_it_begins_when_what_comes_before_has_passed(certified: Certified, way: Way) -> None:
    asking = {"postgresql": "phase=encryption", "mysql": "command=SSL", "smtp": "verb=STARTTLS"}
    rules = [
        f"delay sleep=2 {asking[way.protocol.name]} before={word}" for word in ("true", "false")
    ]
    meeting = Meeting(certified, way, *rules)
    meeting.ask()
    meeting.world.run(lambda: meeting.answered)
    assert meeting.answered
    assert meeting.world.system.time >= (4 if way.agrees else 2)


@WAYS
def test_a_handshake_with_the_backend_may_fail(
    certified: Certified, way: Way, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = certify(tmp_path_factory.mktemp("other"))
    meeting = Meeting(certified, way, ca=other.ca, size=100_000)
    meeting.ask()
    meeting.world.run(lambda: meeting.client.ended)
    assert meeting.client.ended == "fin"
    ((what, detail),) = meeting.troubles
    assert what == "connection 1: TLS with backend backend:80 failed"
    assert detail.startswith("its certificate is not accepted: ")
    assert meeting.client_talk is not None
    failure = meeting.client_talk.failure
    assert failure
    assert failure.reason == "TLSV1_ALERT_INTERNAL_ERROR"


@WAYS
def test_a_client_that_does_not_begin_is_closed(certified: Certified, way: Way) -> None:
    meeting = Meeting(certified, way)
    meeting.begin = lambda: None  # type: ignore[method-assign] # it says nothing
    meeting.ask()
    meeting.world.run(lambda: meeting.client.ended)
    assert meeting.client.ended == "fin"
    assert meeting.troubles == [
        ("connection 1: TLS with the client failed", "no ClientHello within 5 s")
    ]


@WAYS
@pytest.mark.parametrize("steps", range(1, 20, 3))
@pytest.mark.parametrize("how", ["finish", "reset", "close"])
def test_a_client_may_end_in_the_midst(
    certified: Certified, way: Way, how: str, steps: int
) -> None:
    meeting = Meeting(certified, way, size=100)
    meeting.ask()
    meeting.world.run(lambda: meeting.begins)
    left = iter(range(steps))
    meeting.world.run(lambda: next(left, None) is None)
    getattr(meeting.client, how)()
    meeting.client.on_data = None
    meeting.world.run(lambda: meeting.world.backends[0].ended)
    assert meeting.world.backends[0].ended


@WAYS
def test_the_proxy_may_close_in_the_midst(certified: Certified, way: Way) -> None:
    meeting = Meeting(certified, way, size=40)
    meeting.ask()
    meeting.world.run(lambda: meeting.begins)
    meeting.world.run(lambda: meeting.client_talk)
    meeting.world.proxy.close()
    meeting.world.run(lambda: meeting.client.ended)
    assert meeting.client.ended
    assert meeting.world.backends[0].ended


@WAYS
def test_nothing_in_the_clear_is_taken_for_what_is_inside(certified: Certified, way: Way) -> None:
    """CVE-2011-0411, CVE-2021-23214: what a third party has put behind the request."""
    meeting = Meeting(certified, way)
    meeting.ask(way.says)
    meeting.world.run(lambda: meeting.client.ended)
    assert meeting.client.ended
    assert len(meeting.troubles) == 1
    assert meeting.troubles[0][0] == "connection 1: TLS with the client failed"
    assert not any(talk.heard for talk in meeting.talks)


def test_nothing_in_the_clear_follows_the_consent_of_the_backend(certified: Certified) -> None:
    """CVE-2021-23222."""
    meeting = Meeting(certified, POSTGRESQL)
    meeting.world.on_data = lambda peer, data: peer.say(b"S" + POSTGRESQL.answers)
    meeting.ask()
    meeting.world.run(lambda: meeting.client.ended)
    assert bytes(meeting.client.heard) == b"S"
    assert meeting.troubles == [
        ("connection 1: TLS with backend backend:80 failed", "it does not speak TLS")
    ]


@pytest.mark.parametrize(
    ("way", "refuses", "labels"),
    [(POSTGRESQL, b"N", "verb=SELECT"), (SMTP, b"454 4.7.0 not now\r\n", "verb=EHLO")],
    ids=["postgresql", "smtp"],
)
def test_if_the_backend_refuses_all_goes_on_in_the_clear(
    certified: Certified, way: Way, refuses: bytes, labels: str
) -> None:
    meeting = Meeting(certified, way, f"delay sleep=3 {labels}")

    def refuse(peer: Peer, data: bytes) -> None:
        heard = bytes(peer.heard)
        if heard == way.asks:
            peer.say(refuses)
        elif heard == way.asks + way.says:
            peer.say(way.answers)

    meeting.world.run(lambda: meeting.world.backends)
    meeting.world.on_data = refuse
    for peer in meeting.world.backends:
        peer.on_data = refuse
    meeting.ask()
    meeting.world.run(lambda: bytes(meeting.client.heard) == refuses)
    meeting.client.say(way.says)
    meeting.world.run(lambda: bytes(meeting.client.heard) == refuses + way.answers)
    assert len(meeting.world.fired) == 1
    assert meeting.world.system.time >= 3


@pytest.mark.parametrize("way", [POSTGRESQL, SMTP], ids=["postgresql", "smtp"])
@pytest.mark.parametrize("size", SIZES)
def test_tls_may_come_first(certified: Certified, way: Way, size: int) -> None:
    direct = Way(way.protocol, b"", b"", b"", way.says, way.answers, way.labels)
    meeting = Meeting(certified, direct, f"delay sleep=0.5 {way.labels} sni=proxy", size=size)

    def greet(talk: Talk) -> None:
        talk.say(way.greeting)

    meeting.begin()
    talk = meeting.client_talk
    assert talk is not None
    if way.greeting:
        talk._saying = b""
        meeting.world.run(lambda: meeting.talks)
        greet(meeting.talks[0])
        meeting.world.run(lambda: bytes(talk.heard) == way.greeting)
        talk.heard.clear()
        talk.say(way.says)
    meeting.world.run(lambda: meeting.answered)
    assert meeting.answered
    assert len(meeting.world.fired) == 1


def test_a_fault_may_refuse_encryption(certified: Certified) -> None:
    meeting = Meeting(certified, POSTGRESQL, "error fault=ssl-refused")
    meeting.ask()
    meeting.world.run(lambda: meeting.client.heard)
    assert bytes(meeting.client.heard) == b"N"
    meeting.client.say(POSTGRESQL.says)
    meeting.world.run(lambda: len(meeting.world.backends[0].heard) == len(POSTGRESQL.says))
    assert bytes(meeting.world.backends[0].heard) == POSTGRESQL.says


def test_gssapi_encryption_is_refused(certified: Certified) -> None:
    meeting = Meeting(certified, POSTGRESQL)
    meeting.client.say(bytes.fromhex("00000008 04d21630"))
    meeting.world.run(lambda: meeting.client.heard)
    assert bytes(meeting.client.heard) == b"N"
    meeting.client.heard.clear()
    meeting.ask()
    meeting.world.run(lambda: meeting.answered)
    assert meeting.answered


@WAYS
@pytest.mark.parametrize("complete", [True, False])
def test_nothing_is_left_in_memory(certified: Certified, way: Way, complete: bool) -> None:
    World.made.clear()  # what other tests have left
    with without_collector():
        meeting = Meeting(certified, way, size=100_000)
        world, client = meeting.world, meeting.client
        meeting.ask()
        world.run(lambda: meeting.answered if complete else meeting.begins)
        client.on_data = None
        client.reset()
        world.run(lambda: world.proxy.closed)
        for backend in world.backends:
            backend.close()
        world.run(seconds=100)
        world.proxy.closed.clear()
        kinds = Connection, End, IdleEnd, TlsEnd, BegunOpening, Handshake, HelloReader, TlsStream
        assert kept(*kinds) == set()


@WAYS
@pytest.mark.parametrize("at", ["client-hello", "server-hello", "client-finished"])
def test_rules_act_on_the_handshake(certified: Certified, way: Way, at: str) -> None:
    meeting = Meeting(certified, way, f"handshake fault=handshake-stalls at={at} sni=proxy")
    meeting.ask()
    meeting.world.run(lambda: meeting.answered, seconds=60)
    assert not meeting.answered
    meeting.world.apply()
    meeting.world.run(lambda: meeting.answered)
    assert meeting.answered
    assert meeting.troubles == []
