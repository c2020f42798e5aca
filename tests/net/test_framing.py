"""Framed links: messages that are rewritten, hidden or counted, and framing that ends."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from lines import Lines
from scenario import Peer, World, echo
from vaurien import registry
from vaurien.behavior import Behavior, Firing
from vaurien.errors import ProtocolError
from vaurien.net.decisions import Decisions
from vaurien.net.framing import Conversation, Decided, Framing, State
from vaurien.parsing.exchanges import QueuedReply
from vaurien.protocol import Parser, Protocol, Stream
from vaurien.protocols.http.parser import Http
from vaurien.protocols.smtp.parser import Smtp
from vaurien.protocols.tcp import Tcp
from vaurien.testing import Stage
from vaurien.values.actions import Actions, Forward, Reply
from vaurien.values.events import PluginFailed, Trouble
from vaurien.values.messages import Direction, Message


class Mine(Behavior):
    """Replies in the backend's place."""

    name = "test-framing-mine"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Reply(b"mine\n") if message.to_backend else Forward(message)


registry.register(Mine)


def answer(peer: Peer, data: bytes) -> None:
    """A backend that echoes each whole line."""
    answered = getattr(peer, "answered", 0)
    lines = bytes(peer.heard).splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    for line in whole[answered:]:
        if not line.startswith((b"QUIET", b"AND")):
            peer.say(line)
    peer.answered = len(whole)  # type: ignore[attr-defined]


@pytest.mark.parametrize("rules", [(), ("hang command=NEVER",)])
@pytest.mark.parametrize("seed", range(8))
def test_after_turning_opaque_both_directions_are_bytes(rules: tuple[str, ...], seed: int) -> None:
    world = World(*rules, protocol=Lines(), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"GET a\nOPAQUE\n")
    world.run(lambda: bytes(client.heard) == b"GET a\nOPAQUE\n")
    client.say(b"\n\nno line at all")
    world.run(lambda: bytes(world.backends[0].heard).endswith(b"at all"))
    world.backends[0].say(b"\0\1\2")
    world.run(lambda: bytes(client.heard).endswith(b"\0\1\2"))
    assert bytes(world.backends[0].heard) == b"GET a\nOPAQUE\n\n\nno line at all"
    assert world.proxy.gave_up == 0
    assert not [event for event in world.events if isinstance(event, PluginFailed)]


