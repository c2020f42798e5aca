"""The journal: its lines, and what happens when they cannot be written."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.control.journal import BUFFER_LIMIT, RETRY, Journal, entry
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


def exchanges(data: bytes) -> list[int]:
    return [json.loads(line)["exchange"] for line in data.splitlines()]


class Pipe:
    """A file that takes a limited number of bytes until somebody reads."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

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
    reactor.run_once()
    assert exchanges(path.read_bytes()) == [0, 1, 2]
    journal(fired(3))
    reactor.run_once()
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
    reactor.run_once()
    before, line = path.read_bytes().splitlines()
    assert (before, json.loads(line)["rule"]) == (b"before", "rule")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_is_truncated_or_moved_gets_whole_lines(
    open_journal: Open, reactor: Reactor, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    journal = open_journal(path)
    journal(fired(1))
    reactor.run_once()
    os.truncate(path, 0)
    journal(fired(2))
    reactor.run_once()
    path.rename(tmp_path / "moved")
    journal(fired(3))
    reactor.run_once()
    assert exchanges((tmp_path / "moved").read_bytes()) == [2, 3]


def test_one_that_was_moved_is_opened_anew(
    open_journal: Open, reactor: Reactor, told: list[Event], tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "journal"
    path.parent.mkdir()
    journal = open_journal(path)
    journal(fired(1))
    path.rename(tmp_path / "moved")
    reactor.run_once()
    journal.reopen()
    journal(fired(2))
    reactor.run_once()
    assert exchanges((tmp_path / "moved").read_bytes()) == [1]
    assert exchanges(path.read_bytes()) == [2]
    path.parent.rename(tmp_path / "gone")
    journal.reopen()
    journal(fired(3))
    reactor.run_once()
    assert exchanges((tmp_path / "gone" / "journal").read_bytes()) == [2, 3]
    what = f"the journal {str(path)!r} cannot be opened again"
    assert told == [Trouble("journal", what, "No such file or directory")]


def test_a_line_that_is_begun_is_not_ended_in_another_file(
    open_journal: Open, reactor: Reactor, pipe: Pipe
) -> None:
    journal = open_journal(pipe.path)
    count = 1000
    for exchange in range(count):
        journal(fired(exchange))
    reactor.run_once()
    pipe.path.rename(pipe.path.with_name("moved"))
    pipe.path.touch()
    journal.reopen()
    while not pipe.path.stat().st_size:
        reactor.run_once()
    begun = pipe.read()
    there = exchanges(pipe.path.read_bytes())
    assert there == list(range(count - len(there), count))
    assert begun.count(b"\n") + (not begun.endswith(b"\n")) + len(there) == count


def test_a_folder_cannot_be_written(open_journal: Open, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_journal(tmp_path)


def test_a_full_disk_is_told_once(reactor: Reactor, told: list[Event]) -> None:
    journal = Journal("/dev/full", reactor, told.append)
    for exchange in range(3):
        journal(fired(exchange))
        while reactor.clock() < (exchange + 1) * RETRY:
            reactor.run_once()
    what = "the journal '/dev/full' cannot be written"
    waiting = Trouble("journal", what, "No space left on device; 1 entries wait")
    assert told == [waiting]
    journal.close()
    assert told == [waiting, Trouble("journal", what, "3 entries are lost")]


def drained(pipe: Pipe, reactor: Reactor, until: Callable[[], bool]) -> bytes:
    """Read continuously until the condition holds, and return everything read."""
    data = pipe.read()
    while not until():
        reactor.run_once()
        data += pipe.read()
    return data


def test_what_waits_is_written_later_without_a_torn_line(
    open_journal: Open, reactor: Reactor, told: list[Event], pipe: Pipe
) -> None:
    journal = open_journal(pipe.path)
    count = 1000  # more than a pipe holds, less than is kept
    for exchange in range(count):
        journal(fired(exchange))
    reactor.run_once()
    (trouble,) = told
    data = pipe.read()
    waiting = count - data.count(b"\n")
    assert 0 < waiting < count
    what = f"the journal {str(pipe.path)!r}"
    unable = f"Resource temporarily unavailable; {waiting} entries wait"
    assert trouble == Trouble("journal", f"{what} cannot be written", unable)
    data += drained(pipe, reactor, until=lambda: len(told) > 1)
    assert exchanges(data) == list(range(count))
    assert told[1:] == [Trouble("journal", f"{what} is written again", "0 entries are lost")]


def test_what_is_too_much_is_lost_in_whole_lines(
    open_journal: Open, reactor: Reactor, told: list[Event], pipe: Pipe
) -> None:
    journal = open_journal(pipe.path)
    journal(fired(0))
    size = len(entry(fired(0), NOW))
    count = BUFFER_LIMIT // size * 2
    for exchange in range(1, count):
        journal(fired(exchange))
    reactor.run_once()
    data = drained(pipe, reactor, until=lambda: len(told) > 1)
    seen = exchanges(data)
    assert seen == list(range(len(seen)))
    assert told[1].text().endswith(f"is written again: {count - len(seen)} entries are lost")
    journal(fired(count))
    reactor.run_once()
    assert exchanges(pipe.read()) == [count]
