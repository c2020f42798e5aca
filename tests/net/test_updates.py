"""Rules that are updated under traffic: what they have counted, decided and hold goes on."""

from __future__ import annotations

import pytest

from lines import Lines
from scenario import Peer, World, echo
from vaurien.net.actor import BATCH


def served(world: World) -> tuple[Peer, Peer]:
    """Return a client and its backend."""
    client = world.client()
    world.run(lambda: bool(world.backends), seconds=100)
    return client, world.backends[-1]


def ends_at(world: World, peer: Peer) -> float:
    world.run(lambda: bool(peer.ended), seconds=1000)
    assert peer.ended
    return world.system.time


# What a rule has decided.


@pytest.mark.parametrize(
    "other",
    [
        "delay sleep=8 percent=0",
        "delay sleep=8 times=1",
        "delay sleep=8 after=5",
        "delay sleep=8 mix=m percent=0",
        "delay sleep=8 scope=connection percent=0",
    ],
)
@pytest.mark.parametrize("framed", [False, True])
def test_what_a_rule_holds_stays_its_own_though_it_would_not_choose_it_now(
    other: str, *, framed: bool
) -> None:
    world = World("delay sleep=5", on_data=echo, whole=True, protocol=Lines() if framed else None)
    client, _ = served(world)
    client.say(b"GET 1\n")
    world.run(seconds=1)
    world.apply(other)
    world.run(lambda: bool(client.heard), seconds=100)
    assert client.heard_at == [pytest.approx(8)]
    client.say(b"GET 2\n")
    world.run(seconds=0.1)
    assert b"2" in client.heard


def test_a_match_is_no_reason_to_let_go() -> None:
    world = World("hang key=a", on_data=echo, whole=True, protocol=Lines())
    client, backend = served(world)
    client.say(b"GET a\n")
    world.run(seconds=1)
    world.apply("hang key=b")
    world.run(seconds=10)
    assert not backend.heard
    world.apply()
    world.run(seconds=1)
    client.say(b"GET a\nGET b\n")
    world.apply("hang key=b")
    world.run(seconds=1)
    assert bytes(backend.heard) == b"GET a\nGET a\n"


@pytest.mark.parametrize("framed", [False, True])
def test_a_rule_that_is_paused_lets_go_of_what_it_holds(*, framed: bool) -> None:
    world = World("hang", on_data=echo, whole=True, protocol=Lines() if framed else None)
    client, backend = served(world)
    client.say(b"GET 1\n")
    world.run(seconds=1)
    assert not backend.heard
    world.apply("hang paused=true")
    world.run(seconds=1)
    assert b"1" in client.heard
    world.apply("hang")
    client.say(b"GET 2\n")
    world.run(seconds=1)
    assert bytes(backend.heard) == b"GET 1\n"


def test_another_direction_lets_go_of_what_it_leaves_alone() -> None:
    world = World("hang", whole=True)
    client, backend = served(world)
    client.say(b"question")
    backend.say(b"news")
    world.run(seconds=1)
    world.apply("hang direction=to_client")
    world.run(seconds=1)
    assert (bytes(backend.heard), bytes(client.heard)) == (b"question", b"")


def test_another_direction_leaves_the_rest_of_a_message_alone() -> None:
    world = World("latency delay=1", protocol=Lines(), whole=True)
    client, backend = served(world)
    client.say(b"PUT 6\nabc")
    world.run(seconds=2)
    world.apply("latency delay=1 direction=to_client")
    client.say(b"def")
    world.run(seconds=0.1)
    assert bytes(backend.heard) == b"PUT 6\nabcdef"


@pytest.mark.parametrize("behavior", ["timeout lifetime=5 data=pass", "reset seconds=5"])
@pytest.mark.parametrize("told", [False, True])
def test_an_open_connection_is_drawn_for_again_where_it_was_not_chosen(
    behavior: str, *, told: bool
) -> None:
    world = World(f"{behavior} percent=0", on_data=echo)
    client, _ = served(world)
    world.run(seconds=2)
    world.apply(f"{behavior} percent=100")
    if told:
        client.say(b"hello")
    assert ends_at(world, client) == pytest.approx(7)
    assert len(world.fired) == 1


def test_a_match_stops_what_acted_on_the_whole_connection() -> None:
    world = World("reset seconds=5", on_data=echo, whole=True, protocol=Lines())
    client, _ = served(world)
    world.apply("reset seconds=5 key=x")
    client.say(b"GET y\n")
    world.run(seconds=20)
    assert bytes(client.heard) == b"GET y\n"
    client.say(b"GET x\n")
    world.run(seconds=6)
    assert client.ended == "reset"


