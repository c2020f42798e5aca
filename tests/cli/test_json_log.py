"""The log as JSON: what its lines say, and that there is nothing but such lines."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from end_to_end.proxies import command_line
from peers import PATIENCE, Scripted, connect, echo, receive, receive_until_fin, wait_until
from serving import command, proxy_table, served
from vaurien.cli.json_log import JsonFormatter
from vaurien.cli.logs import EventLog
from vaurien.client import Client
from vaurien.net.address import Address
from vaurien.values.events import Changed, Event, Fired, PluginFailed, Trouble
from vaurien.values.messages import TO_BACKEND

FORGED = 'x\n{"level": "error"}\x1b[2J\u2028"\\'
DELAY = "delay sleep=0 name=slow"
IN_JOURNAL = ("proxy", "rule", "connection", "exchange", "draw", "count", "labels", "fault")
Line = dict[str, object]


@pytest.fixture
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


def lines(log: str) -> list[Line]:
    """Every line of a log; each must be an object."""
    found = [json.loads(line) for line in log.splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


def written(caplog: pytest.LogCaptureFixture) -> list[Line]:
    """The records as lines, without what differs from run to run."""
    text = [JsonFormatter().format(record) for record in caplog.records]
    assert all(line.isascii() and line.isprintable() for line in text)
    return [
        {key: value for key, value in json.loads(line).items() if key not in ("time", "pid")}
        for line in text
    ]


def test_a_record(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("vaurien").exception("it %s", "failed", extra={"proxy": FORGED})
    (line,) = written(caplog)
    trace = str(line.pop("traceback"))
    assert trace.startswith("Traceback")
    assert FORGED in trace
    assert line == {"level": "error", "message": "it failed", "proxy": FORGED}
    (whole,) = map(JsonFormatter().format, caplog.records)
    assert (json.loads(whole)["pid"], json.loads(whole)["time"][-1]) == (os.getpid(), "Z")


TROUBLE = {"level": "warning", "event": "trouble", "proxy": "cache"}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Trouble("cache", "odd", FORGED, 7),
            {**TROUBLE, "message": f"odd: {FORGED}", "what": "odd", "detail": FORGED}
            | {"connection": 7},
        ),
        (
            Trouble("cache", "odd"),
            {**TROUBLE, "message": "odd", "what": "odd", "detail": ""},
        ),
        (
            PluginFailed("cache", "it raised", "a\nb", 7, 3),
            {"level": "error", "event": "plugin_failed", "message": "it raised", "proxy": "cache"}
            | {"what": "it raised", "traceback": "a\nb", "connection": 7, "exchange": 3},
        ),
        (
            Changed("", 4, added=("a",), changed=(), removed=("b",)),
            {"level": "debug", "event": "changed", "message": "generation 4; added a; removed b"}
            | {"generation": 4, "added": ["a"], "changed": [], "removed": ["b"]},
        ),
        (
            Fired("cache", "r", "error", 7, 3, 1.5, 2, TO_BACKEND, {"key": FORGED}, "OOM"),
            {"level": "debug", "event": "fired", "proxy": "cache", "rule": "r", "behavior": "error"}
            | {"message": "r fired (OOM): connection 7, exchange 3, draw 1.5000"}
            | {"connection": 7, "exchange": 3, "draw": 1.5, "count": 2, "direction": "to_backend"}
            | {"labels": {"key": FORGED}, "fault": "OOM"},
        ),
    ],
)
def test_an_event(caplog: pytest.LogCaptureFixture, event: Event, line: Line) -> None:
    caplog.set_level("DEBUG")
    EventLog(lambda seconds, call: None)(event)
    assert written(caplog) == [line]


def test_repetitions_are_of_no_one_connection(caplog: pytest.LogCaptureFixture) -> None:
    tell = EventLog(lambda seconds, call: None)
    for number in range(3):
        tell(Trouble("cache", "odd", "", number))
    tell.close()
    assert written(caplog)[1:] == [
        {"level": "warning", "message": "odd (and 2 more like it)", "proxy": "cache", "repeats": 2}
    ]


def test_one_proxy(tmp_path: Path, echoing: Address) -> None:
    """Its lines stay JSON, also in a file that is moved."""
    log = tmp_path / "log"
    words = ["--log-format", "JSON", "--log-level", "debug", "--log-output", str(log)]
    with command_line(echoing, *words, "--rule", DELAY, log=log) as proxy:
        (ready,) = [line for line in lines(log.read_text()) if "ready" in str(line["message"])]
        with connect(proxy.address) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
        log.rename(tmp_path / "moved")
        proxy.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: log.exists() and "opened again" in log.read_text(), "a new file")
        proxy.process.terminate()
        assert proxy.process.wait(PATIENCE) == 0
    fired = [line for line in lines((tmp_path / "moved").read_text()) if "rule" in line]
    assert [(line["proxy"], line["connection"], line["exchange"]) for line in fired] == [
        ("vaurien", 1, 1)
    ]
    assert ready["proxy"] == "vaurien"
    assert lines(log.read_text())[-1]["message"] == "Bye!"


def test_many_proxies(tmp_path: Path, echoing: Address) -> None:
    """A line has the fields that the API and the journal have for the same event."""
    config, log, journal = (tmp_path / name for name in ("v.toml", "log", "journal"))
    gone = proxy_table("gone", Address("127.0.0.1", 9))
    rule = '[[proxies.cache.rules]]\nbehavior = "delay"\nsleep = 0\nname = "slow"\n'
    config.write_text(proxy_table("cache", echoing) + rule + gone)
    words = ["--log-format", "json", "--log-level", "debug", "--journal", str(journal)]
    with served("--config", str(config), "--http", "--port", "0", *words, log=log) as running:
        (listening,) = [line for line in lines(log.read_text()) if "api" in str(line["message"])]
        where = json.loads(str(listening["message"]).partition(" ")[2])
        with connect(Address.parse(where["proxies"]["cache"])) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
        with connect(Address.parse(where["proxies"]["gone"])) as client:
            receive_until_fin(client)
        with Client(url=where["api"][0]) as api:
            api.proxy("cache").disable()
            events = api.events(after=0, timeout=PATIENCE)
            told = [{"event": each.type, **each.data} for each in (next(events), next(events))]
        assert running.end() == 0
    found = lines(log.read_text())
    for event in told:
        fields = event.keys() - {"id", "time"}
        assert {key: event[key] for key in fields} in [
            {key: line[key] for key in fields if key in line} for line in found
        ]
    assert [event["connection"] for event in told] == [1, 1]
    (noted,) = map(json.loads, journal.read_text().splitlines())
    (fired,) = [line for line in found if line.get("event") == "fired"]
    assert {key: noted[key] for key in IN_JOURNAL} == {key: fired[key] for key in IN_JOURNAL}
    (changed,) = [line for line in found if "generation" in line]
    assert changed["proxy"] == "cache"


def test_a_command(tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    variable = '[environment]\nGONE = "{gone}"\n'
    config.write_text(variable + proxy_table("gone", Address("127.0.0.1", 9)))
    asks = "import os, socket; a = os.environ['GONE'].rsplit(':', 1); " + (
        "socket.create_connection((a[0], int(a[1]))).recv(1)"
    )
    words = ["run", "--config", str(config), "--log-format", "json"]
    done = subprocess.run(
        command(*words, "--", sys.executable, "-c", asks),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done
    assert [(line["proxy"], line["connection"]) for line in lines(done.stderr)] == [("gone", 1)]
