"""Writing the log: nobody waits for whoever reads it."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vaurien.cli.log_file import BUFFER_LIMIT, LogFile, opener

LINE = "x" * 999
SIZE = len(LINE) + 1


class Pipe:
    """A pipe that nobody reads until a test does."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.room = fcntl.fcntl(self.writer, fcntl.F_GETPIPE_SZ)

    def open(self) -> int:
        return os.dup(self.writer)

    def read_until(self, found: Callable[[bytes], bool]) -> bytes:
        data = b""
        while not found(data):
            data += os.read(self.reader, 65536)
        return data

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("vaurien", logging.INFO, "", 0, text, (), None)


def accounted(data: bytes) -> int:
    """How many lines are there, or are said to be lost."""
    lost = re.findall(rb"^the log is not written fast enough; lines lost: (\d+)\n", data, re.M)
    return data.count(f"{LINE}\n".encode()) + sum(map(int, lost))


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_that_nobody_reads_keeps_nobody_waiting(pipe: Pipe, blocking: bool) -> None:
    """It has the first lines and says how many are missing; blocking is what others made it."""
    os.set_blocking(pipe.writer, blocking)
    log = LogFile(pipe.open)
    count = 2 * (pipe.room + BUFFER_LIMIT) // SIZE
    for _ in range(count):
        log.emit(record(LINE))
    data = pipe.read_until(lambda data: accounted(data) == count)
    assert BUFFER_LIMIT // SIZE <= data.count(LINE.encode()) < count
    log.emit(record("again"))
    assert pipe.read_until(lambda data: data.endswith(b"\n")) == b"again\n"
    log.close()


def test_the_end_waits_for_a_limited_time(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaurien.net.appender.END_LIMIT", 0.01)
    log = LogFile(pipe.open)
    for _ in range(2 * pipe.room // SIZE):
        log.emit(record(LINE))
    log.close()
    (thread,) = [each for each in threading.enumerate() if each.name == "log"]
    pipe.read_until(lambda data: len(data) == 2 * pipe.room // SIZE * SIZE)
    thread.join()


def test_the_end_writes_what_is_left(tmp_path: Path) -> None:
    log = LogFile(opener(str(tmp_path / "log")))
    for number in range(1000):
        log.emit(record(str(number)))
    log.close()
    log.close()
    assert (tmp_path / "log").read_text() == "".join(f"{number}\n" for number in range(1000))


def test_a_disk_that_is_full_loses_what_is_too_much_and_says_how_many(tmp_path: Path) -> None:
    paths = iter(["/dev/full", str(tmp_path / "log")])
    log = LogFile(lambda: os.open(next(paths), os.O_WRONLY | os.O_CREAT))
    for text in ("one", "two\n    more of it"):
        log.emit(record(text))
        log.drain()
    kept, lost = BUFFER_LIMIT // SIZE, 2
    for _ in range(kept + lost):
        log.emit(record(LINE))
    log.reopen()
    log.close()
    assert (tmp_path / "log").read_text().splitlines() == [
        *("one", "two", "    more of it"),
        *[LINE] * kept,
        f"the log is written again; lines lost: {lost}",
    ]


def test_a_file_that_was_moved_is_opened_anew(tmp_path: Path) -> None:
    log = LogFile(opener(str(tmp_path / "log")))
    log.emit(record("before"))
    (tmp_path / "log").rename(tmp_path / "moved")
    log.emit(record("still there"))
    log.reopen()
    log.emit(record("after"))
    log.close()
    assert (tmp_path / "moved").read_text() == "before\nstill there\n"
    assert (tmp_path / "log").read_text() == "after\n"


def test_one_that_cannot_be_opened_anew_stays(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    log = LogFile(opener(str(folder / "log")))
    folder.rename(tmp_path / "moved")
    log.reopen()
    log.emit(record("after"))
    log.close()
    said = "the log cannot be opened again: No such file or directory\n"
    assert (tmp_path / "moved" / "log").read_text() == f"{said}after\n"


def test_a_record_that_cannot_be_formatted_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log = LogFile(opener(str(tmp_path / "log")))
    log.emit(logging.LogRecord("vaurien", logging.INFO, "", 0, "%d", ("x",), None))
    log.close()
    assert (tmp_path / "log").read_text() == ""


def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):
        opener(str(pipe))()
