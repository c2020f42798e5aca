"""Fixtures: vaurien's view for Toxiproxy's clients, over a real server and real proxies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live import Http, Live, controlled, live


@pytest.fixture
def running() -> Iterator[Live]:
    with live(names=()) as started:
        yield started


@pytest.fixture
def http(running: Live) -> Iterator[Http]:
    with controlled(running) as started:
        yield started


@pytest.fixture
def cache(http: Http, running: Live) -> str:
    """The name of a proxy, in front of an echo."""
    body = {"name": "cache", "listen": "127.0.0.1:0", "upstream": str(running.backend)}
    assert http("POST", "/proxies", body).status == 201
    return "cache"