# What a rule holds, and when it lets go.


@pytest.mark.parametrize(("then", "ended"), [("fin", "fin"), ("rst", "reset")])
def test_a_response_that_stalls_breaks_off_under_new_values(then: str, ended: str) -> None:
    world = World("partial-reply bytes=3", whole=True)
    client, backend = served(world)
    client.say(b"question")
    world.run(seconds=1)
    backend.say(b"0123456789")
    world.run(seconds=1)
    assert bytes(client.heard) == b"012"
    world.apply("partial-reply bytes=7")
    world.run(seconds=1)
    assert bytes(client.heard) == b"0123456"
    world.apply(f"partial-reply bytes=7 then={then}")
    world.run(seconds=1)
    assert (bytes(client.heard), client.ended) == (b"0123456", ended)


@pytest.mark.parametrize("filler", [b"ab", b"\0\0"])
@pytest.mark.parametrize("last", ["lifted", "fraction=1", "bytes=1000"])
def test_of_pieces_that_are_kept_nothing_is_lost_by_updates(filler: bytes, last: str) -> None:
    answer = b"x " + 100 * filler + b"\n"
    world = World("partial-reply fraction=0.1", protocol=Lines())
    client, backend = served(world)
    client.say(b"GET 1\n")
    world.run(seconds=1)
    for cut in range(0, len(answer), 20):
        backend.say(answer[cut : cut + 20])
        world.run(seconds=0.1)
    assert len(client.heard) == int(len(answer) * 0.1)
    for fraction in (0.1, 0.05, 0.5, 0.2):
        world.apply(f"partial-reply fraction={fraction}")
        world.run(seconds=1)
    assert len(client.heard) == int(len(answer) * 0.5)
    world.apply(*([] if last == "lifted" else [f"partial-reply {last}"]))
    world.run(seconds=1)
    assert bytes(client.heard) == answer


def test_half_an_error_becomes_the_whole_of_the_same_error() -> None:
    world = World("error fault=UNDONE", on_data=echo, whole=True, protocol=Lines())
    client, backend = served(world)
    backend.on_data = None
    client.say(b"GET 1\n")
    world.run(seconds=1)
    assert bytes(backend.heard) == b"UNDO\n"
    world.apply("error fault=BUSY")
    backend.say(b"done\n")
    world.run(seconds=1)
    client.say(b"GET 2\n")
    world.run(seconds=1)
    assert bytes(client.heard) == b"UNDONE\nBUSY no\n"
    assert [exchange for _, exchange, _ in world.fired] == [1, 2]


def test_an_error_that_was_counted_stays_counted() -> None:
    world = World("transient agitate=2", on_data=echo, whole=True, protocol=Lines())
    client, _ = served(world)
    for number in range(4):
        client.say(b"GET %d\n" % number)
        world.run(seconds=1)
        if number == 0:
            world.apply("transient agitate=3")
    assert [line[:4] == b"BUSY" for line in client.heard.splitlines()] == [True] * 3 + [False]


def arrival(rule: str, *updates: str, moment: float = 0.01) -> float:
    """Return when a message arrives that a rule delays, and that updates of the rule meet."""
    world = World(rule, whole=True, seed=3)
    client, backend = served(world)
    for update in updates:
        if not update:
            client.say(b"x")
            world.run(lambda: bool(backend.heard), seconds=1000)
    begun = world.system.time
    heard = len(backend.heard)
    client.say(bytes(10_000))
    for update in updates:
        if update:
            world.run(seconds=moment)
            world.apply(update)
    world.run(lambda: len(backend.heard) == heard + 10_000, seconds=1000)
    return world.system.time - begun


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ("packet-loss loss=60 rto=1 rtt=1", "packet-loss loss=60 rto=2 rtt=2"),
        ("packet-loss loss=60 rto=1 rtt=1", "packet-loss loss=0 rto=2 rtt=2"),
        ("latency delay=5 jitter=3", "latency delay=10 jitter=6"),
        ("latency delay=5 jitter=3 distribution=normal", "latency delay=5 jitter=3"),
    ],
)
def test_what_was_drawn_for_a_message_is_drawn_once(rule: str, other: str) -> None:
    before = arrival(rule)
    assert before > 0.1
    if other.startswith("packet-loss") or "10" in other:
        assert arrival(rule, other) == pytest.approx(2 * before)
    assert arrival(rule, other, rule) == pytest.approx(before)
    assert arrival(rule, f"{rule} percent=50", rule) == pytest.approx(before)


