"""Fixtures: the native API, over a real server and real proxies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.plane import Plane, spec
from live import Http, Live, controlled, live
from native import Native


@pytest.fixture
def running() -> Iterator[Live]:
    with live(names=()) as started:
        yield started


@pytest.fixture
def http(running: Live) -> Iterator[Http]:
    with controlled(running) as started:
        yield started


@pytest.fixture
def ask(http: Http) -> Native:
    return Native(http)


@pytest.fixture
def cache(ask: Native, running: Live) -> str:
    """The path of a proxy in front of an echo."""
    body = {"name": "cache", "listen": "127.0.0.1:0", "backend": str(running.backend)}
    assert ask("POST", "/v1/proxies", body).status == 201
    return "/v1/proxies/cache"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    """A proxy ``cache``, without sockets and threads."""
    plane = Plane(tmp_path, spec("cache", 1))
    yield plane
    plane.close()
