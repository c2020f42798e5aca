"""Journals of real runs, replayed against the same clients, and against others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from peers import PATIENCE
from serving import command, proxy_table
from vaurien.net.address import Address

RULES = """protocol = "redis"
rules = [
    { behavior = "error", fault = "READONLY", percent = 20, command = "SET" },
    { behavior = "reply-lost", percent = 5, command = "GET", name = "lost", times = 1 },
    { behavior = "latency", delay = 0.0001, jitter = 0.0001, percent = 30 },
    { behavior = "delay", name = "whole", sleep = 0.0001, percent = 50, scope = "connection" },
]
"""
CLIENT = """
import os, sys, threading, redis
from redis.backoff import NoBackoff
from redis.retry import Retry

host, port = os.environ["VAURIEN_CACHE_ADDRESS"].rsplit(":", 1)
names, count = sys.argv[1], int(sys.argv[2])

def talk(name, client):
    for number in range(count):
        for ask in client.get, lambda key: client.set(key, 1):
            try:
                ask(f"{name}:{number}" if name.isupper() else number)
            except redis.RedisError:
                pass

def opened():
    client = redis.Redis(host=host, port=int(port), retry=Retry(NoBackoff(), 0), protocol=2,
                         single_connection_client=True, socket_timeout=0.2)
    return client

clients = [(name, opened()) for name in names]
threads = [threading.Thread(target=talk, args=each) for each in clients]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
SAME = ("rule", "connection", "exchange", "labels", "draw", "count", "seed", "fault")
ELSEWHERE = ("rule", "exchange", "labels", "draw", "count", "seed", "fault")


def run(folder: Path, names: str, count: int, *words: str) -> list[str]:
    """Run the client with connections of these names; return what is told."""
    client = [sys.executable, "-c", CLIENT, names, str(count)]
    done = subprocess.run(
        command("run", "--config", str(folder / "v.toml"), *words, "--", *client),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stderr.splitlines()


def fired(path: Path, keys: tuple[str, ...] = SAME) -> list[tuple[str, ...]]:
    lines = map(json.loads, path.read_text().splitlines())
    return sorted(tuple(str(line[key]) for key in keys) for line in lines)


@pytest.fixture(scope="module")
def recorded(redis_address: Address, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of four connections with keys of their own."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "v.toml").write_text(proxy_table("cache", redis_address, RULES))
    assert run(folder, "ABCD", 15, "--seed", "5", "--journal", str(folder / "j")) == []
    return folder / "j"


def replay(recorded: Path, journal: Path, names: str, count: int = 15) -> list[str]:
    """Replay it with another seed, and write another journal; return what is told."""
    words = ["--seed", "99", "--replay", str(recorded), "--journal", str(journal)]
    return run(recorded.parent, names, count, *words)


def test_the_same_client_gets_the_same(recorded: Path, tmp_path: Path) -> None:
    count = len(fired(recorded))
    assert count > 20
    told = replay(recorded, tmp_path / "j", "ABCD")
    assert told == [f"replay: fired at {count} of {count} places"]
    assert fired(tmp_path / "j") == fired(recorded)


def test_connections_that_come_in_another_order(recorded: Path, tmp_path: Path) -> None:
    replay(recorded, tmp_path / "j", "DCBA")
    assert fired(tmp_path / "j", ELSEWHERE) == fired(recorded, ELSEWHERE)


def test_a_client_that_asks_for_less(recorded: Path, tmp_path: Path) -> None:
    told = replay(recorded, tmp_path / "j", "ABCD", 2)
    placed, every = fired(tmp_path / "j"), fired(recorded)
    assert 0 < len(placed) < len(every)
    assert set(placed) < set(every)
    assert told[0] == f"replay: fired at {len(placed)} of {len(every)} places"
    left = [line.split(": ")[2] for line in told[1:]]
    assert sorted(left) == sorted(each[0] for each in set(every) - set(placed))
