"""The journal: its lines, and what happens when they cannot be written."""

from __future__ import annotations

import json
import os
import select
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers import wait_until
from vaurien.control.journal import BUFFER_LIMIT, Journal, entry
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.values.events import Event, Fired, Trouble
from vaurien.values.messages import Direction

NOW = 1_780_000_000.0625


def fired(exchange: int = 1, labels: Mapping[str, str] | None = None) -> Fired:
    way = Direction.TO_BACKEND
    return Fired("vaurien", "rule", "delay", 7, exchange, 12.5, 3, way, labels or {})


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor(SimulatedSystem())
    yield reactor
    reactor.close()


@pytest.fixture
def told() -> list[Event]:
    return []


Open = Callable[[Path], Journal]


@pytest.fixture
def open_journal(reactor: Reactor, told: list[Event]) -> Iterator[Open]:
    opened: list[Journal] = []

    def open_one(path: Path) -> Journal:
        journal = Journal(str(path), reactor, told.append, clock=lambda: NOW)
        opened.append(journal)
        return journal

    yield open_one
    for journal in opened:
        journal.close()


def end_batch(reactor: Reactor) -> None:
    reactor.call_soon(lambda: None)  # there may be nothing else
    reactor.run_once()


def write(journal: Journal, reactor: Reactor) -> None:
    """End the batch, and wait until its lines are written, or cannot be."""
    end_batch(reactor)
    journal._appender.drain()
    end_batch(reactor)


def exchanges(data: bytes) -> list[int]:
    return [json.loads(line)["exchange"] for line in data.splitlines()]


