"""A real redis behind each behavior, as redis-py and redis-benchmark see it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import RedisError
from redis.retry import Retry

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy
from peers import PATIENCE, connect, is_silent, receive, receive_until_fin, wait_until
from servers import redis_benchmark
from vaurien.net.address import Address

PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"
ERROR_SIZE = 1000
NOISE = 100


@contextmanager
def redis_client(address: Address, timeout: float = PATIENCE) -> Iterator[Redis]:
    """A client that never tries anything twice."""
    with closing(
        Redis(
            address.host,
            address.port,
            socket_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def empty_redis(redis_address: Address) -> Iterator[Redis]:
    """The redis itself, without a proxy, and with nothing in it."""
    with redis_client(redis_address) as client:
        client.flushall()
        yield client


@pytest.fixture(params=HARMLESS)
def harmless(
    request: pytest.FixtureRequest, start_proxy: StartProxy, redis_address: Address
) -> RunningProxy:
    return start_proxy(redis_address, *HARMLESS[request.param])


def test_commands_work(harmless: RunningProxy) -> None:
    value = bytes(range(256)) * 2000
    with redis_client(harmless.address) as client:
        assert client.set("key", value)
        assert client.get("key") == value
        pipeline = client.pipeline(transaction=True)
        for number in range(500):
            pipeline.rpush("list", number)
        assert pipeline.execute() == list(range(1, 501))
        assert client.lrange("list", 0, -1) == [b"%d" % number for number in range(500)]


def subscribed(client: Redis) -> PubSub:
    subscription: PubSub = client.pubsub()  # type: ignore[no-untyped-call]  # redis has no types there
    return subscription


def test_what_redis_says_unasked_arrives(harmless: RunningProxy, empty_redis: Redis) -> None:
    with redis_client(harmless.address) as client, subscribed(client) as subscription:
        subscription.subscribe("news")
        assert subscription.get_message(timeout=PATIENCE)["type"] == "subscribe"
        for number in range(20):
            assert empty_redis.publish("news", number) == 1
        heard = [subscription.get_message(timeout=PATIENCE)["data"] for _ in range(20)]
        assert heard == [b"%d" % number for number in range(20)]


def test_an_answer_that_is_long_in_coming_arrives(
    harmless: RunningProxy, empty_redis: Redis
) -> None:
    with connect(harmless.address) as client:
        client.sendall(b"BLPOP queue 0\r\n")
        wait_until(
            lambda: empty_redis.info("clients")["blocked_clients"] == 1,
            "a client waits for the queue",
        )
        assert is_silent(client)
        empty_redis.rpush("queue", "at last")
        popped = b"*2\r\n$5\r\nqueue\r\n$7\r\nat last\r\n"
        assert receive(client, len(popped)) == popped


@pytest.mark.parametrize("plan", HARMLESS)
def test_redis_benchmark_loses_nothing(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis, plan: str, portable: bool
) -> None:
    proxy = start_proxy(redis_address, *HARMLESS[plan], portable=portable)
    count = 2_000 if plan == "delayed" else 10_000
    before = empty_redis.info("stats")["total_commands_processed"]
    words = ["-n", str(count), "-c", "50", "-d", "100", "-t", "set,get"]
    assert len(redis_benchmark(proxy.address, *words)) == 2
    assert len(redis_benchmark(proxy.address, *words, "-P", "16")) == 2
    done = empty_redis.info("stats")["total_commands_processed"] - before
    assert done >= 4 * count
    assert proxy.totals.refused == 0


# Behaviors that harm.


def test_delay_makes_every_command_wait(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(redis_address, "delay sleep=0.05")
    with redis_client(proxy.address) as client:
        for number in range(3):
            begun = time.monotonic()
            assert client.set("key", number)
            assert time.monotonic() - begun >= 0.05


def test_a_delay_after_lets_the_command_through_at_once(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis
) -> None:
    proxy = start_proxy(redis_address, "delay sleep=3600 before=false")
    with connect(proxy.address) as client:
        client.sendall(b"SET key early\r\n")
        wait_until(lambda: empty_redis.get("key") == b"early", "the key is set")
        assert is_silent(client)
        proxy.change()
        assert receive(client, 5) == b"+OK\r\n"


def test_error_puts_something_else_in_the_place_of_answers(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis
) -> None:
    proxy = start_proxy(redis_address, "error warmup=1", seed=3)
    with connect(proxy.address) as client:
        client.sendall(PING)
        assert receive(client, len(PONG)) == PONG
        client.sendall(b"SET key value\r\n")
        assert b"+OK" not in receive(client, ERROR_SIZE)
    assert empty_redis.get("key") == b"value"
    with (
        redis_client(start_proxy(redis_address, "error").address, timeout=0.5) as broken,
        pytest.raises(RedisError),
    ):
        broken.get("key")


def test_error_can_put_noise_into_answers(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis
) -> None:
    empty_redis.set("key", "0123456789")
    proxy = start_proxy(redis_address, "error inject=true")
    with connect(proxy.address) as client:
        client.sendall(b"GET key\r\n")
        whole = b"$10\r\n0123456789\r\n"
        spoilt = receive(client, len(whole) + NOISE)
        middle = len(whole) // 2
        assert spoilt[:middle] + spoilt[-(len(whole) - middle) :] == whole
        client.sendall(PING)
        assert len(receive(client, len(PONG) + NOISE)) == len(PONG) + NOISE


def test_hang_keeps_commands_back_until_it_is_lifted(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis
) -> None:
    proxy = start_proxy(redis_address, "hang")
    with redis_client(proxy.address, timeout=0.1) as impatient, pytest.raises(RedisError):
        impatient.get("key")
    with connect(proxy.address) as client:
        fired = len(proxy.fired)
        client.sendall(b"SET key held\r\n")
        proxy.wait_for_firings(fired + 1)
        assert empty_redis.get("key") is None
        assert is_silent(client)
        proxy.change()
        assert receive(client, 5) == b"+OK\r\n"
    assert empty_redis.get("key") == b"held"


def test_blackout_hangs_up_before_the_command_arrives(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis
) -> None:
    proxy = start_proxy(redis_address, "blackout")
    with redis_client(proxy.address) as client, pytest.raises(LostConnection):
        client.set("key", "value")
    with connect(proxy.address) as raw:
        raw.sendall(b"SET key value\r\n")
        assert receive_until_fin(raw) == b""
    assert empty_redis.get("key") is None


def test_abort_hangs_up_after_the_command_has_arrived(
    start_proxy: StartProxy, redis_address: Address, empty_redis: Redis
) -> None:
    proxy = start_proxy(redis_address, "abort")
    with redis_client(proxy.address) as client, pytest.raises(LostConnection):
        client.get("key")
    with connect(proxy.address) as raw:
        raw.sendall(b"SET key value\r\n")
        assert receive_until_fin(raw) == b""
    wait_until(lambda: empty_redis.get("key") == b"value", "redis has the command")


def test_transient_passes(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(redis_address, "transient agitate=2 warmup=1")
    sizes = [len(PONG), ERROR_SIZE, ERROR_SIZE, len(PONG), len(PONG)]
    with connect(proxy.address) as client:
        for size in sizes:
            client.sendall(PING)
            assert (receive(client, size) == PONG) is (size == len(PONG))


def test_a_mix_harms_its_shares_and_no_more(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    rules = ("blackout mix=all percent=10", "error mix=all percent=20.5")
    proxy = start_proxy(redis_address, *rules, seed=5)
    seen = Counter(outcome(proxy.address) for _ in range(300))
    drawn = Counter(event.behavior for event in proxy.fired)
    assert (seen["fin"], seen["error"]) == (drawn["blackout"], drawn["error"])
    assert seen["pong"] == 300 - seen["fin"] - seen["error"]
    assert 10 < seen["fin"] < 60
    assert 30 < seen["error"] < 100


def outcome(address: Address) -> str:
    """What becomes of one PING."""
    with connect(address) as client:
        client.sendall(PING)
        try:
            if receive(client, len(PONG)) == PONG:
                return "pong"
        except EOFError:
            return "fin"
        receive(client, ERROR_SIZE - len(PONG))
        return "error"
