"""Proxies inside the process, with a real server behind them."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import vaurien
from peers import connect
from vaurien.config.document import DocumentError
from vaurien.embedded.chaos import Chaos
from vaurien.embedded.handle import ProxyHandle
from vaurien.errors import OptionError
from vaurien.net.address import Address


def connected(proxy: ProxyHandle) -> redis.Redis:
    return redis.Redis(
        host=proxy.host, port=proxy.port, retry=Retry(NoBackoff(), 0), socket_timeout=10
    )


def test_a_proxy_forwards_until_the_end(redis_address: Address) -> None:
    with vaurien.chaos() as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        assert proxy.address == f"127.0.0.1:{proxy.port}"
        with connected(proxy) as client:
            assert client.ping()
        where = Address("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionRefusedError):
        connect(where)
    assert "vaurien" not in {thread.name for thread in threading.enumerate()}


def test_clients_of_a_test_trust_certificates_that_are_made(
    redis_address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with vaurien.chaos() as chaos:
        chaos.proxy(str(redis_address), tls="originate")
        assert "SSL_CERT_FILE" not in os.environ
        chaos.proxy(str(redis_address), name="a", tls="terminate")
        chaos.proxy(str(redis_address), name="b", tls={"mode": "both", "insecure": True})
        own = Path(chaos.ca_file).read_text()
        assert own in Path(os.environ["SSL_CERT_FILE"]).read_text()
    assert "SSL_CERT_FILE" not in os.environ


def test_closing_again_does_nothing() -> None:
    chaos = Chaos()
    chaos.close()
    chaos.close()


def test_names_follow_protocols_and_must_be_unique(redis_address: Address) -> None:
    with Chaos() as chaos:
        names = [chaos.proxy(str(redis_address), protocol="redis").name for _ in range(2)]
        assert names == ["redis", "redis-2"]
        assert [proxy.name for proxy in chaos] == names
        assert chaos["redis-2"].name == "redis-2"
        with pytest.raises(OptionError, match="is taken by another proxy"):
            chaos.proxy(str(redis_address), name="redis")


def test_mistakes_are_named() -> None:
    with Chaos() as chaos, pytest.raises(DocumentError, match=r"proxies\.tcp\.max_conections"):
        chaos.proxy("127.0.0.1:1", max_conections=1)


def test_a_seed_repeats(redis_address: Address) -> None:
    def lost(seed: int) -> list[int]:
        with Chaos(seed) as chaos:
            proxy = chaos.proxy(str(redis_address), protocol="redis", name="same")
            rule = {"fault": "READONLY", "command": "SET", "percent": 50}
            with connected(proxy) as client, proxy.rule("error", **rule) as applied:
                for number in range(20):
                    with contextlib.suppress(redis.exceptions.ReadOnlyError):
                        client.set("key", number)
                return [each.exchange for each in applied.fired]

    assert lost(7) == lost(7) != lost(8)


def test_reset_heals(redis_address: Address) -> None:
    with Chaos() as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        proxy.add_rules({"behavior": "hang"})
        proxy.disable()
        chaos.reset()
        with connected(proxy) as client:
            assert client.ping()


def test_down_refuses_and_cuts(redis_address: Address) -> None:
    with Chaos() as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        with connected(proxy) as client:
            client.ping()
            with proxy.down():
                with pytest.raises(redis.exceptions.ConnectionError):
                    client.ping()
                with pytest.raises(redis.exceptions.ConnectionError, match="refused"):
                    client.ping()
            assert client.ping()


def increments(proxy: ProxyHandle, count: int) -> list[bool]:
    """Whether each of some commands was answered."""
    answered = []
    with connected(proxy) as client:
        for _ in range(count):
            try:
                client.incr("replayed")
                answered.append(True)
            except redis.ResponseError:
                answered.append(False)
    return answered


def test_a_journal_is_replayed_in_another_test(redis_address: Address) -> None:
    half = {"behavior": "error", "fault": "NOPERM", "command": "INCRBY", "percent": 50}
    with vaurien.chaos(seed=1) as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        with proxy.rules(half):
            answered = increments(proxy, 10)
        with proxy.rules(half):
            answered += increments(proxy, 10)
        journal = chaos.journal
    assert 0 < sum(answered) < 20
    with vaurien.chaos(seed=2, replay=journal) as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        with proxy.rules(half):
            again = increments(proxy, 10)
        assert chaos.not_placed
        with proxy.rules(half):
            again += increments(proxy, 10)
        assert chaos.not_placed == ()
        assert again == answered


SCENARIO = """
[[fire]]
proxy = "redis"
behavior = "error"
options = { fault = "NOPERM" }
exchange = { command = "INCRBY" }
occurrence = 2
"""


def test_a_scenario_is_played_on_proxies_of_then_and_later(
    redis_address: Address, tmp_path: Path
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(SCENARIO)
    with vaurien.chaos(replay=file) as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        with proxy.rule("error", fault="READONLY"):  # it fires nowhere: a scenario is played
            assert increments(proxy, 3) == [True, False, True]
    with vaurien.chaos() as chaos:
        proxy = chaos.proxy(str(redis_address), protocol="redis")
        chaos.replay(SCENARIO)
        assert chaos.not_placed == ("redis: fire-1: occurrence 2",)
        assert increments(proxy, 3) == [True, False, True]


def test_what_cannot_be_replayed() -> None:
    with vaurien.chaos() as chaos:
        with pytest.raises(OptionError, match="'nosuch' cannot be read"):
            chaos.replay("nosuch")
        with pytest.raises(DocumentError, match="behavior is missing"):
            chaos.replay('[[fire]]\nproxy = "a"')


@pytest.mark.parametrize(
    ("protocol", "half"),
    [
        ("tcp", {"behavior": "latency", "delay": 0, "percent": 50}),
        ("redis", {"behavior": "latency", "delay": 0, "percent": 50, "error": "ERR"}),
    ],
    ids=["chunks", "responses"],
)
def test_what_fired_on_chunks_and_responses_is_replayed(
    redis_address: Address, protocol: str, half: dict[str, object]
) -> None:
    journals: list[str] = []
    for seed in (1, 2):
        replay = journals[0] if journals else None
        with vaurien.chaos(seed, replay=replay) as chaos:
            proxy = chaos.proxy(str(redis_address), protocol=protocol, name="it")
            proxy.add_rules(half)
            with connected(proxy) as client:
                for _ in range(12):
                    with pytest.raises(redis.ResponseError):
                        client.execute_command("NOSUCH")
            journals.append(chaos.journal)
            assert chaos.not_placed == ()
    first, second = ([_place(line) for line in each.splitlines()] for each in journals)
    assert 0 < len(first) < 24
    assert first == second


def _place(line: str) -> list[object]:
    told = json.loads(line)
    keys = ("rule", "connection", "exchange", "labels", "draw", "seed", "count")
    return [told[key] for key in keys]


def test_a_journal_of_nothing_is_replayed() -> None:
    with vaurien.chaos() as chaos:
        journal = chaos.journal
    with vaurien.chaos(replay=journal) as chaos:
        assert (journal, chaos.not_placed) == ("", ())


def test_nothing_is_left_of_what_cannot_be_replayed() -> None:
    before = threading.enumerate()
    with pytest.raises(OptionError):
        vaurien.Chaos(replay="nosuch")
    assert threading.enumerate() == before
