"""A real redis behind each of its faults, as redis-py and bare sockets see it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import pytest
from redis import Connection, Redis
from redis import exceptions as errors
from redis._parsers import BaseParser, _HiredisParser, _RESP2Parser, _RESP3Parser
from redis.backoff import NoBackoff
from redis.client import Pipeline, PubSub
from redis.retry import Retry

from end_to_end.proxies import RunningProxy, StartProxy, make_plan
from peers import PATIENCE, connect, receive_until_fin
from redis_talk import Client, ask, call, command
from vaurien.errors import OptionError
from vaurien.net.address import Address
from vaurien.protocols.redis.fault_types import ErrorReply
from vaurien.protocols.redis.faults import CATALOGUE
from vaurien.protocols.redis.parser import Redis as Protocol
from vaurien.protocols.redis.session import slot_of

PARSERS: dict[str, tuple[int, type[BaseParser]]] = {
    "RESP2": (2, _RESP2Parser),
    "RESP3": (3, _RESP3Parser),
    "RESP2, hiredis": (2, _HiredisParser),
    "RESP3, hiredis": (3, _HiredisParser),
}


@dataclass(frozen=True)
class Case:
    """What meets a fault, and what redis-py makes of it."""

    words: str
    raises: type[Exception]
    says: str = ""
    """What is in the text of the exception."""


RESPONSE_ERROR = errors.ResponseError
SET, GET, MGET = "SET key value", "GET key", "MGET key other"
XADD_GROUP = "XGROUP CREATE stream group $ MKSTREAM"
CASES = {
    "LOADING": Case(GET, errors.BusyLoadingError, "loading the dataset"),
    "BUSY": Case(GET, RESPONSE_ERROR, "BUSY Redis is busy running a script"),
    "busy-function": Case(GET, RESPONSE_ERROR, "FUNCTION KILL"),
    "OOM": Case(SET, errors.OutOfMemoryError, "maxmemory"),
    "MISCONF": Case(SET, RESPONSE_ERROR, "MISCONF Redis is configured to save"),
    "aof-error": Case(SET, RESPONSE_ERROR, "MISCONF Errors writing to the AOF"),
    "max-clients": Case(GET, errors.ConnectionError, "max number of clients reached"),
    "DENIED": Case(GET, RESPONSE_ERROR, "protected mode"),
    "protocol-error": Case(GET, RESPONSE_ERROR, "invalid bulk length"),
    "READONLY": Case(SET, errors.ReadOnlyError, "read only replica"),
    "NOREPLICAS": Case(SET, RESPONSE_ERROR, "NOREPLICAS Not enough good replicas"),
    "MASTERDOWN": Case(GET, errors.MasterDownError, "Link with MASTER is down"),
    "NOMASTERLINK": Case("PSYNC ? -1", RESPONSE_ERROR, "NOMASTERLINK"),
    "UNBLOCKED": Case("BLPOP list 0", RESPONSE_ERROR, "UNBLOCKED force unblock"),
    "client-unblocked": Case("BLPOP list 0", RESPONSE_ERROR, "via CLIENT UNBLOCK"),
    "NOAUTH": Case(GET, errors.AuthenticationError, "Authentication required"),
    "WRONGPASS": Case("AUTH user secret", errors.AuthenticationError, "invalid username"),
    "no-password": Case("AUTH secret", errors.AuthenticationError, "without any password"),
    "NOPERM": Case(GET, errors.NoPermissionError, "run the 'get' command"),
    "no-key-permission": Case(GET, errors.NoPermissionError, "one of the keys"),
    "NOPROTO": Case("HELLO 3", RESPONSE_ERROR, "NOPROTO"),
    "MOVED": Case(GET, errors.MovedError),
    "ASK": Case(GET, errors.AskError),
    "TRYAGAIN": Case(MGET, errors.TryAgainError),
    "CROSSSLOT": Case(MGET, errors.ClusterCrossSlotError),
    "CLUSTERDOWN": Case(GET, errors.ClusterDownError, "The cluster is down"),
    "slot-not-served": Case(GET, errors.ClusterDownError, "Hash slot not served"),
    "cluster-read-only": Case(SET, errors.ClusterDownError, "only accepts read"),
    "WRONGTYPE": Case(GET, RESPONSE_ERROR, "WRONGTYPE"),
    "NOSCRIPT": Case(f"EVALSHA {'0' * 40} 0", errors.NoScriptError),
    "NOTBUSY": Case("SCRIPT KILL", RESPONSE_ERROR, "NOTBUSY"),
    "UNKILLABLE": Case("SCRIPT KILL", RESPONSE_ERROR, "UNKILLABLE"),
    "BUSYGROUP": Case(XADD_GROUP, RESPONSE_ERROR, "BUSYGROUP"),
    "NOGROUP": Case(
        "XREADGROUP GROUP group me STREAMS stream >",
        RESPONSE_ERROR,
        "NOGROUP No such key 'stream' or consumer group 'group'",
    ),
    "BUSYKEY": Case("RESTORE key 0 x", RESPONSE_ERROR, "BUSYKEY"),
    "IOERR": Case("MIGRATE 127.0.0.1 1 key 0 10", RESPONSE_ERROR, "IOERR"),
    "not-an-integer": Case("INCR key", RESPONSE_ERROR, "value is not an integer"),
    "unknown-command": Case(GET, RESPONSE_ERROR, "unknown command 'get'"),
    "EXECABORT": Case("EXEC", errors.ExecAbortError),
    "error": Case(GET, RESPONSE_ERROR, "injected by vaurien"),
}
"""The errors of the catalogue; the other faults have tests of their own."""
OTHERS = {"miss", "watch-failed", "invalidate"}


@pytest.fixture
def start(start_proxy: StartProxy, redis_address: Address) -> Callable[..., RunningProxy]:
    """Starts a proxy for redis, in front of an empty one."""
    with closing(client_of(redis_address)) as client:
        client.flushall()
    return lambda *rules, **named: start_proxy(redis_address, *rules, protocol=Protocol(), **named)


def client_of(
    address: Address,
    protocol: int = 2,
    parser: type[BaseParser] = _RESP2Parser,
) -> Redis:
    """A client that never tries anything twice, and says nothing unasked."""
    client = Redis(
        address.host,
        address.port,
        socket_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
        protocol=protocol,
    )
    client.connection_pool.connection_kwargs["parser_class"] = parser
    client.connection_pool.connection_class = Connection
    return client


@pytest.fixture(params=PARSERS)
def connected(request: pytest.FixtureRequest) -> Callable[[Address], Redis]:
    """Makes clients of one of the parsers."""
    protocol, parser = PARSERS[request.param]
    return lambda address: client_of(address, protocol, parser)


def subscribed(client: Redis) -> PubSub:
    subscription: PubSub = client.pubsub()  # type: ignore[no-untyped-call]  # redis has no types
    return subscription


def rule_for(name: str) -> str:
    return f"error fault={name} command={CASES[name].words.split()[0]} times=1"


def closes(name: str) -> bool:
    fault = CATALOGUE.find(name)
    return isinstance(fault, ErrorReply) and fault.closes


def test_no_fault_is_without_a_test() -> None:
    assert {fault.name for fault in CATALOGUE} == set(CASES) | OTHERS
    assert not set(CASES) & OTHERS


@pytest.mark.parametrize("name", CASES)
def test_clients_raise_their_own_exceptions(
    name: str, start: Callable[..., RunningProxy], connected: Callable[[Address], Redis]
) -> None:
    case = CASES[name]
    proxy = start(rule_for(name))
    with closing(connected(proxy.address)) as client:
        with pytest.raises(case.raises) as raised:
            call(client, *case.words.split())
        assert type(raised.value) is case.raises
        assert case.says in str(raised.value)
        if closes(name):
            client.connection_pool.disconnect()
        assert client.echo("still here") == b"still here"
        assert [event.detail for event in proxy.fired] == [name]


# Faults that are no errors, and what errors may be told.


def test_a_miss(start: Callable[..., RunningProxy], connected: Callable[[Address], Redis]) -> None:
    proxy = start("error fault=miss")
    with closing(connected(proxy.address)) as client:
        assert client.set("key", "value")
        assert client.get("key") is None
        assert client.blpop(["list"], 0) is None
        assert client.exists("key") == 1


def test_a_watch_that_fails(
    start: Callable[..., RunningProxy], connected: Callable[[Address], Redis]
) -> None:
    proxy = start("error fault=watch-failed times=2")
    tries = []

    def increment(pipeline: Pipeline) -> None:
        tries.append(pipeline.get("key"))
        pipeline.multi()
        pipeline.incr("key")

    with closing(connected(proxy.address)) as client:
        assert client.transaction(increment, "key") == [1]
        assert tries == [None, None, None]
        proxy.change("error fault=WatchError")
        pipeline = client.pipeline(transaction=True)
        pipeline.incr("key")
        with pytest.raises(errors.WatchError):
            pipeline.execute()
        proxy.change()
        assert client.get("key") == b"1"


def test_a_push_between_responses(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=invalidate command=GET")
    push = b">2\r\n$10\r\ninvalidate\r\n_\r\n"
    with Client(proxy.address) as client:
        assert client.told("GET key") == b"$-1\r\n"  # no pushes in RESP2
        client.does("HELLO 3", "SET key value")
        assert ask(client.sock, command("GET key")) == [push, b"$5\r\nvalue\r\n"]


def test_an_error_is_told_what_to_say(start: Callable[..., RunningProxy]) -> None:
    proxy = start(
        "error fault=MOVED key=b slot=7 address=other:1",
        "error fault=ASK key=~^c address=other:1",
        "error fault=error key=d code=TEAPOT message=short",
        "error fault=READONLY key=e message=elsewhere blob=true",
    )
    with Client(proxy.address) as client:
        assert client.told("GET b") == b"-MOVED 7 other:1\r\n"
        assert client.told("GET c{b}") == b"-ASK %d other:1\r\n" % slot_of(b"b")
        assert client.told("GET d") == b"-TEAPOT short\r\n"
        assert client.told("SET e 1") == b"-READONLY elsewhere\r\n"
        client.does("HELLO 3")
        assert client.told("SET e 1") == b"!18\r\nREADONLY elsewhere\r\n"
        assert client.told("GET e") == b"_\r\n"


def test_a_typical_error_comes_without_a_name(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error")
    with closing(client_of(proxy.address)) as client:
        seen = set()
        for _ in range(30):
            with pytest.raises(errors.RedisError) as raised:
                client.get("key")
            seen.add(str(raised.value).split()[0])
        assert len(seen) == 3
        assert client.echo("unharmed") == b"unharmed"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("error fault=REDONLY", "did you mean READONLY"),
        ("error fault=READONLY slot=1", "'slot'"),
        ("error fault=MOVED slot=16384", "slot='16384' is not allowed"),
    ],
)
def test_a_rule_that_makes_no_sense(rule: str, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        make_plan(rule, protocol=Protocol)


# Pipelines and transactions.


def test_answers_stay_in_turn(
    start: Callable[..., RunningProxy], connected: Callable[[Address], Redis]
) -> None:
    proxy = start("error fault=OOM key=~7$")
    with closing(connected(proxy.address)) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(300):
            pipeline.set(f"key{number}", number)
            pipeline.get(f"key{number}")
        answers = pipeline.execute(raise_on_error=False)
    for number in range(300):
        stored, found = answers[2 * number : 2 * number + 2]
        if number % 10 == 7:
            assert (type(stored), found) == (errors.OutOfMemoryError, None)
        else:
            assert (stored, found) == (True, b"%d" % number)


def transact(client: Redis) -> list[object]:
    pipeline = client.pipeline(transaction=True)
    pipeline.set("first", 1)
    pipeline.set("second", 2)
    pipeline.get("first")
    answers: list[object] = pipeline.execute(raise_on_error=False)
    return answers


def test_a_refused_command_discards_the_transaction(
    start: Callable[..., RunningProxy],
    connected: Callable[[Address], Redis],
    redis_address: Address,
) -> None:
    proxy = start("error fault=READONLY key=second times=1")
    with closing(connected(proxy.address)) as client, closing(client_of(redis_address)) as direct:
        with pytest.raises(errors.ReadOnlyError):
            transact(client)
        assert direct.exists("first", "second") == 0
        assert transact(client) == [True, True, b"1"]


def test_a_command_that_fails_at_exec(
    start: Callable[..., RunningProxy], connected: Callable[[Address], Redis]
) -> None:
    proxy = start("error fault=WRONGTYPE key=second", "error fault=miss command=GET")
    with closing(connected(proxy.address)) as client:
        stored, failed, missed = transact(client)
        assert stored is True
        assert type(failed) is errors.ResponseError
        assert str(failed).startswith("WRONGTYPE")
        assert missed is None
        proxy.change()
        assert client.mget("first", "second") == [b"1", None]


@pytest.mark.parametrize("fault", ["READONLY", "LOADING", "CLUSTERDOWN", "EXECABORT"])
def test_an_exec_that_fails_leaves_nothing_behind(
    fault: str, start: Callable[..., RunningProxy], redis_address: Address
) -> None:
    proxy = start(f"error fault={fault} command=EXEC access=~. times=1")
    with Client(proxy.address) as client:
        client.does("MULTI", "SET first 1")
        told = client.told("EXEC")
        if fault == "CLUSTERDOWN":
            assert told == b"-CLUSTERDOWN The cluster is down\r\n"
        else:
            assert told.startswith(b"-EXECABORT Transaction discarded because of")
        assert client.told("EXEC") == b"-ERR EXEC without MULTI\r\n"
        assert client.told("GET first") == b"$-1\r\n"


def test_a_multi_that_fails_begins_nothing(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=NOAUTH command=MULTI times=1")
    with Client(proxy.address) as client:
        assert client.told("MULTI") == b"-NOAUTH Authentication required.\r\n"
        assert client.told("SET first 1") == b"+OK\r\n"
        assert client.told("EXEC") == b"-ERR EXEC without MULTI\r\n"


# Connections that are not just questions and answers.


def test_nobody_is_told_who_wants_no_replies(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=READONLY key=harmed")
    requests = ["CLIENT REPLY OFF", "SET harmed 1", "SET other 1", "CLIENT REPLY ON"]
    requests += ["CLIENT REPLY SKIP", "SET harmed 1", "EXISTS harmed other", "QUIT"]
    with connect(proxy.address) as sock:
        sock.sendall(b"".join(map(command, requests)))
        assert receive_until_fin(sock) == b"+OK\r\n:1\r\n+OK\r\n"


def test_replies_can_always_be_asked_for_again(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=error")
    with connect(proxy.address) as sock:
        sock.sendall(b"".join(map(command, ["CLIENT REPLY OFF", "GET key", "CLIENT REPLY ON"])))
        sock.sendall(command("RESET"))
        assert sock.recv(5, 256) == b"+OK\r\n"
        assert sock.recv(8, 256) == b"+RESET\r\n"


def test_subscribers_hear_what_they_should(
    start: Callable[..., RunningProxy],
    connected: Callable[[Address], Redis],
    redis_address: Address,
) -> None:
    proxy = start("error fault=error command=SUBSCRIBE times=1", "error fault=LOADING key=x")
    with (
        closing(connected(proxy.address)) as client,
        closing(client_of(redis_address)) as direct,
        subscribed(client) as listener,
    ):
        listener.subscribe("a", "b")
        with pytest.raises(errors.ResponseError):
            listener.get_message(timeout=PATIENCE)
        listener.subscribe("a", "b")
        kinds = [listener.get_message(timeout=PATIENCE)["type"] for _ in range(2)]
        assert kinds == ["subscribe", "subscribe"]
        for number in range(20):
            direct.publish("ab"[number % 2], str(number))
            listener.ping()
        heard = [listener.get_message(timeout=PATIENCE) for _ in range(40)]
        data = [message["data"] for message in heard if message["type"] == "message"]
        assert data == [b"%d" % number for number in range(20)]
        with pytest.raises(errors.BusyLoadingError):
            client.get("x")


def test_a_client_that_does_not_get_resp3_speaks_resp2(
    start: Callable[..., RunningProxy],
) -> None:
    proxy = start("error fault=NOPROTO", "error fault=miss")
    with Client(proxy.address) as client:
        requests = [command("HELLO 3"), command("GET key")]
        assert client.told("HELLO 3") == b"-NOPROTO unsupported protocol version\r\n"
        assert client.told("GET key") == b"$-1\r\n"
        proxy.change("error fault=miss")
        client.does("HELLO 3")
        assert ask(client.sock, *requests)[-1] == b"_\r\n"


def test_a_moved_slot_is_asked_for_elsewhere(
    start: Callable[..., RunningProxy], redis_address: Address
) -> None:
    proxy = start(f"error fault=MOVED address={redis_address} command=SET")
    with closing(client_of(proxy.address)) as client:
        with pytest.raises(errors.MovedError) as raised:
            client.set("key", "value")
        assert raised.value.slot_id == slot_of(b"key")
        assert (raised.value.host, raised.value.port) == (redis_address.host, redis_address.port)


def test_an_error_that_is_decided_on_late_names_its_request(
    start: Callable[..., RunningProxy],
) -> None:
    proxy = start("error fault=NOPERM error=WRONGTYPE")
    with Client(proxy.address) as client:
        client.does("SET key value")
        assert client.told("LPUSH key x") == (
            b"-NOPERM this user has no permissions to run the 'lpush' command\r\n"
        )
        proxy.change("error fault=MOVED error=WRONGTYPE")
        assert client.told("LPUSH key x") == b"-MOVED %d 127.0.0.1:6379\r\n" % slot_of(b"key")
        client.does("SET \\xff value")
        assert client.told("LPUSH \\xff x") == (b"-MOVED %d 127.0.0.1:6379\r\n" % slot_of(b"\\xff"))


def test_resp3_may_begin_in_a_transaction(start: Callable[..., RunningProxy]) -> None:
    proxy = start("error fault=miss command=GET key=lost")
    with Client(proxy.address) as client:
        client.does("MULTI")
        assert client.told("HELLO 3") == b"+QUEUED\r\n"
        client.told("EXEC")
        assert client.told("GET lost") == client.told("GET none") == b"_\r\n"
        assert not proxy.proxy.gave_up