def test_rules_go_on_with_chunks_after_turning_opaque() -> None:
    world = World("delay sleep=5 after=2", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\nOPAQUE\n")
    world.run(lambda: bytes(client.heard) == b"GET a\nOPAQUE\n")
    began = world.system.time
    client.say(b"bytes")
    world.run(lambda: bytes(world.backends[0].heard).endswith(b"bytes"))
    assert world.system.time - began >= 5
    assert world.fired == [(1, 3, "delay")]


@pytest.mark.parametrize("seed", range(8))
def test_a_protocol_may_adjust_what_peers_see(seed: int) -> None:
    world = World(protocol=Lines(hides="TLS"), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"GET TLS\nGET a\nPUT 6\nno, no")
    world.run(lambda: len(client.heard) >= 19)
    assert bytes(client.heard) == b"HIDDEN\nGET a\nPUT 6\n"
    world.backends[0].say(b"!TLS offered\n")
    world.run(lambda: bytes(client.heard).endswith(b"offered\n"))
    assert bytes(client.heard).endswith(b"\n! offered\n")
    told = [event.text() for event in world.events if isinstance(event, Trouble)]
    assert told == ["TLS is hidden"]


def test_what_was_adjusted_is_what_rules_see() -> None:
    world = World("delay sleep=5", protocol=Lines(hides="x"), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET x\nGET a\n")
    world.run(lambda: client.heard.count(b"\n") == 2)
    assert bytes(client.heard) == b"HIDDEN\nGET a\n"
    assert [exchange for _, exchange, _ in world.fired] == [2]


@pytest.mark.parametrize("rules", [(), ("delay sleep=0.5",)])
@pytest.mark.parametrize("seed", range(4))
def test_exchanges_are_counted(rules: tuple[str, ...], seed: int) -> None:
    world = World(*rules, protocol=Lines(), on_data=answer, seed=seed)
    client = world.client()
    client.say(b"GET a\nGET b\nERROR\nPUT 3\nabcQUIET z\nAND more\n")
    world.run(lambda: bytes(client.heard).endswith(b"PUT 3\n") and bool(world.backends[0].heard))
    world.run(seconds=2)
    tally = world.proxy.tally
    assert tally.exchanges == {"GET": 2, "ERROR": 1, "PUT": 1, "QUIET": 1}
    assert tally.errors == {"ERROR": 1}
    assert tally.latency.count == 4
    assert sum(tally.latency.buckets) == 4


def test_latency_is_the_backends_alone() -> None:
    world = World("delay sleep=10", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(client.heard))
    assert world.proxy.tally.latency.longest < 1
    assert 10 <= world.proxy.tally.held.longest < 11


@pytest.mark.parametrize(
    ("rules", "held"),
    [
        (("delay sleep=2",), 2),
        (("delay sleep=2", "delay sleep=3 name=more"), 5),
        (("delay before=false sleep=2",), 2),
        (("test-framing-mine",), 0),
    ],
)
@pytest.mark.parametrize("protocol", [Lines, Tcp])
def test_how_long_rules_hold_messages_is_counted(
    rules: tuple[str, ...], held: int, protocol: type[Protocol]
) -> None:
    world = World(*rules, protocol=protocol(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(client.heard))
    found = world.proxy.tally.held
    assert found.count == bool(held)
    assert held <= found.longest < held + 1


def test_injected_faults_are_counted_by_name() -> None:
    world = World("error fault=17 times=2", protocol=Lines(), on_data=answer)
    client = world.client()
    client.say(b"GET a\nGET b\nGET c\n")
    world.run(lambda: bytes(client.heard).count(b"\n") == 3)
    assert bytes(client.heard) == b"BUSY no\nBUSY no\nGET c\n"
    assert world.proxy.tally.injected == {"BUSY": 2}


def test_a_message_that_the_end_of_the_stream_ends_is_answered() -> None:
    world = World("delay before=false sleep=1", protocol=Lines(), on_data=lambda *_: None)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: bool(world.backends and world.backends[0].heard))
    world.backends[0].say(b"BODY 100\nshort", finish=True)
    world.run(lambda: bool(client.ended))
    assert bytes(client.heard) == b"BODY 100\nshort"
    assert world.proxy.tally.latency.count == 1


# What a protocol replies.


def test_what_the_protocol_replies_comes_in_its_turn() -> None:
    world = World("delay sleep=5", protocol=Lines(hides="x"), on_data=answer, whole=True)
    client = world.client()
    client.say(b"GET a\nGET x\nGET b\n")
    world.run(lambda: client.heard.count(b"\n") == 3)
    assert bytes(client.heard) == b"GET a\nHIDDEN\nGET b\n"


@pytest.mark.parametrize("rules", [(), ("delay sleep=0.1",)])
def test_of_a_long_message_the_protocol_replies_to_nothing_passes(rules: tuple[str, ...]) -> None:
    world = World(*rules, protocol=Lines(hides="x"), on_data=answer, whole=True)
    client = world.client()
    for data in (b"PUT 6 x\nabc", b"defGET b\n"):
        client.say(data)
        world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"GET b\n"
    assert bytes(client.heard) == b"HIDDEN\nGET b\n"


# Replies between messages, and never inside.


def awaiting_mine(asked: bytes = b"GET a\nMINE\n") -> tuple[World, Peer]:
    """Return a world in which a reply waits for the response to an earlier request."""
    world = World("test-framing-mine command=MINE", protocol=Lines(), whole=True)
    client = world.client()
    client.say(asked)
    world.run(seconds=1)
    assert not client.heard
    return world, client


def are_quiet(world: World) -> bool:
    """Whether both links of the only connection are quiet."""
    (connection,) = world.proxy.connections
    return all(link.quiet for link in connection.links)


def test_a_reply_keeps_its_turn_though_the_rule_is_lifted() -> None:
    world, client = awaiting_mine(b"GET a\nMINE\nGET b\n")
    world.apply()
    for data in (b"BODY 3\nabcr", b"b\n"):
        world.backends[0].say(data)
        world.run(seconds=1)
    assert bytes(client.heard) == b"BODY 3\nabcmine\nrb\n"
    assert are_quiet(world)


def test_a_reply_comes_behind_a_push_that_has_begun() -> None:
    world = World(protocol=Lines(), whole=True)
    client = world.client()
    world.run(lambda: bool(world.backends))
    world.backends[0].say(b"!ne")
    world.run(lambda: bytes(client.heard) == b"!ne")
    world.apply("test-framing-mine")
    client.say(b"MINE\n")
    world.run(seconds=1)
    world.backends[0].say(b"ws\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"!news\nmine\n"


@pytest.mark.parametrize("lifted", [False, True])
def test_a_reply_waits_no_more_for_a_response_that_is_not_understood(lifted: bool) -> None:
    world, client = awaiting_mine()
    if lifted:
        world.apply()
    world.backends[0].say(b"BODY x\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BODY x\nmine\n"


def test_a_reply_waits_no_more_when_both_directions_turn_opaque() -> None:
    world, client = awaiting_mine(b"OPAQUE\nGET a\nMINE\n")
    world.backends[0].say(b"OPAQUE\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"OPAQUE\nmine\n"


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("ended", ["fin", "reset"])
def test_a_reply_waits_no_more_for_a_response_that_breaks_off(ended: str, lifted: bool) -> None:
    world, client = awaiting_mine()
    backend = world.backends[0]
    backend.say(b"BODY 10\nabc")
    world.run(seconds=1)
    if lifted:
        world.apply()
    if ended == "fin":
        backend.finish()
    else:
        backend.reset()
    world.run(lambda: bool(client.ended), seconds=1)
    assert bytes(client.heard) == b"BODY 10\nabcmine\n"
    assert client.ended == ended


def test_a_client_that_resets_in_the_middle_of_a_request_takes_its_replies_along() -> None:
    world, client = awaiting_mine(b"GET a\nMINE\nPUT 9\nabc")
    client.reset()
    world.run(lambda: bool(world.backends[0].ended), seconds=1)
    assert bytes(world.backends[0].heard) == b"GET a\nPUT 9\nabc"
    assert world.backends[0].ended == "reset"
    assert not world.proxy.connections


# Quiet again.


def test_links_without_messages_are_quiet_again_when_no_rule_is_left() -> None:
    world = World("error fault=BUSY warmup=100", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    client.say(b"OPAQUE\n")
    world.run(lambda: bool(client.heard))
    world.apply()
    client.say(b"abc")
    world.run(seconds=1)
    assert are_quiet(world)


@pytest.mark.parametrize("rule", ["error fault=503", "error fault=wrong-charset"])
@pytest.mark.parametrize("seed", range(3))
def test_faults_leave_alone_what_is_not_understood(rule: str, seed: int) -> None:
    for data in (
        b"\x16\x03\x01\0\x31",
        b"HELLO there\r\n",
        b"\0",
        b"GET / HTTP/1.1\r\na\r\r\n\r\n",
    ):
        world = World(rule, protocol=Http(), on_data=echo, seed=seed)
        client = world.client()
        client.say(data)
        world.run(lambda client=client, data=data: len(client.heard) >= len(data))  # type: ignore[misc]
        assert bytes(client.heard) == data
        assert world.proxy.gave_up == 1


def test_faults_leave_alone_what_the_backend_says_that_is_not_understood() -> None:
    world = World("error fault=503", protocol=Http())
    client = world.client()
    world.run(lambda: world.backends)
    world.backends[0].say(b"SSH-2.0-x\r\n")
    world.run(lambda: len(client.heard) >= 11)
    assert bytes(client.heard) == b"SSH-2.0-x\r\n"


def test_faults_leave_alone_what_waits_and_is_not_understood_when_they_come() -> None:
    world = World("delay sleep=5", protocol=Http(), on_data=echo, whole=True)
    client = world.client()
    client.say(b"HELLO there\r\n")
    world.run(seconds=1)
    world.apply("delay sleep=5", "error fault=503")
    world.run(lambda: client.heard)
    assert bytes(client.heard) == b"HELLO there\r\n"


def test_links_are_quiet_again_after_a_parser_gave_up() -> None:
    world = World("error fault=BUSY warmup=100", protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"GET a\nGET b\nGET c\n")
    world.run(seconds=1)
    world.backends[0].say(b"BODY x\n")
    world.run(seconds=1)
    world.apply()
    client.say(b"GET d\n")
    world.run(seconds=1)
    world.backends[0].say(b"d\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BODY x\nd\n"
    assert are_quiet(world)


# Framing without links: these record what they are asked to do.


@dataclass
class Notes:
    """A link of a conversation."""

    direction: Direction
    quiet: bool = False
    framing: Framing | None = None
    congested: bool = False
    replies: list[QueuedReply] = field(default_factory=list)
    arrived: list[Decided] = field(default_factory=list)
    resumed: int = 0
    paused: bool = False
    dead: bool = False
    postponed: bool = False

    def arrive(self, decided: list[Decided]) -> None:
        self.arrived += decided

    def reply(self, reply: QueuedReply) -> None:
        self.replies.append(reply)

    def resume(self) -> None:
        self.resumed += 1

    def settle(self) -> None:
        pass

    def catch_up(self) -> None:
        pass

    def update_quiet(self) -> None:
        pass

    def hear(self, data: bytes) -> list[bytes]:
        """Receive bytes, and return the messages that pass."""
        framing = self.framing
        assert framing is not None
        decided = framing.receive(data, 0.0, free=False)
        framing.conversation.after_parsing(self, framing)
        return [message.data for message, decision in decided if not isinstance(decision, Reply)]

    @property
    def state(self) -> State | None:
        return None if self.framing is None else self.framing.state


class Greeted(Lines):
    """``Lines`` in which the backend speaks first."""

    name = "greeted"
    backend_first = True


def conversation(protocol: Lines) -> tuple[Conversation, Notes, Notes]:
    """Return a conversation with its links to the backend and to the client."""
    links = Notes(Direction.TO_BACKEND), Notes(Direction.TO_CLIENT)
    decisions = Decisions(World(protocol=protocol).proxy, Stage(protocol))
    return Conversation(1, protocol, decisions, *links), *links


def test_a_framing_passes_messages_from_its_first_byte_on() -> None:
    _, to_backend, to_client = conversation(Lines())
    assert (to_backend.state, to_client.state) == (State.START, State.START)
    assert to_backend.hear(b"GET a\nGE") == [b"GET a\n"]
    assert (to_backend.state, to_client.state) == (State.PASSING, State.START)
    assert to_backend.hear(b"T b\n") == [b"GET b\n"]


def test_a_framing_discards_what_its_protocol_has_replied_to_and_then_passes_on() -> None:
    talk, to_backend, _ = conversation(Lines(hides="x"))
    assert talk.protocol.adjusting
    heard = [
        (to_backend.hear(data), to_backend.state) for data in (b"PUT 6 x\nabc", b"d", b"efGET b\n")
    ]
    assert heard == [
        ([], State.DISCARDING),
        ([], State.DISCARDING),
        ([b"GET b\n"], State.PASSING),
    ]


@pytest.mark.parametrize("greeted", [True, False])
def test_a_client_that_speaks_before_the_backend_is_not_understood(greeted: bool) -> None:
    talk, to_backend, to_client = conversation(Greeted())
    if greeted:
        to_client.hear(b"!hello\n")
    assert talk.backend_spoke is greeted
    assert to_backend.hear(b"GET a\n") == [b"GET a\n"]
    assert (to_backend.framing is not None) is greeted
    assert talk.exchanges.opaque is not greeted


def test_a_framing_that_fails_passes_all_it_has_and_ends_the_other() -> None:
    _, to_backend, to_client = conversation(Lines())
    to_client.hear(b"!ne")
    framing = to_backend.framing
    assert framing is not None
    assert to_backend.hear(b"GET a\nPUT x\nGET b\n") == [b"GET a\n", b"PUT x\nGET b\n"]
    assert isinstance(framing.failure, ProtocolError | ValueError)
    assert (to_backend.framing, to_client.framing) == (None, None)
    assert [message.data for message, _ in to_client.arrived] == [b"!ne"]


class Broken(Lines):
    """Its parser of requests fails before it has taken anything."""

    name = "test-framing-broken"
    raises = False

    def requests(self, stream: Stream) -> Parser:
        if self.raises:
            raise RuntimeError("broken")
        return None  # type: ignore[return-value] # as a plugin without annotations may


@pytest.mark.parametrize("raises", [False, True])
def test_a_parser_that_is_none_fails_with_the_first_bytes(raises: bool) -> None:
    protocol = Broken()
    protocol.raises = raises
    _, to_backend, to_client = conversation(protocol)
    framing = to_backend.framing
    assert framing is not None
    assert to_backend.hear(b"GET a\nGET b\n") == [b"GET a\nGET b\n"]
    assert isinstance(framing.failure, RuntimeError if raises else TypeError)
    assert (to_backend.framing, to_client.framing) == (None, None)


def test_what_was_sent_ahead_is_no_part_of_the_message_any_more() -> None:
    _, to_backend, _ = conversation(Lines())
    framing = to_backend.framing
    assert framing is not None
    assert to_backend.hear(b"GE") == []
    assert not framing.in_message
    assert framing.send_ahead() == b"GE"
    assert framing.in_message
    assert framing.send_ahead() == b""
    assert to_backend.hear(b"T a\n") == [b"T a\n"]
    assert not framing.in_message


def test_replies_are_sent_between_responses_and_never_inside() -> None:
    talk, to_backend, to_client = conversation(Lines())
    to_backend.hear(b"GET a\nMINE\n")
    talk.exchanges.expect_response(1)
    talk.reply(2, b"mine\n")
    assert to_client.replies == []
    assert to_client.hear(b"BODY 3\na") == [b"BODY 3\na"]
    assert to_client.replies == []
    to_client.hear(b"bc")
    assert to_client.replies == [b"mine\n"]


def test_a_client_is_read_again_when_the_replies_that_kept_it_have_left() -> None:
    talk, to_backend, to_client = conversation(Lines())
    to_backend.hear(b"GET a\nMINE\n")
    talk.exchanges.expect_response(1)
    talk.reply(2, b"mine\n")
    to_backend.congested = True
    to_client.hear(b"BODY 3\na")
    talk.send_due_replies()
    assert to_backend.resumed == 0
    to_backend.congested = False
    to_client.hear(b"bc")
    assert to_backend.resumed == 1


# Beginnings: what has come of a message before its parser can begin it.


def heard_of(rule: str, *said: bytes, protocol: Protocol | None = None) -> tuple[World, list[int]]:
    """Return a world, and how many bytes its backend had after each piece of a client's."""
    on_data = answer if protocol is None else None
    world = World(rule, protocol=protocol or Lines(), on_data=on_data, whole=True)
    client, sizes = world.client(), []
    for data in said:
        client.say(data)
        world.run(seconds=2)
        sizes.append(len(world.backends[0].heard))
    return world, sizes


HEAD = b"GET /a HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n"


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        ("error fault=BUSY command=PUT", [4, 5, 6]),
        ("hang key=b", [0, 0, 6]),
        ("hang command=PUT key=b", [4, 5, 6]),
        ("hang after=1", [4, 5, 6]),
        ("hang percent=0", [4, 5, 6]),
        ("hang answer=GET", [4, 5, 6]),
        ("hang direction=to_client", [4, 5, 6]),
        ("hang scope=connection percent=0", [4, 5, 6]),
        ("hang scope=connection", [0, 0, 0]),
        ("hang command=GET", [0, 0, 0]),
        ("delay sleep=1", [0, 0, 6]),
        ("error fault=BUSY", [0, 0, 0]),
    ],
)
def test_the_beginning_of_a_message_waits_only_for_rules_that_may_act(
    rule: str, sizes: list[int]
) -> None:
    world, heard = heard_of(rule, b"GET ", b"a", b"\n")
    assert heard == [size if size != 4 else 0 for size in sizes]
    assert world.proxy.tally.exchanges == {"GET": 1}


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        ("error fault=503 path=/b", [17, 26, 28]),
        ("error fault=503 method=PUT", [17, 26, 28]),
        ("error fault=503 host=y", [0, 26, 28]),
        ("error fault=503 host=x", [0, 0, 0]),
        ("error fault=503 path=/a", [0, 0, 0]),
        ("error fault=503 status=404", [17, 26, 28]),
    ],
)
def test_a_head_of_http_passes_as_soon_as_no_rule_can_act(rule: str, sizes: list[int]) -> None:
    _, heard = heard_of(rule, *HEAD, protocol=Http())
    assert heard == sizes


def test_what_passes_before_its_end_counts_as_one_exchange() -> None:
    world = World("delay sleep=1 every=2", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    for data in (b"GET a", b"b", b"c\nGET d", b"\n", b"GET e", b"f\n"):
        client.say(data)
        world.run(seconds=3)
    assert world.fired == [(1, 2, "delay")]
    assert bytes(client.heard) == b"GET abc\nGET d\nGET ef\n"
    assert world.proxy.tally.exchanges == {"GET": 3}
    assert world.proxy.tally.latency.count == 3


@pytest.mark.parametrize("key", ["ab", "a"])
def test_rules_see_all_labels_of_what_has_passed_before_its_end(key: str) -> None:
    world, heard = heard_of(f"hang key={key} answer=GET", b"GET a", b"b\n")
    assert heard == [5, 7]
    assert bool(world.fired) is (key == "ab")


@pytest.mark.parametrize(
    ("rule", "first"),
    [("hang answer=BODY", b""), ("hang answer=NO", b"GET a"), ("hang key=x", b"GET a")],
)
def test_the_beginning_of_a_response_waits_only_for_rules_that_may_act(
    rule: str, first: bytes
) -> None:
    world = World(rule, protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"GET a\n")
    world.run(lambda: world.backends)
    world.backends[0].say(first or b"BODY 3")
    world.run(seconds=1)
    assert bytes(client.heard) == first


def test_a_reply_does_not_come_inside_a_response_that_has_begun_to_pass() -> None:
    world, client = awaiting_mine()
    world.backends[0].say(b"GET a")
    world.run(seconds=1)
    assert bytes(client.heard) == b"GET a"
    world.backends[0].say(b"\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"GET a\nmine\n"


def test_a_rule_that_comes_in_the_middle_of_a_beginning_lets_the_rest_pass() -> None:
    world = World("hang command=PUT", protocol=Lines(), whole=True)
    client = world.client()
    client.say(b"GET a")
    world.run(seconds=1)
    world.apply("hang command=GET")
    client.say(b"b")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == b"GET ab"


@pytest.mark.parametrize("pieces", [1, 2, 5, 12])
@pytest.mark.parametrize("data", [b"HELLO there\r\n", b"GET / HTTP/1.1\r\nHost: a\r\na\r\r\n\r\n"])
def test_what_is_not_understood_is_one_exchange_however_it_arrives(
    data: bytes, pieces: int
) -> None:
    world = World(
        "hang direction=to_client",
        "error fault=503 path=/x",
        protocol=Http(),
        whole=True,
    )
    client = world.client()
    step = -(-len(data) // pieces)
    for start in range(0, len(data), step):
        client.say(data[start : start + step])
        world.run(seconds=1)
    client.say(b"more")
    world.run(seconds=1)
    assert bytes(world.backends[0].heard) == data + b"more"
    assert world.fired == [(1, 1, "hang")]
    assert world.proxy.gave_up == 1


@pytest.mark.parametrize(
    "data", [b"GET /" + b"x" * 9000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 6000]
)
def test_no_rule_makes_a_server_wait_for_a_head_that_it_does_not_take(data: bytes) -> None:
    world, (heard,) = heard_of("delay sleep=1", data, protocol=Http())
    assert heard == len(data)
    assert world.proxy.gave_up == 1
    world, (heard,) = heard_of("error fault=503 method=PUT", data, protocol=Http())
    assert heard == len(data)
    assert world.proxy.gave_up == 0


def greet(peer: Peer, data: bytes) -> None:
    """An SMTP server that accepts each line."""
    lines = bytes(peer.heard).count(b"\n") - getattr(peer, "answered", 0)
    peer.answered = bytes(peer.heard).count(b"\n")  # type: ignore[attr-defined]
    peer.say(b"250 ok\r\n" * lines)


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        ("error fault=451 verb=MAIL", [5, 8, 10]),
        ("error fault=451 address=x", [5, 8, 10]),
        ("error fault=451 verb=RCPT", [5, 8, 10]),
        ("error fault=451 verb=NOOP", [0, 0, 0]),
        ("error fault=451 code=550", [5, 8, 10]),
    ],
)
def test_a_command_of_smtp_passes_as_soon_as_no_rule_can_act(rule: str, sizes: list[int]) -> None:
    world = World(rule, protocol=Smtp(), on_data=greet, whole=True)
    client, heard = world.client(), []
    world.run(lambda: world.backends)
    for greeting in (b"220-wait\r\n", b"220 x\r\n"):
        world.backends[0].say(greeting)
        world.run(seconds=1)
        assert bytes(client.heard).endswith(greeting)
    for data in (b"NOOP ", b"abc", b"\r\n"):
        client.say(data)
        world.run(seconds=1)
        heard.append(len(world.backends[0].heard))
    assert heard == sizes


def test_a_nul_in_pieces_is_in_the_same_exchange_as_what_follows() -> None:
    for pieces in ([b"EHLO x\0y\r\n"], [b"EHL", b"O x", b"\0y\r", b"\n"]):
        world = World("delay sleep=0", protocol=Smtp(), whole=True)
        client = world.client()
        world.run(lambda: world.backends)  # noqa: B023 - called here
        world.backends[0].say(b"220 x\r\n")
        world.run(seconds=1)
        before = len(world.fired)
        for data in pieces:
            client.say(data)
            world.run(seconds=1)
        assert world.fired[before:] == [(1, 1, "delay")]


class OfRest(Behavior):
    """Replies to what continues a request; the request itself passes."""

    name = "test-framing-of-rest"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Reply(b"rest\n") if message.continues else Forward(message)


registry.register(OfRest)


@pytest.mark.parametrize(
    "steps", [[b"GET a\nAND b\nGET c\n"], [b"GET a\n", b"AND b\n", b"GET c\n"]]
)
def test_what_continues_a_request_is_answered_after_the_request(steps: list[bytes]) -> None:
    world = World("test-framing-of-rest", protocol=Lines(), on_data=answer, whole=True)
    client = world.client()
    for step in steps:
        client.say(step)
        world.run(seconds=1)
    assert bytes(client.heard) == b"GET a\nrest\nGET c\n"
