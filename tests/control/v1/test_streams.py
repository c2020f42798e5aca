"""Server-sent events, whatever they tell."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from live import Http
from vaurien.control.v1 import streams

PATHS = ["/v1/events", "/v1/live"]


def test_readers_that_come_together_are_counted_one_by_one(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "READERS", 2)
    with ExitStack() as opened:
        readers = [opened.enter_context(http.connect()) for _ in range(20)]
        for number, reader in enumerate(readers):
            head = f"GET {PATHS[number % 2]} HTTP/1.1\r\nHost: localhost:{http.port}\r\n\r\n"
            reader.sendall(head.encode())
        statuses = [reader.recv(12) for reader in readers]
    assert sorted(statuses) == [b"HTTP/1.1 200"] * 2 + [b"HTTP/1.1 503"] * 18


@pytest.mark.parametrize("path", PATHS)
def test_the_head_of_a_stream(http: Http, path: str) -> None:
    answer = http("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")