class Pipe:
    """A file that takes a limited number of bytes until somebody reads."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY)

    def read(self) -> bytes:
        data = b""
        try:
            while piece := os.read(self.fd, 65536):
                data += piece
        except BlockingIOError:
            pass
        return data


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    os.close(pipe.fd)
    os.close(pipe.writer)


def test_a_line() -> None:
    line = entry(fired(2, {"command": "GET"}), NOW)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "time": "2026-05-28T20:26:40.062Z",
        "proxy": "vaurien",
        "rule": "rule",
        "behavior": "delay",
        "connection": 7,
        "exchange": 2,
        "draw": 12.5,
        "count": 3,
        "direction": "to_backend",
        "labels": {"command": "GET"},
        "fault": "",
    }


@given(st.dictionaries(st.text(), st.text() | st.characters().map(str)))
def test_nothing_that_traffic_says_breaks_a_line(labels: dict[str, str]) -> None:
    line = entry(fired(labels=labels), NOW)
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert json.loads(line)["labels"] == labels


def test_lines_are_written_once_for_each_batch(
    open_journal: Open, reactor: Reactor, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    journal = open_journal(path)
    for exchange in range(3):
        journal(fired(exchange))
    journal(Trouble("vaurien", "not this"))
    assert path.read_bytes() == b""
    write(journal, reactor)
    assert exchanges(path.read_bytes()) == [0, 1, 2]
    journal(fired(3))
    write(journal, reactor)
    assert exchanges(path.read_bytes()) == [0, 1, 2, 3]


def test_a_new_file_is_for_its_owner_only(open_journal: Open, tmp_path: Path) -> None:
    open_journal(tmp_path / "journal")
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600


def test_it_adds_to_a_file_that_is_there(
    open_journal: Open, reactor: Reactor, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"before\n")
    path.chmod(0o644)
    journal = open_journal(path)
    journal(fired())
    write(journal, reactor)
    before, line = path.read_bytes().splitlines()
    assert (before, json.loads(line)["rule"]) == (b"before", "rule")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_is_truncated_or_moved_gets_whole_lines(
    open_journal: Open, reactor: Reactor, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    journal = open_journal(path)
    journal(fired(1))
    write(journal, reactor)
    os.truncate(path, 0)
    journal(fired(2))
    write(journal, reactor)
    path.rename(tmp_path / "moved")
    journal(fired(3))
    write(journal, reactor)
    assert exchanges((tmp_path / "moved").read_bytes()) == [2, 3]


def test_one_that_was_moved_is_opened_anew(
    open_journal: Open, reactor: Reactor, told: list[Event], tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "journal"
    path.parent.mkdir()
    journal = open_journal(path)
    journal(fired(1))
    path.rename(tmp_path / "moved")
    write(journal, reactor)
    journal.reopen()
    journal(fired(2))
    write(journal, reactor)
    assert exchanges((tmp_path / "moved").read_bytes()) == [1]
    assert exchanges(path.read_bytes()) == [2]
    path.parent.rename(tmp_path / "gone")
    journal.reopen()
    journal(fired(3))
    write(journal, reactor)
    assert exchanges((tmp_path / "gone" / "journal").read_bytes()) == [2, 3]
    what = f"the journal {str(path)!r} cannot be opened again: No such file or directory"
    assert told == [Trouble("journal", what)]


def test_a_line_that_is_begun_is_not_ended_in_another_file(
    open_journal: Open, reactor: Reactor, told: list[Event], pipe: Pipe
) -> None:
    journal = open_journal(pipe.path)
    count = 1000  # more than a pipe holds
    for exchange in range(count):
        journal(fired(exchange))
    reactor.run_once()
    wait_until(lambda: not select.select([], [pipe.writer], [], 0)[1], "a full pipe")
    pipe.path.rename(pipe.path.with_name("moved"))
    pipe.path.touch()
    journal.reopen()
    journal.close()
    begun = pipe.read()
    there = exchanges(pipe.path.read_bytes())
    assert there == list(range(count - len(there), count))
    torn = not begun.endswith(b"\n")
    assert begun.count(b"\n") + torn + len(there) == count
    lost = f"the journal {str(pipe.path)!r} is not written fast enough; lines lost: 1"
    assert told == [Trouble("journal", lost)] * torn


def test_a_folder_cannot_be_written(open_journal: Open, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_journal(tmp_path)


def test_a_full_disk_is_told_once(reactor: Reactor, told: list[Event]) -> None:
    journal = Journal("/dev/full", reactor, told.append)
    for exchange in range(3):
        journal(fired(exchange))
        write(journal, reactor)
    what = "the journal '/dev/full' cannot be written"
    waiting = Trouble("journal", f"{what}: No space left on device; lines waiting: 1")
    assert told == [waiting]
    journal.close()
    assert told == [waiting, Trouble("journal", f"{what}; lines lost: 3")]


@pytest.mark.parametrize("blocking", [True, False], ids=["slow disk", "pipe"])
def test_traffic_never_waits_for_a_reader_or_a_disk(
    open_journal: Open, reactor: Reactor, told: list[Event], pipe: Pipe, blocking: bool
) -> None:
    """What the file has not taken is written when it does, without a torn line."""
    journal = open_journal(pipe.path)
    os.set_blocking(journal._appender._fd, blocking)
    count = 10_000  # more than a pipe holds, less than is kept
    for exchange in range(count):
        journal(fired(exchange))
        if exchange % 100 == 0:
            end_batch(reactor)
    end_batch(reactor)
    data = b""
    while data.count(b"\n") < count:
        data += pipe.read()
    assert exchanges(data) == list(range(count))
    assert told == []


def test_what_is_too_much_is_lost_in_whole_lines(
    open_journal: Open, reactor: Reactor, told: list[Event], pipe: Pipe
) -> None:
    journal = open_journal(pipe.path)
    count = BUFFER_LIMIT // len(entry(fired(0), NOW)) * 2
    for exchange in range(count):
        journal(fired(exchange))
    end_batch(reactor)
    end_batch(reactor)
    what = f"the journal {str(pipe.path)!r} is not written fast enough"
    assert told == [Trouble("journal", f"{what}; lines are being lost")]
    data = b""
    while len(told) < 2:
        data += pipe.read()
        end_batch(reactor)
    data += pipe.read()
    seen = exchanges(data)
    assert seen == list(range(len(seen)))
    assert told[1:] == [Trouble("journal", f"{what}; lines lost: {count - len(seen)}")]
    journal(fired(count))
    write(journal, reactor)
    assert exchanges(pipe.read()) == [count]


def test_the_end_of_a_journal_that_nobody_reads(
    open_journal: Open,
    reactor: Reactor,
    told: list[Event],
    pipe: Pipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vaurien.net.appender.END_LIMIT", 0.01)
    journal = open_journal(pipe.path)
    count = 1000
    for exchange in range(count):
        journal(fired(exchange))
    journal.close()
    lost = count - pipe.read().count(b"\n")
    what = f"the journal {str(pipe.path)!r} cannot be written; lines lost: {lost}"
    assert told == [Trouble("journal", what)]
