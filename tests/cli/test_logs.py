"""The log: its format, what it escapes, and what it leaves out."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vaurien.cli.logs import LOGGER, REPEAT_INTERVAL, EventLog, configure
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.values.events import Event, PluginFailed, Trouble


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    level, handlers, raises = LOGGER.level, LOGGER.handlers[:], logging.raiseExceptions
    yield
    for handler in set(LOGGER.handlers) - set(handlers):
        handler.close()
    LOGGER.handlers[:] = handlers
    LOGGER.setLevel(level)
    logging.raiseExceptions = raises


@pytest.fixture
def log(tmp_path: Path) -> Path:
    configure("info", str(tmp_path / "log"))
    return tmp_path / "log"


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor(SimulatedSystem())
    yield reactor
    reactor.close()


def messages(log: Path) -> list[str]:
    return [line.partition("] ")[2] for line in log.read_text("utf-8").splitlines()]


def test_the_form_of_a_record(log: Path) -> None:
    LOGGER.info("ready: %s", "so")
    LOGGER.debug("not this")
    form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+\] \[INFO\] ready: so\n"
    assert re.fullmatch(form, log.read_text())


def test_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", "-")
    LOGGER.debug("hello")
    said = capsys.readouterr()
    assert said.err.endswith("[DEBUG] hello\n")
    assert said.out == ""


def test_configuring_again_replaces(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    configure("error", str(other))
    LOGGER.error("hello")
    assert log.read_text() == ""
    assert messages(other) == ["[ERROR] hello"]


def test_nothing_in_a_record_looks_like_another(log: Path, reactor: Reactor) -> None:
    forged = "2026-01-01 00:00:00 [1] [INFO] forged"
    tell = EventLog(reactor.call_later)
    tell(Trouble("vaurien", "odd", f"x\n{forged}\x1b[2J"))
    tell(PluginFailed("vaurien", "it raised", f"Traceback\n  a line\nValueError: \r{forged}\n"))
    LOGGER.info("x\n%s", forged)
    lines = log.read_text().splitlines()
    assert len([line for line in lines if line.startswith("20")]) == 3
    assert [line for line in lines if not line.startswith("20")] == [
        "    Traceback",
        "      a line",
        f"    ValueError: \\r{forged}",
        f"    {forged}",
    ]


def test_a_repeated_trouble_is_told_once_and_then_counted(log: Path, reactor: Reactor) -> None:
    tell = EventLog(reactor.call_later)
    for number in range(1000):
        tell(Trouble("vaurien", "backend h:80 cannot be reached", f"refused {number}"))
        tell(PluginFailed("vaurien", f"a plugin failed on connection {number}", "a trace\n"))
    tell(Trouble("vaurien", "another trouble"))
    tell(Trouble("other", "another trouble"))
    first = [
        "[WARNING] backend h:80 cannot be reached: refused 0",
        "[ERROR] a plugin failed on connection 0",
        "",
        "[WARNING] another trouble",
        "[WARNING] another trouble",
    ]
    assert messages(log) == first
    while reactor.clock() < REPEAT_INTERVAL:
        reactor.run_once()
    counted = [
        "[WARNING] backend h:80 cannot be reached (and 999 more like it)",
        "[ERROR] a plugin failed on connection 0 (and 999 more like it)",
    ]
    assert messages(log) == first + counted
    while reactor.clock() < 2 * REPEAT_INTERVAL:
        reactor.run_once()
    tell(Trouble("vaurien", "backend h:80 cannot be reached", "refused anew"))
    again = "[WARNING] backend h:80 cannot be reached: refused anew"
    assert messages(log) == [*first, *counted, again]
    tell(Trouble("vaurien", "backend h:80 cannot be reached", "refused again"))
    tell.close()
    last = "[WARNING] backend h:80 cannot be reached (and 1 more like it)"
    assert messages(log) == [*first, *counted, again, last]


def test_other_events_are_not_held_back(log: Path, reactor: Reactor) -> None:
    tell = EventLog(reactor.call_later)
    for _ in range(3):
        tell(Event("vaurien"))
    assert messages(log) == ["[INFO] Event(proxy='vaurien')"] * 3


def test_what_the_level_leaves_out_costs_nothing(log: Path, reactor: Reactor) -> None:
    LOGGER.setLevel("ERROR")
    EventLog(reactor.call_later)(Trouble("vaurien", "odd"))
    assert messages(log) == []


def test_a_log_that_cannot_be_written_disturbs_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "/dev/full")
    LOGGER.info("lost")
    assert capsys.readouterr().err == ""
    with pytest.raises(OSError, match="No space left"):
        LOGGER.handlers[0].close()


def test_the_name_of_a_proxy_comes_first_if_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    later: list[Callable[[], None]] = []
    log = EventLog(lambda seconds, call: later.append(call), named=True)
    for proxy in ("cache", "cache", "web"):
        log(Trouble(proxy, "backend h:1 cannot be reached", "Connection refused"))
    log.close()
    assert caplog.messages == [
        "cache: backend h:1 cannot be reached: Connection refused",
        "web: backend h:1 cannot be reached: Connection refused",
        "cache: backend h:1 cannot be reached (and 1 more like it)",
    ]