@pytest.mark.parametrize(("patience", "at"), [(4, 4), (20, 20), (0.5, 1)])
def test_a_chunk_to_be_overtaken_waits_as_long_as_the_rule_says_now(
    patience: float, at: float
) -> None:
    world = World("reorder patience=10", whole=True)
    client, backend = served(world)
    begun = world.system.time
    client.say(b"first")
    world.run(seconds=1)
    world.apply(f"reorder patience={patience}")
    world.run(lambda: bool(backend.heard), seconds=100)
    assert world.system.time - begun == pytest.approx(at, abs=0.01)


def test_a_chunk_to_be_overtaken_is_overtaken_after_an_update_too() -> None:
    world = World("reorder patience=10", whole=True)
    client, backend = served(world)
    client.say(b"first")
    world.run(seconds=1)
    world.apply("reorder patience=20")
    world.run(seconds=1)
    world.apply("reorder patience=20 chance=50")
    world.run(seconds=11)
    client.say(b"second")
    world.run(seconds=1)
    assert bytes(backend.heard) == b"secondfirst"


@pytest.mark.parametrize("keeps", ["hang", "reorder patience=60", "latency delay=60"])
@pytest.mark.parametrize("rule", ["hang name=other", "limit-data bytes=3", "delay sleep=600"])
def test_new_rules_act_on_what_was_held_in_both_directions(keeps: str, rule: str) -> None:
    """Both belong to one exchange, which is decided on once."""
    world = World(keeps, whole=True)
    client, backend = served(world)
    client.say(b"question")
    world.run(seconds=1)
    backend.say(b"answer")
    world.run(seconds=1)
    direction = "direction=to_client" if rule.startswith("hang") else ""
    world.apply(f"{rule} {direction}")
    world.run(seconds=1)
    expected = {"hang": b"question", "limit-data": b"que", "delay": b""}[rule.split()[0]]
    assert bytes(backend.heard) == expected
    assert bytes(client.heard) == (b"answer" if rule.startswith("delay") else b"")


@pytest.mark.parametrize("size", [150, 100, 50])
def test_a_reset_comes_when_the_rule_says_now(size: int) -> None:
    world = World("reset bytes=100 seconds=30 direction=to_backend", whole=True)
    client, backend = served(world)
    client.say(bytes(size))
    world.run(seconds=5)
    world.apply("reset bytes=120 seconds=10 direction=to_backend")
    world.run(seconds=1)
    client.say(bytes(100))
    world.run(seconds=1)
    assert len(backend.heard) == 120
    assert not client.ended
    world.run(seconds=20)
    assert (client.ended, len(backend.heard)) == ("reset", 120)


@pytest.mark.parametrize(("update", "at"), [("seconds=10", 10), ("seconds=50", 50)])
def test_a_reset_of_an_idle_connection_counts_from_when_it_counted(update: str, at: float) -> None:
    world = World("reset seconds=30")
    client, _ = served(world)
    world.run(seconds=5)
    world.apply(f"reset {update}")
    world.run(seconds=1)
    world.apply(f"reset {update} percent=0")
    assert ends_at(world, client) == pytest.approx(at)


# Where there is no message.


@pytest.mark.parametrize(
    ("before", "after", "at"),
    [
        ("lifetime=10", "lifetime=20", 20),
        ("lifetime=20", "lifetime=10", 10),
        ("lifetime=20", "lifetime=3", 5),
        ("lifetime=20", "lifetime=20 idle=7", 7),
        ("data=pass", "lifetime=9 data=pass", 9),
        ("data=drop", "lifetime=9 data=drop", 9),
        ("lifetime=20 data=drop", "lifetime=10 data=pass", 10),
    ],
)
def test_a_timeout_counts_on_when_it_is_updated(before: str, after: str, at: float) -> None:
    world = World(f"timeout {before}")
    client, _ = served(world)
    world.run(seconds=5)
    world.apply(f"timeout {after}")
    assert ends_at(world, client) == pytest.approx(at, abs=0.01)


