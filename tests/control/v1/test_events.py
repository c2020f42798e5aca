"""Events and the journal over the native API."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest

from live import LIMIT, Http, Live
from native import Native
from peers import wait_until
from vaurien.control import feed
from vaurien.control import http as server
from vaurien.control.v1 import events, streams
from vaurien.values.events import Trouble

DELAY = {"name": "slow", "behavior": "delay", "sleep": 0}


class Told(NamedTuple):
    """A server-sent event."""

    id: int
    kind: str
    data: dict[str, Any]


class Reader:
    """Follows events."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response
        self.comments = 0
        self.last = -1

    def read(self) -> Told:
        """Return the next event; what has no data counts as a comment."""
        while True:
            fields: dict[str, str] = {}
            while line := self.response.readline().decode().rstrip("\n"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            assert fields, "the stream has ended"
            self.last = int(fields.get("id", self.last))
            if "data" in fields:
                return Told(self.last, fields["event"], json.loads(fields["data"]))
            self.comments += 1
            if self.comments == 1:
                return Told(self.last, "", {})

    def ended(self) -> bool:
        return self.response.readline() == b""


@contextmanager
def following(
    http_: Http, query: str = "", headers: Mapping[str, str] | None = None
) -> Iterator[Reader]:
    """Follow events; when this begins, the reader has been told where."""
    connection = http.client.HTTPConnection(http_.host, http_.port, timeout=LIMIT)
    try:
        connection.request("GET", f"/v1/events{query}", headers=dict(headers or {}))
        with connection.getresponse() as response:
            assert response.status == 200
            assert response.getheader("content-type") == "text/event-stream; charset=utf-8"
            reader = Reader(response)
            if "after" not in query and not headers:
                assert reader.read().kind == ""
            yield reader
    finally:
        connection.close()


@pytest.fixture
def slow(ask: Native, running: Live) -> str:
    """The path of a proxy whose only rule always fires."""
    backend = str(running.backend)
    body = {"name": "slow", "listen": "127.0.0.1:0", "backend": backend, "rules": [DELAY]}
    assert ask("POST", "/v1/proxies", body).status == 201
    return "/v1/proxies/slow"


def trouble(running: Live, *details: str) -> None:
    """Have events kept."""
    for detail in details:
        running.in_reactor(partial(running.proxy.emit, Trouble("slow", "odd", detail)))


def test_a_firing_is_told(http: Http, slow: str, running: Live) -> None:
    with following(http) as reader:
        running.ask(proxy="slow")
        told = reader.read()
        assert (told.kind, told.data["rule"], told.data["id"]) == ("fired", "slow", told.id)
        assert (told.data["connection"], told.data["exchange"]) == (1, 1)


def test_a_change_is_told(http: Http, ask: Native, slow: str) -> None:
    generation = int(ask("GET", slow).headers["etag"].strip('"'))
    with following(http, "?type=changed") as reader:
        assert ask("DELETE", slow).status == 204
        told = reader.read()
        assert told.kind == "changed"
        assert told.data["generation"] == generation + 1
        assert (told.data["added"], told.data["removed"]) == ([], ["slow"])


def test_a_connection_that_is_killed_is_told(
    http: Http, ask: Native, slow: str, running: Live
) -> None:
    with following(http, "?type=cut,gave_up") as reader, running.connect("slow"):
        wait_until(lambda: ask("DELETE", "/v1/connections").body["killed"], "a connection")
        told = reader.read()
        assert (told.kind, told.data["what"]) == ("cut", "connection 1 closed: it was killed")


def test_a_reader_continues_where_it_stopped(http: Http, slow: str, running: Live) -> None:
    trouble(running, "1", "2", "3")
    with following(http, "?after=0&type=trouble") as reader:
        assert reader.read().data["detail"] == "1"
        last = reader.last
    for query, headers in (
        (f"?after={last}&type=trouble", {}),
        ("?after=0&type=trouble", {"Last-Event-ID": str(last)}),
    ):
        with following(http, query, headers) as reader:
            assert [reader.read().data["detail"] for _ in range(2)] == ["2", "3"]


def test_a_reader_learns_that_events_are_lost(http: Http, slow: str, running: Live) -> None:
    size = running.control.feed.size
    newest = running.control.feed.newest
    running.in_reactor(
        lambda: [running.proxy.emit(Trouble("slow", "odd")) for _ in range(size + 10)]
    )
    with following(http, "?after=0") as reader:
        lost, first = reader.read(), reader.read()
        assert (lost.kind, lost.data) == ("lost", {"events": newest + 10})
        assert (lost.id + 1, first.kind) == (first.id, "trouble")


def test_an_id_of_an_earlier_process(http: Http, slow: str, running: Live) -> None:
    with following(http, "?after=1000000") as reader:
        assert reader.read() == (0, "lost", {"events": None})
        assert (reader.read().id, reader.last) == (1, 1)


def test_only_what_is_wanted_is_told(http: Http, ask: Native, slow: str, running: Live) -> None:
    with following(http, "?rule=slow") as reader, following(http, "?proxy=other") as other:
        trouble(running, "1")
        running.ask(proxy="slow")
        assert reader.read().kind == "fired"
        body = {"name": "other", "listen": "127.0.0.1:0", "backend": str(running.backend)}
        assert ask("POST", "/v1/proxies", body).status == 201
        assert other.read().data["added"] == ["other"]


def test_a_silent_stream_has_heartbeats(
    http: Http, slow: str, running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.01)
    with following(http, "?type=changed") as reader:
        trouble(running, "1")
        newest = running.control.feed.newest
        while reader.last < newest:  # it is told what it need not be asked for again
            assert reader.response.readline()[:1] in (b":", b"i", b"\n")
            line = reader.response.readline()
            if line.startswith(b"id: "):
                reader.last = int(line[4:])


def test_a_reader_that_leaves_makes_room(
    http: Http, ask: Native, slow: str, running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "READERS", 2)
    with following(http), following(http):
        answer = ask("GET", "/v1/events")
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    wait_until(lambda: running.control.feed.readers == 0, "the readers have left")
    with following(http):
        pass


def test_a_reader_that_never_reads_is_cut(
    http: Http, slow: str, running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "READING_LIMIT", 0.1)
    monkeypatch.setattr(feed, "LOOKS", 1000)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((http.host, http.port))
        reader.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % http.port)
        wait_until(lambda: running.control.feed.readers == 1, "the reader")

        def is_gone() -> bool:
            trouble(running, "x" * 50_000)
            return running.control.feed.readers == 0

        wait_until(is_gone, "the end of the reader")


