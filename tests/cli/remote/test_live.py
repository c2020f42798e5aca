"""What happens: connections, events, healing and health."""

from __future__ import annotations

import json

import pytest

from cli.remote.conftest import Run
from live import Http, Live
from vaurien.cli.remote.live import event_line


def test_connections_and_their_end(http: Http, running: Live, run: Run) -> None:
    with running.connect() as one, running.connect() as other:
        for client in (one, other):
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
        found = json.loads(run("connections -o json").out)
        assert [each["proxy"] for each in found] == ["cache", "cache"]
        heading, *lines = run("connections cache").lines
        assert heading.split()[:3] == ["PROXY", "ID", "CLIENT"]
        assert len(lines) == 2
        (words, _) = run("connections -o name").lines
        proxy, number = words.split("\t")
        assert run(f"kill {proxy} {number}").message == "Ended 1 connection"
        assert run(f"kill cache {number}").status == 3
        assert run("kill --all --how close").message == "Ended 1 connection"
        assert run("kill cache").message == "Ended 0 connections"
        assert run("kill nope").status == 3
        assert run("connections -o name").lines == []


def test_everything_is_healed(http: Http, running: Live, run: Run) -> None:
    run("rule add cache hang")
    run("toggle cache")
    assert run("healthcheck cache").status == 1
    assert run("reset").message == "Removed 1 rule, and enabled 1 proxy"
    assert running.ask() == b"hello"
    run("rule add cache hang")
    assert run("reset cache").message == "Removed 1 rule, and enabled 0 proxies"
    assert run("reset nope").status == 3


def test_health(http: Http, run: Run) -> None:
    assert run("healthcheck").message == "ready"
    assert run("healthcheck cache").message == "ready"
    assert run("healthcheck nope").status == 3
    assert run("healthcheck --url 127.0.0.1:1").status == 5


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("name", "7"),
        ("tsv", "7\tnow\tfired\trule=slow\tn=3"),
        ("table", "     7 now fired        rule=slow n=3"),
        ("yaml", '- id: "7"\n  type: fired\n  data:\n    time: now\n    rule: slow\n    "n": 3'),
        ("json", '{"id": "7", "type": "fired", "data": {"time": "now", "rule": "slow", "n": 3}}'),
    ],
)
def test_the_line_of_an_event(form: str, line: str) -> None:
    assert event_line(form, "7", "fired", {"time": "now", "rule": "slow", "n": 3}) == line


@pytest.mark.parametrize("form", ["name", "tsv", "table", "json"])
def test_events_are_printed_safely(form: str) -> None:
    line = event_line(form, "\x1b7", "\x1b", {"\x1b[2J": "\x1b\n\t", "x": ["\x1b"]})
    assert line.replace("\t", "").isprintable()
