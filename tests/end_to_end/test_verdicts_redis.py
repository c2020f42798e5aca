"""Verdicts on redis-py, with each of its backoffs."""

from __future__ import annotations

from contextlib import closing

import pytest
import redis
from redis.backoff import AbstractBackoff, ConstantBackoff, ExponentialBackoff, NoBackoff
from redis.retry import Retry

from end_to_end.judging import Client, found
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address

LIMIT = 0.5
GROWING = ExponentialBackoff(base=0.05, cap=1)
STEADY = ConstantBackoff(0.25)
CUT = {"then": "fin"}
STALLS = {"direction": "to_client"}


def client_of(proxy: ProxyHandle, backoff: AbstractBackoff, times: int) -> redis.Redis:
    retry = Retry(backoff, times)
    return redis.Redis(host=proxy.host, port=proxy.port, retry=retry, socket_timeout=LIMIT)


def asking(backoff: AbstractBackoff, times: int, *words: str) -> Client:
    def ask(proxy: ProxyHandle) -> None:
        with closing(client_of(proxy, backoff, times)) as client:
            client.execute_command(*words)  # type: ignore[no-untyped-call]  # it has no types

    return ask


def pipelined(*, transaction: bool) -> Client:
    """Asks for the same twice at once."""

    def ask(proxy: ProxyHandle) -> None:
        with closing(client_of(proxy, NoBackoff(), 2)) as client:
            pipe = client.pipeline(transaction=transaction)
            pipe.incr("paid")
            pipe.incr("paid")
            pipe.execute()

    return ask


SAVES = asking(GROWING, 3, "SET", "done", "yes")
COUNTS = asking(GROWING, 3, "INCR", "paid")


@pytest.mark.parametrize(
    ("behavior", "rule", "says"),
    [
        ("reply-lost", {}, "FAIL repeated-effect"),
        ("partial-reply", CUT, "FAIL repeated-effect"),
        ("hang", STALLS, "FAIL repeated-effect"),
        ("hang", {}, "FAIL repeated-effect"),
        ("request-lost", {}, ""),
        ("reset", {"scope": "exchange"}, ""),
        ("error", {"fault": "LOADING"}, ""),
        ("error", {"fault": "READONLY"}, "WARN gave-up"),
        ("error", {"fault": "NOAUTH"}, "FAIL retried-fatal"),  # to redis-py a lost connection
        ("error", {"fault": "NOPERM"}, ""),
    ],
)
def test_what_may_be_repeated_and_what_not(
    redis_address: Address, behavior: str, rule: dict[str, object], says: str
) -> None:
    known = {**rule, "times": 1}
    assert found(redis_address, "redis", COUNTS, behavior, command="INCR", **known) == says
    harmless = "" if says == "FAIL repeated-effect" else says
    assert found(redis_address, "redis", SAVES, behavior, command="SET", **known) == harmless


@pytest.mark.parametrize(
    ("backoff", "says"),
    [
        (GROWING, "WARN gave-up"),
        (STEADY, "WARN no-backoff, WARN gave-up"),
        (NoBackoff(), "WARN no-backoff, WARN gave-up"),
    ],
)
def test_pace(redis_address: Address, backoff: AbstractBackoff, says: str) -> None:
    client = asking(backoff, 3, "GET", "done")
    assert says in (
        found(redis_address, "redis", client, "reply-lost", command="GET")
        for _ in range(5)  # a machine with much to do makes pauses of its own
    )


@pytest.mark.parametrize(
    ("behavior", "rule", "says"),
    [
        ("reply-lost", {}, "FAIL repeated-effect"),
        ("partial-reply", CUT, "FAIL repeated-effect"),
        ("request-lost", {}, ""),
        ("error", {"fault": "NOPERM"}, ""),
    ],
)
def test_pipelines(
    redis_address: Address, behavior: str, rule: dict[str, object], says: str
) -> None:
    client = pipelined(transaction=False)
    known = {**rule, "command": "INCRBY", "times": 1}
    assert found(redis_address, "redis", client, behavior, **known) == says


@pytest.mark.parametrize(
    ("behavior", "says"), [("reply-lost", "FAIL repeated-effect"), ("request-lost", "")]
)
def test_transactions(redis_address: Address, behavior: str, says: str) -> None:
    client = pipelined(transaction=True)
    assert found(redis_address, "redis", client, behavior, command="EXEC", times=1) == says


@pytest.mark.parametrize("behavior", ["no-backend", "reset", "accept-then-silence"])
def test_connects(redis_address: Address, behavior: str) -> None:
    assert found(redis_address, "redis", SAVES, behavior, times=1) == ""