def test_readers_end_with_the_process(http: Http, slow: str, running: Live) -> None:
    with following(http) as reader:
        running.control.feed.close()
        assert reader.ended()


@pytest.mark.parametrize(
    ("query", "headers", "parameter"),
    [
        ("?type=fired,sparks", {}, "type"),
        ("?after=-1", {}, "after"),
        ("?rul=x", {}, "rul"),
        ("", {"Last-Event-ID": "x"}, "Last-Event-ID"),
        ("", {"Last-Event-ID": "9" * 5000}, "Last-Event-ID"),
    ],
)
def test_what_is_asked_for_is_wrong(
    ask: Native, query: str, headers: Mapping[str, str], parameter: str
) -> None:
    answer = ask("GET", f"/v1/events{query}", headers=headers)
    assert (answer.status, list(answer.pointers)) == (422, [parameter])


# The journal.


def journal(ask: Native, query: str = "") -> list[tuple[int, int]]:
    entries = ask("GET", f"/v1/journal{query}").body["entries"]
    return [(each["connection"], each["exchange"]) for each in entries]


def test_the_journal(ask: Native, slow: str, running: Live) -> None:
    assert ask("GET", "/v1/journal").body["entries"] == []
    for _ in range(3):
        running.ask(proxy="slow")
    trouble(running, "1")
    assert journal(ask) == [(1, 1), (2, 1), (3, 1)]
    told = ask("GET", "/v1/journal?limit=1").body
    assert [each["connection"] for each in told["entries"]] == [3]
    assert told["next"] == running.control.feed.newest
    assert journal(ask, f"?after={told['next']}") == []


def test_the_journal_comes_in_pages(ask: Native, slow: str, running: Live) -> None:
    for _ in range(3):
        running.ask(proxy="slow")
    page = ask("GET", "/v1/journal?after=0&limit=2").body
    assert [each["connection"] for each in page["entries"]] == [1, 2]
    assert (page["next"], page["lost"]) == (page["entries"][-1]["id"], 0)
    assert journal(ask, f"?after={page['next']}&limit=2") == [(3, 1)]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("?proxy=slow", 2),
        ("?proxy=fast", 0),
        ("?rule=slow&behavior=delay", 2),
        ("?rule=fast", 0),
        ("?behavior=error", 0),
        ("?connection=2", 1),
        ("?since=2020-01-01T00:00:00Z", 2),
        ("?since=2020-01-01T00:00:00.5%2b02:00&limit=1", 1),
        ("?since=2999-01-01T00:00:00Z", 0),
        ("?after=1000000", 2),
    ],
)
def test_entries_are_selected(
    ask: Native, slow: str, running: Live, query: str, count: int
) -> None:
    for _ in range(2):
        running.ask(proxy="slow")
    assert len(journal(ask, query)) == count


def test_the_journal_tells_what_is_lost(ask: Native, slow: str, running: Live) -> None:
    newest = running.control.feed.newest
    size = running.control.feed.size
    running.in_reactor(lambda: [running.proxy.emit(Trouble("", "odd")) for _ in range(size)])
    assert ask("GET", "/v1/journal?after=0").body == {
        "entries": [],
        "next": newest + size,
        "lost": newest,
    }
    assert ask("GET", "/v1/journal").body["lost"] == 0


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2020-01-01T00:00:00", "limit=0", "connection=0", "type=cut"]
)
def test_a_selection_that_is_wrong(ask: Native, query: str) -> None:
    answer = ask("GET", f"/v1/journal?{query}")
    assert (answer.status, list(answer.pointers)) == (422, [query.partition("=")[0]])


def test_the_kinds_are_those_that_the_parameter_names() -> None:
    assert all(kind in events.TYPE.help for kind in feed.KINDS.values())
