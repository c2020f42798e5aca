"""What is noted of each exchange, in a simulated system."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acting import request as message
from redis_talk import command
from scenario import AccountedProxy, Peer, World
from secured import certify, client_of
from vaurien.embedded import recording
from vaurien.embedded.exchanges import Exchange
from vaurien.embedded.recording import RecordedProxy, Recording
from vaurien.net.tls.spec import Tls
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp import Smtp

SET, GET = command("SET", "key", "1"), command("GET", "key")


class Accounted(AccountedProxy, RecordedProxy):
    """A recorded proxy of which nothing may be left."""


WHOLE = re.compile(rb"\*(?:3\r\n(?:\$\d+\r\n\w+\r\n){3}|2\r\n(?:\$\d+\r\n\w+\r\n){2})")


def answer(peer: Peer, data: bytes) -> None:
    heard = bytes(peer.heard)
    before = WHOLE.findall(heard[: len(heard) - len(data)])
    peer.say(b"+OK\r\n" * (len(WHOLE.findall(heard)) - len(before)))


def world(*rules: str, seed: int = 0) -> World:
    return World(*rules, seed=seed, protocol=Redis(), on_data=answer, proxy=Accounted)


def recorded(world: World) -> Recording:
    assert isinstance(world.proxy, RecordedProxy)
    return world.proxy.recording


def asked(world: World, data: bytes, *, seconds: float = 10) -> list[Exchange]:
    world.client().say(data, finish=True)
    world.run(seconds=seconds)
    return list(recorded(world).exchanges.values())


@pytest.mark.parametrize("rules", [(), ("dummy",)])
def test_labels_of_the_handshake_are_those_of_the_request(
    rules: tuple[str, ...], tmp_path: Path
) -> None:
    certified = certify(tmp_path)
    tls = Tls(mode="terminate", cert=certified.cert)
    world = World(*rules, protocol=Redis(), on_data=answer, proxy=Accounted, tls=tls)
    client = client_of(world, certified)
    client.say(SET)
    world.run(lambda: client.heard)
    (exchange,) = recorded(world).exchanges.values()
    assert exchange.labels.items() >= {"sni": "proxy", "tls_version": "TLSv1.3"}.items()
    assert exchange.answer_labels == {}


@pytest.mark.parametrize("seed", range(20))
def test_exchanges_in_any_chunking(seed: int) -> None:
    first, second, again = asked(world(seed=seed), SET + GET + SET)
    assert [dict(each.labels)["command"] for each in (first, second)] == ["SET", "GET"]
    assert (first.number, first.connection, first.asked_bytes) == (1, 1, len(SET))
    assert (first.head, first.told, first.told_bytes) == (SET, b"+OK\r\n", 5)
    assert first.digest == again.digest != second.digest
    assert not any(each.altered for each in (first, second, again))
    assert first.answered
    assert first.reached_backend
    for exchange in (first, second, again):
        times = (exchange.asked_at, exchange.forwarded_at, exchange.answered_at)
        assert None not in times
        assert sorted(times, key=lambda each: each or 0) == list(times)


def test_an_error_in_place_of_the_answer() -> None:
    first, second = asked(world("error fault=READONLY command=SET"), SET + GET)
    assert (first.reached_backend, first.answered) == (False, False)
    assert first.told.startswith(b"-READONLY You can't write against a read only replica.")
    assert first.replied_at is not None
    (injected,) = first.injected
    assert (injected.behavior, injected.detail, injected.exchange) == ("error", "READONLY", 1)
    assert second.injected == ()


def test_what_the_backend_gets_may_be_altered() -> None:
    (exchange,) = asked(world("corrupt direction=to_backend rate=1"), SET)
    assert exchange.reached_backend
    assert exchange.altered


def test_a_lost_answer() -> None:
    (exchange,) = asked(world("reply-lost"), SET)
    assert (exchange.reached_backend, exchange.answered) == (True, False)
    assert exchange.answer_ended_at is not None


def test_a_lost_request() -> None:
    (exchange,) = asked(world("request-lost"), SET)
    assert (exchange.reached_backend, exchange.answered_at) == (False, None)


def test_a_delay_is_seen_from_both_sides() -> None:
    (exchange,) = asked(world("latency delay=2 direction=to_client"), SET)
    assert exchange.answer_ended_at is not None
    assert exchange.told_at is not None
    assert exchange.told_at - exchange.answer_ended_at >= 2


def test_connections_and_how_they_end() -> None:
    here = world()
    client = here.client()
    client.say(SET)
    here.run(lambda: client.heard == b"+OK\r\n")
    client.reset()
    here.run()
    (connection,) = recorded(here).connections.values()
    assert connection.opened_at is not None
    assert connection.closed_at is not None
    assert connection.client_reset


def test_an_end_is_noted_when_it_arrives() -> None:
    here = world("hang")
    here.client().say(SET, finish=True)
    here.run(seconds=5)
    assert isinstance(here.proxy, RecordedProxy)
    (connection,) = here.proxy.trace().connections
    assert connection.client_ended_at == connection.left_at is not None
    assert connection.closed_at is None


def test_nothing_reaches_a_backend_that_has_gone() -> None:
    here = world()
    client = here.client()
    client.say(SET)
    here.run(lambda: client.heard == b"+OK\r\n")
    here.backends[0].finish()
    here.run()
    client.say(GET)
    here.run()
    exchanges = list(recorded(here).exchanges.values())
    assert [each.reached_backend for each in exchanges] == [True, False]


MAIL = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"


def mailed(*contents: bytes) -> list[Exchange]:
    """The exchanges in which the content of mails was sent, each when the server asked for it."""

    def serve(peer: Peer, data: bytes) -> None:
        lines = bytes(peer.heard)[-len(data) :].split(b"\r\n")[:-1]
        for line in lines:
            if line == b"DATA":
                peer.say(b"354 go\r\n")
            elif line == b"." or b":" in line:
                peer.say(b"250 ok\r\n")

    here = World(protocol=Smtp(), on_data=serve, proxy=Accounted)
    client = here.client()
    here.run(lambda: here.backends)
    here.backends[0].say(b"220 here\r\n")
    for content in contents:
        client.say(MAIL + b"DATA\r\n")
        here.run(seconds=10)
        client.say(content + b"\r\n.\r\n")
        here.run(seconds=10)
    made = recorded(here).exchanges.values()
    return [each for each in made if each.labels.get("verb") == "DATA"]


def test_more_of_a_request_is_a_part_of_it() -> None:
    first, other, again = mailed(b"hello", b"bye", b"hello")
    assert first.digest == again.digest != other.digest
    assert all(each.reached_backend and not each.altered for each in (first, other, again))


def test_requests_that_are_not_answered() -> None:
    (silenced, asks) = asked(world(), command("CLIENT", "REPLY", "OFF") + SET)
    assert not silenced.expects_answer
    assert not asks.expects_answer


def test_the_plan_shows_none_of_it() -> None:
    here = world("hang percent=0")
    assert [rule.name for rule in here.proxy.plan.rules] == ["hang"]
    here.apply("delay sleep=1")
    assert [rule.name for rule in here.proxy.plan.rules] == ["delay"]
    (exchange,) = asked(here, SET)
    assert exchange.answered
    assert here.fired == [(1, 1, "delay")]
    assert here.proxy.totals().fired == 1


def test_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LIMIT", 2)
    here = world()
    exchanges = asked(here, SET * 5)
    assert [each.number for each in exchanges] == [4, 5]
    assert recorded(here).forgotten == 3


def test_heads_are_bounded() -> None:
    long = command("SET", "key", "x" * 10_000)
    (exchange,) = asked(world(), long)
    assert exchange.head == long[: recording.HEAD_SIZE]
    assert exchange.asked_bytes == len(long)


def test_what_says_nothing_of_a_request_does_not_tell_it_from_others() -> None:
    noted = Recording("web", "(?im)^a:.*\\r\\n")

    def digest(data: bytes) -> str:
        noted.clear()
        noted.asked(message(data), 1)
        return noted.exchanges[1, 1].digest

    assert digest(b"X\r\nA: 1\r\n\r\nb") == digest(b"X\r\na: 2\r\n\r\nb")
    assert digest(b"X\r\nA: 1\r\n\r\nb") != digest(b"X\r\nA: 1\r\n\r\nc")
    assert digest(b"X\r\n\r\nA: 1\r\n") != digest(b"X\r\n\r\nA: 2\r\n")  # it is in the body
