"""The promises of the application, kept while its database and its cache misbehave."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from app import LIMIT, make_app
from starlette.testclient import TestClient

from vaurien import Chaos
from vaurien.embedded.handle import ProxyHandle

DATABASE = os.environ.get("DATABASE", "localhost:5432")
CACHE = os.environ.get("CACHE", "localhost:6379")


@dataclass
class Running:
    client: TestClient
    database: ProxyHandle
    cache: ProxyHandle
    name: str

    def read(self) -> str:
        answer = self.client.get(f"/notes/{self.name}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["text"])

    def write(self, text: str) -> int:
        return self.client.put(f"/notes/{self.name}", json={"text": text}).status_code


@pytest.fixture
def notes(chaos: Chaos) -> Iterator[Running]:
    database = chaos.proxy(DATABASE, protocol="postgresql", name="database")
    cache = chaos.proxy(CACHE, protocol="redis", name="cache")
    app = make_app(
        f"postgresql://postgres:notes@{database.address}/postgres", f"redis://{cache.address}/0"
    )
    with TestClient(app) as client:
        yield Running(client, database, cache, f"note-{uuid4()}")


def test_the_cache_saves_the_database_work(notes: Running) -> None:
    assert notes.write("buy tea") == 200
    assert notes.read() == "buy tea"
    before = notes.database.exchanges.count
    assert notes.read() == "buy tea"
    assert notes.database.exchanges.count == before


@pytest.mark.chaos(proxy="cache", fault="typical", protocol="redis")
def test_it_works_with_a_cache_that_returns_errors(notes: Running) -> None:
    for text in ("one", "two"):
        assert notes.write(text) == 200
        assert notes.read() == text


@pytest.mark.parametrize("behavior", ["hang", "abort", "request-lost", "reply-lost", "blackout"])
def test_it_works_with_a_cache_that_does_not_answer(notes: Running, behavior: str) -> None:
    with notes.cache.rule(behavior):
        start = time.monotonic()
        assert notes.write("buy tea") == 200
        assert notes.read() == "buy tea"
        assert time.monotonic() - start < LIMIT


def test_it_works_without_the_cache(notes: Running) -> None:
    with notes.cache.down():
        assert notes.write("buy tea") == 200
        assert notes.read() == "buy tea"


def test_what_is_cached_can_be_read_without_the_database(notes: Running) -> None:
    assert notes.write("buy tea") == 200
    assert notes.read() == "buy tea"
    with notes.database.down():
        assert notes.read() == "buy tea"
        assert notes.write("buy coffee") == 503
    assert notes.write("buy coffee") == 200
    assert notes.read() == "buy coffee"


def test_a_database_that_hangs_is_told_of_in_time(notes: Running) -> None:
    with notes.database.rule("hang"):
        start = time.monotonic()
        assert notes.write("buy tea") == 503
        assert time.monotonic() - start < LIMIT


@pytest.mark.chaos(proxy="database", fault="typical", protocol="postgresql", verb="INSERT", times=1)
def test_one_error_of_the_database_is_not_noticed(notes: Running) -> None:
    assert notes.write("buy tea") == 200
    assert notes.read() == "buy tea"


@pytest.mark.parametrize("behavior", ["abort", "request-lost", "reply-lost", "partial-reply"])
def test_one_lost_answer_of_the_database_is_not_noticed(notes: Running, behavior: str) -> None:
    with notes.database.rule(behavior, verb="INSERT", times=1) as rule:
        assert notes.write("buy tea") == 200
        assert notes.read() == "buy tea"
    assert rule.fired