@pytest.mark.parametrize("other", ["data=pass", "direction=to_client"])
@pytest.mark.parametrize("drops", [True, False])
def test_peers_out_of_step_are_not_served_again(other: str, *, drops: bool) -> None:
    world = World("timeout", whole=True)
    client, backend = served(world)
    if drops:
        client.say(b"lost")
    world.run(seconds=1)
    world.apply(f"timeout {other}")
    client.say(b"more")
    world.run(seconds=1)
    assert bytes(backend.heard) == (b"" if drops else b"more")
    assert bool(client.ended) is drops


@pytest.mark.parametrize(
    ("after", "at"),
    [("delay=4", 4), ("delay=20", 20), ("delay=1", 2), ("delay=4 percent=0", 4)],
)
def test_a_client_is_accepted_when_the_rule_says_now(after: str, at: float) -> None:
    world = World("slow-accept delay=10")
    world.client()
    world.run(seconds=2)
    world.apply(f"slow-accept {after}")
    world.run(lambda: bool(world.backends), seconds=100)
    assert world.system.time == pytest.approx(at, abs=0.01)


def test_a_silent_server_stays_silent_whom_else_it_may_serve() -> None:
    world = World("accept-then-silence")
    world.client()
    world.run(seconds=2)
    world.apply("accept-then-silence percent=0")
    world.run(seconds=2)
    assert not world.backends
    served(world)
    world.apply()
    world.run(seconds=2)
    assert len(world.backends) == 2


@pytest.mark.parametrize(("after", "at"), [("how=timeout timeout=4", 4), ("how=refused", 2)])
def test_a_backend_fails_as_the_rule_says_now(after: str, at: float) -> None:
    world = World("no-backend how=timeout timeout=10")
    client = world.client()
    world.run(seconds=2)
    world.apply(f"no-backend {after}")
    assert ends_at(world, client) == pytest.approx(at, abs=0.01)
    assert len(world.fired) == 1


@pytest.mark.parametrize("closing", ["", "limit-data bytes=1"])
@pytest.mark.parametrize(("after", "at"), [("4", 4), ("20", 20), ("1", 2), ("4 percent=0", 4)])
def test_an_end_is_passed_on_when_the_rule_says_now(closing: str, after: str, at: float) -> None:
    first = [closing] if closing else []
    world = World(*first, "slow-close delay=10", whole=True)
    client, backend = served(world)
    begun = world.system.time
    client.say(b"x", finish=not closing)
    world.run(seconds=2)
    world.apply(*first, f"slow-close delay={after}")
    assert ends_at(world, backend) - begun == pytest.approx(at, abs=0.01)


def test_an_end_passes_a_rule_that_acts_in_the_other_direction_now() -> None:
    world = World("half-open")
    client, backend = served(world)
    client.finish()
    world.run(seconds=2)
    world.apply("half-open direction=to_client")
    world.run(seconds=2)
    assert backend.ended == "fin"


# What waits gives no credit.


def pour(world: World) -> Peer:
    """Return a client to which a backend sends without end."""
    client, backend = served(world)
    backend.say(bytes(5_000_000))
    return client


@pytest.mark.parametrize("rate", ["rate=100000", "rate=100000 shared=true"])
def test_an_updated_line_gives_no_second_burst(rate: str) -> None:
    world = World(f"bandwidth {rate} burst=50000", whole=True)
    client = pour(world)
    for number in range(10):
        world.run(seconds=0.1)
        world.apply(f"bandwidth {rate} burst={50_000 + number}")
    assert len(client.heard) == pytest.approx(50_000 + 100_000, abs=5_000)


def test_all_that_waits_for_a_shared_line_is_placed_anew() -> None:
    world = World("bandwidth rate=1 shared=true", on_data=echo, whole=True)
    clients = [world.client() for _ in range(100)]
    for client in clients:
        client.say(b"x")
    world.run(seconds=1.5)  # the last has its place after 100 seconds
    world.apply("bandwidth rate=1000 shared=true")
    world.run(seconds=1)
    assert all(client.heard == b"x" for client in clients)


def test_a_smaller_burst_owes_nothing() -> None:
    world = World("bandwidth rate=1000 burst=50000", whole=True)
    client = pour(world)
    world.run(seconds=1)
    before = len(client.heard)
    world.apply("bandwidth rate=10000")
    world.run(seconds=1)
    assert len(client.heard) - before == pytest.approx(10_000, abs=1500)


