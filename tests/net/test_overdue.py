"""What armed links keep back of a request, and for how long."""

from __future__ import annotations

import pytest

from scenario import Peer, World
from vaurien.net.overdue import PATIENCE
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.mysql.wire import packet
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.postgresql.wire import PARSE, encoded
from vaurien.protocols.redis.parser import Redis
from vaurien.values.events import Event, GaveUp

NEVER = "hang after=1000000000"
HEAD = b"*11\r\n"
REST = b"$4\r\nMSET\r\n" + b"$1\r\nx\r\n" * 10


def sent(world: World, *chunks: bytes, seconds: float = 1.0) -> bytes:
    """What the backend gets of chunks that a client sends with pauses of that many seconds."""
    client = world.client()
    for chunk in chunks:
        client.say(chunk)
        world.run(seconds=seconds)
    return bytes(world.backends[-1].heard)


def gave_up(world: World) -> list[Event]:
    return [event for event in world.events if isinstance(event, GaveUp)]


def test_the_beginning_of_a_request_is_kept_for_a_moment_only() -> None:
    world = World(NEVER, protocol=Redis())
    assert sent(world, HEAD, seconds=PATIENCE / 2) == b""
    world.run(seconds=PATIENCE)
    assert world.backends[-1].heard == HEAD
    world.peers[0].say(REST + HEAD + REST)
    world.run(seconds=1)
    assert world.backends[-1].heard == (HEAD + REST) * 2
    assert not gave_up(world)


def test_the_time_counts_from_when_the_newest_bytes_came() -> None:
    world = World(NEVER, protocol=Redis())
    pieces = [bytes([byte]) for byte in HEAD + REST[:12]]
    assert sent(world, *pieces, seconds=PATIENCE / 2) == b""
    world.run(seconds=1)
    assert world.backends[-1].heard == HEAD + REST[:12]


def test_a_request_that_comes_in_time_has_its_labels() -> None:
    world = World("hang command=MSET", protocol=Redis())
    assert sent(world, HEAD, REST, seconds=PATIENCE / 2) == b""
    world = World("hang command=MSET", protocol=Redis())
    assert sent(world, HEAD, REST) == HEAD + REST


def test_an_overdue_request_gets_what_its_rules_ask_for() -> None:
    world = World("delay sleep=5", protocol=Redis())
    assert sent(world, HEAD) == b""
    world.run(seconds=5)
    assert world.backends[-1].heard == HEAD


def test_an_overdue_request_does_not_overtake_responses_that_are_being_parsed() -> None:
    rules = [f"{NEVER} name=r{number}" for number in range(100)]  # a turn is two messages
    world = World(*rules, protocol=Redis(), whole=True)
    client = world.client()
    client.say(HEAD)
    world.system.turn = 0.001
    world.run(seconds=0.9 * PATIENCE)
    said = b"".join(b":%d\r\n" % number for number in range(4000))
    world.backends[0].say(said)
    world.run(lambda: len(client.heard) == len(said), seconds=100)
    assert bytes(client.heard) == said
    world.run(seconds=2 * PATIENCE)
    assert world.backends[0].heard == HEAD
    assert not gave_up(world)


@pytest.mark.parametrize("reset", [False, True])
def test_nothing_waits_for_a_client_that_has_gone(reset: bool) -> None:
    world = World(NEVER, protocol=Redis())
    client = world.client()
    client.say(HEAD)
    world.run(seconds=PATIENCE / 2)
    if reset:
        client.reset()
    else:
        client.finish()
    world.run(seconds=PATIENCE / 4)
    world.proxy.close()
    assert world.timers == []


def test_a_quiet_link_keeps_nothing() -> None:
    world = World(protocol=Redis())
    assert sent(world, HEAD, seconds=PATIENCE / 100) == HEAD
    assert world.timers == []


def greet(world: World) -> Peer:
    client = world.client()
    world.run(until=lambda: world.backends)
    greeting = b"\x0a5.5.5-10.11.6-MariaDB\0" + bytes(13) + b"\xff\xf7\x2d" + bytes(33)
    world.backends[0].say(packet(0, greeting))
    client.say(packet(1, b"\x05\xa2\x0f\x00" + bytes(28) + b"root\0\0"))
    world.run(seconds=1)
    world.backends[0].say(packet(2, bytes(7)))
    world.run(seconds=1)
    world.backends[0].heard.clear()
    return client


@pytest.mark.parametrize("part", [b"", b"\x03", b"\x03INSERT INTO t"])
def test_mysql_gets_the_header_of_a_packet_that_may_be_too_large(part: bytes) -> None:
    world = World(NEVER, protocol=MySQL())
    client = greet(world)
    whole = packet(0, b"\x03INSERT INTO t VALUES ('" + b"x" * 100_000 + b"')")
    client.say(whole[: 4 + len(part)])
    world.run(seconds=PATIENCE / 2)
    assert world.backends[0].heard == b""
    world.run(seconds=1)
    assert world.backends[0].heard == whole[: 4 + len(part)]
    client.say(whole[4 + len(part) :] + packet(0, b"\x0e"))
    world.run(seconds=1)
    assert world.backends[0].heard == whole + packet(0, b"\x0e")
    world.backends[0].say(packet(1, bytes(7)) * 2)
    world.run(seconds=1)
    assert not gave_up(world)


def test_postgresql_gets_a_begin_that_stands_alone() -> None:
    world = World(NEVER, protocol=PostgreSQL())
    client = world.client()
    client.say(b"\0\0\0\x0f\0\3\0\0user\0x\0")
    world.run(seconds=1)
    world.backends[0].say(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
    world.run(seconds=1)
    world.backends[0].heard.clear()
    begin = encoded(PARSE, b"S_1\0BEGIN\0\0\0")
    client.say(begin)
    world.run(seconds=PATIENCE / 2)
    assert world.backends[0].heard == b""
    world.run(seconds=PATIENCE)
    assert world.backends[0].heard == begin


def test_what_is_overdue_for_a_backend_that_has_gone_is_not_looked_at_again_and_again() -> None:
    world = World("delay sleep=50 before=false", protocol=Redis(), whole=True)
    world.system.turn = 0.001
    client = world.client()
    client.say(b"PING\r\n")
    world.run(seconds=1)
    (backend,) = world.backends
    backend.say(b"+PONG\r\n")
    client.say(HEAD)
    world.run(seconds=PATIENCE / 2)
    backend.reset()
    world.run(seconds=1)
    (connection,) = world.proxy.connections  # the answer is still to be given
    assert connection.to_backend.dead
    assert connection.to_backend.framing is not None
    assert not connection.to_backend.framing.stream.lags
