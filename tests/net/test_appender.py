"""Appending lines to a file in a thread: what waits, what is lost, and what is said of it."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from peers import wait_until
from vaurien.net.appender import FLAGS, Appender

LIMIT = 100_000
NUMBERS = [f"{number}\n".encode() for number in range(LIMIT)]


class Told(list[str]):
    def __call__(self, text: str) -> bytes:
        self.append(text)
        return f"({text})\n".encode()


@pytest.fixture
def told() -> Told:
    return Told()


class Fifo:
    """A pipe with a name, which nobody reads until a test does."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.reader = self.open(os.O_RDONLY)
        self.writer = self.open()

    def open(self, flags: int = os.O_WRONLY) -> int:
        return os.open(self.path, flags | os.O_NONBLOCK)

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)

    def read(self) -> bytes:
        try:
            return os.read(self.reader, 1_000_000)
        except BlockingIOError:
            return b""


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    with ExitStack() as stack:
        fifo = Fifo(tmp_path / "fifo")
        stack.callback(fifo.close)
        yield fifo


def fill(appender: Appender, fifo: Fifo) -> int:
    """Append lines until the pipe takes no more of them; return how many."""
    count = 30_000
    appender.append(b"".join(NUMBERS[:count]))
    wait_until(lambda: not select.select([], [fifo.writer], [], 0)[1], "a full pipe")
    return count


def test_lines_are_in_the_file_when_it_is_closed(tmp_path: Path, told: Told) -> None:
    path = tmp_path / "file"
    appender = Appender("lines", lambda: os.open(path, FLAGS), told, limit=LIMIT)
    for line in NUMBERS[:1000]:
        appender.append(line)
    assert appender.close() == 0
    assert appender.close() == 0
    assert path.read_bytes() == b"".join(NUMBERS[:1000])
    assert told == []


def test_as_many_lines_of_a_batch_are_kept_as_there_is_room_for(fifo: Fifo, told: Told) -> None:
    appender = Appender("lines", fifo.open, told, limit=10)
    appender.append(b"one\ntwo\nthree\nfour\n")
    assert appender.close() == 0
    assert fifo.read() == b"one\ntwo\n(is not written fast enough; lines lost: 2)\n"
    assert sorted(told) == [
        "is not written fast enough; lines are being lost",
        "is not written fast enough; lines lost: 2",
    ]


def test_what_could_not_be_written_is_written_when_it_can_be(
    fifo: Fifo, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaurien.net.appender.RETRY", 0.01)
    appender = Appender("lines", fifo.open, told, limit=LIMIT)
    os.close(fifo.reader)
    appender.append(b"one\n")
    wait_until(lambda: told, "a failure")
    assert told == ["cannot be written: Broken pipe; lines waiting: 1"]
    appender.append(b"two\n")
    appender.drain()  # does not wait for it
    fifo.reader = fifo.open(os.O_RDONLY)
    wait_until(lambda: len(told) > 1, "that it is written again")
    assert told[1:] == ["is written again; lines lost: 0"]
    assert appender.close() == 0
    assert fifo.read() == b"one\ntwo\n(is written again; lines lost: 0)\n"


def test_a_pipe_that_is_opened_anew_while_it_is_full_has_no_torn_line(
    fifo: Fifo, told: Told
) -> None:
    """As standard error, if others made it non-blocking: it is the same file as before."""
    appender = Appender("lines", fifo.open, told, limit=10 * LIMIT)
    count = fill(appender, fifo)
    appender.reopen()
    appender.append(b"last\n")
    wait_until(lambda: appender._reopen_at is None, "it is opened anew")
    data = b""
    while not data.endswith(b"last\n"):
        data += fifo.read()
    assert data == b"".join(NUMBERS[:count]) + b"last\n"
    assert appender.close() == 0
    assert told == []


def test_a_file_that_was_moved_while_it_was_full_is_opened_anew_at_once(
    fifo: Fifo, told: Told
) -> None:
    flags = FLAGS | os.O_NONBLOCK
    appender = Appender("lines", lambda: os.open(fifo.path, flags), told, limit=10 * LIMIT)
    count = fill(appender, fifo)
    fifo.path.rename(fifo.path.with_name("moved"))
    fifo.path.touch()
    appender.reopen()
    appender.append(b"last\n")
    assert appender.close() == 0
    begun, there = fifo.read(), fifo.path.read_bytes()
    torn = not begun.endswith(b"\n")
    assert there.splitlines()[: -1 - torn] == [
        line[:-1] for line in NUMBERS[begun.count(b"\n") + torn : count]
    ]
    assert told == ["is not written fast enough; lines lost: 1"] * torn


def test_the_end_waits_for_a_limited_time_and_counts_what_is_lost(
    fifo: Fifo, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaurien.net.appender.END_LIMIT", 0.01)
    appender = Appender("lines", fifo.open, told, limit=10 * LIMIT)
    count = fill(appender, fifo)
    lost = appender.close()
    assert lost == count - fifo.read().count(b"\n")
