"""The HTTP API of real proxies, and clients of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from live import Http, Live, controlled, live
from vaurien import Client

RULE = {"behavior": "delay", "sleep": 3.0, "before": False, "percent": 10.0, "name": "slow"}


@pytest.fixture
def running() -> Iterator[Live]:
    with live([RULE]) as started:
        yield started


@pytest.fixture
def api(running: Live) -> Iterator[Http]:
    with controlled(running) as started:
        yield started


@pytest.fixture
def client(api: Http) -> Client:
    return Client(api.host, api.port)


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def several() -> Iterator[Http]:
    with live([RULE], names=["cache", "db"]) as running, controlled(running) as started:
        yield started