@pytest.mark.parametrize(
    "spacing",
    ["bandwidth rate=100000", "bandwidth rate=100000 shared=true", "slicer size=1000 delay=0.01"],
)
@pytest.mark.parametrize("stop", ["hang", "reader"])
@pytest.mark.parametrize("between", [[], ["latency delay=0.2"]])
def test_what_could_not_leave_gives_no_credit(spacing: str, stop: str, between: list[str]) -> None:
    rules = [f"{spacing} direction=to_client", *between]
    world = World(*rules, whole=True)
    client = pour(world)
    world.run(seconds=1)
    if stop == "hang":
        world.apply(*rules, "hang direction=to_client")
    else:
        client.read(wanted=False)
    world.run(seconds=60)
    before = len(client.heard)
    client.read(wanted=True)
    world.apply(*rules)
    world.run(lambda: len(client.heard) > before, seconds=10)
    taken_in = len(client.heard)  # what the systems' buffers had may come at once
    world.run(seconds=1)
    assert len(client.heard) - taken_in < 110_000 + (300_000 if stop == "reader" else 0)
    before = len(client.heard)
    world.run(seconds=5)
    assert len(client.heard) - before == pytest.approx(500_000, rel=0.05)


def test_what_waited_behind_delays_while_a_peer_did_not_read_gives_no_credit() -> None:
    rules = ["delay sleep=1 command=SET", "bandwidth rate=1000 command=PUT direction=to_backend"]
    world = World(*rules, protocol=Lines(), whole=True)
    client, backend = served(world)
    backend.read(wanted=False)
    sets = b"SET %b\n" % bytes(1000).hex().encode() * (BATCH + 1)  # the last waits for the peer
    client.say(sets + b"PUT 5000\n" + bytes(5000))
    world.run(seconds=60)
    backend.read(wanted=True)
    world.run(seconds=4.5)
    assert 4000 < len(backend.heard) - len(sets) < 5000
    world.run(seconds=1)
    assert len(backend.heard) == len(sets) + 5009


def test_a_delay_that_comes_counts_from_then_for_what_waits_behind_others() -> None:
    world = World("hang", protocol=Lines(), whole=True)
    client, backend = served(world)
    client.say(b"GET 1\nPUT 0\n")
    world.run(seconds=60)
    world.apply("delay sleep=1 command=PUT name=other")
    world.run(seconds=0.9)
    assert bytes(backend.heard) == b"GET 1\n"
    world.run(seconds=0.2)
    assert bytes(backend.heard) == b"GET 1\nPUT 0\n"


# Rules that come while a message of a framed protocol is held.


def test_rules_that_come_act_on_what_a_lifted_rule_has_held() -> None:
    world = World("hang", on_data=echo, whole=True, protocol=Lines())
    client, backend = served(world)
    client.say(b"GET 1\nGET 2\n")
    world.run(seconds=1)
    world.apply("error fault=BUSY name=other")
    world.run(seconds=1)
    assert bytes(client.heard) == b"BUSY no\nBUSY no\n"
    assert not backend.heard


@pytest.mark.parametrize("order", [1, -1])
def test_rules_that_stay_act_on_it_as_they_had_decided(order: int) -> None:
    rules = ["hang", "delay sleep=3 times=1", "error fault=BUSY times=1 name=busy"][::order]
    world = World(*rules, on_data=echo, whole=True, protocol=Lines())
    client, _ = served(world)
    client.say(b"GET 1\n")
    world.run(seconds=1)
    world.apply(*[rule for rule in rules if rule != "hang"])
    world.run(seconds=10)
    assert (bytes(client.heard), len(world.fired)) == (b"BUSY no\n", 3)


def test_a_message_of_which_a_part_has_passed_is_left_to_the_rules_it_had() -> None:
    world = World("slicer size=4 delay=1", on_data=echo, whole=True, protocol=Lines())
    client, backend = served(world)
    client.say(b"GET 123456\nGET 2\n")
    world.run(seconds=0.5)
    assert bytes(backend.heard) == b"GET "
    world.apply("error fault=BUSY direction=to_backend")
    world.run(seconds=1)
    assert bytes(backend.heard) == b"GET 123456\n"
    assert bytes(client.heard) == b"GET 123456\nBUSY no\n"


def test_a_rule_that_is_added_leaves_the_message_that_waits_alone() -> None:
    world = World("delay sleep=5", on_data=echo, whole=True, protocol=Lines())
    client, _ = served(world)
    client.say(b"GET 1\nGET 2\n")
    world.run(seconds=1)
    world.apply("delay sleep=5", "error fault=BUSY direction=to_backend")
    world.run(seconds=10)
    assert bytes(client.heard) == b"GET 1\nBUSY no\n"
