"""Rules for a while, and what a proxy has seen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from peers import connect
from redis_talk import command
from vaurien.config.document import DocumentError
from vaurien.embedded.chaos import Chaos
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address


@pytest.fixture
def proxy(redis_address: Address) -> Iterator[ProxyHandle]:
    with Chaos() as chaos:
        yield chaos.proxy(str(redis_address), protocol="redis")


@pytest.fixture
def client(proxy: ProxyHandle) -> Iterator[redis.Redis]:
    with redis.Redis(
        host=proxy.host, port=proxy.port, retry=Retry(NoBackoff(), 0), socket_timeout=10
    ) as client:
        yield client


def test_a_rule_for_a_while(proxy: ProxyHandle, client: redis.Redis) -> None:
    with proxy.rule("error", fault="READONLY", command="SET", times=1) as rule:
        with pytest.raises(redis.exceptions.ReadOnlyError):
            client.set("key", 1)
        client.set("key", 2)
        (fired,) = rule.fired
        assert (fired.detail, dict(fired.labels)["command"], str(fired)) == (
            "READONLY",
            "SET",
            "error READONLY",
        )
    with proxy.rule("error", fault="READONLY", command="SET", times=1) as rule:
        pass
    client.set("key", 3)
    lost, *passed = proxy.exchanges.of(command="SET")
    assert not lost.reached_backend
    assert not lost.answered
    assert [each.answered and each.reached_backend for each in passed] == [True, True]


def test_a_pipeline_of_which_a_request_is_lost(proxy: ProxyHandle) -> None:
    pipeline = b"".join(command("INCR", key) for key in ("first", "lost", "last"))
    address = Address(proxy.host, proxy.port)
    with proxy.rule("request-lost", key="lost"), connect(address) as sock:
        sock.sendall(pipeline)
        while sock.recv(100):
            pass
    reached = {each.labels["key"]: each.reached_backend for each in proxy.exchanges}
    assert list(reached.items()) == [("first", True), ("lost", False), ("last", False)]


def test_several_rules_and_none_of_them_if_one_is_wrong(proxy: ProxyHandle) -> None:
    with proxy.rules({"behavior": "delay"}, {"behavior": "delay"}) as rules:
        assert [rule.name for rule in rules] == ["delay", "delay-2"]
        with pytest.raises(DocumentError, match="fualt"):
            proxy.add_rules({"behavior": "hang"}, {"behavior": "error", "fualt": "OOM"})
        rules[0].remove()
    assert proxy.add_rules() == ()


def test_profiles_and_recipes(proxy: ProxyHandle, client: redis.Redis) -> None:
    with proxy.profile("wifi") as rules, proxy.recipe("redis-slow"):
        assert [rule.name for rule in rules] == ["wifi-latency", "wifi-down", "wifi-up"]
        assert client.ping()
    proxy.add_rules({"behavior": "hang"})
    proxy.clear_rules()
    assert client.ping()


def test_connections(proxy: ProxyHandle, client: redis.Redis) -> None:
    client.ping()
    proxy.reset_all()
    with contextlib.suppress(redis.exceptions.ConnectionError):  # unless it has noticed
        client.ping()
    client.ping()
    first, second = proxy.connections
    assert first.closed_at is not None
    assert first.opened_at is not None
    assert second.closed_at is None
    proxy.forget()
    assert [each.number for each in proxy.connections] == [2]
    assert proxy.exchanges.count == 0


def test_the_verdict_on_a_client(proxy: ProxyHandle, client: redis.Redis) -> None:
    with proxy.rule("reply-lost", command="INCRBY", times=1):
        with pytest.raises(redis.exceptions.ConnectionError):
            client.incr("key")
        proxy.assert_resilient(strict=True)  # not to know is a reason to give up
        client.incr("key")
    assert [finding.rule for finding in proxy.verdict().findings] == ["repeated-effect"]
    with pytest.raises(AssertionError, match="FAIL repeated-effect: redis: INCRBY key"):
        proxy.assert_resilient()


def test_warnings_fail_if_that_is_wanted(proxy: ProxyHandle, client: redis.Redis) -> None:
    proxy.add_rules({"behavior": "error", "fault": "OOM", "command": "SET"})
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("key", 1)
    proxy.assert_resilient()
    with pytest.raises(AssertionError, match="WARN gave-up: redis: SET key was given up after OOM"):
        proxy.assert_resilient(strict=True)
