"""The log: its format, what it escapes, and what it leaves out."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vaurien.cli.logs import KINDS_LIMIT, LOGGER, REPEAT_INTERVAL, EventLog, configure, drain
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.values.events import Event, GaveUp, PluginFailed, Trouble


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    level, handlers, raises = LOGGER.level, LOGGER.handlers[:], logging.raiseExceptions
    last = logging.lastResort
    yield
    logging.lastResort = last
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


def written(log: Path) -> str:
    """What the log holds once everything is written."""
    drain()
    return log.read_text("utf-8")


def messages(log: Path) -> list[str]:
    return [line.partition("] ")[2] for line in written(log).splitlines()]


def test_the_form_of_a_record(log: Path) -> None:
    LOGGER.info("ready: %s", "so")
    LOGGER.debug("not this")
    form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+\] \[INFO\] ready: so\n"
    assert re.fullmatch(form, written(log))


def test_standard_error(capfd: pytest.CaptureFixture[str], log: Path) -> None:
    configure("debug", "-")
    LOGGER.debug("hello")
    written(log)
    said = capfd.readouterr()
    assert said.err.endswith("[DEBUG] hello\n")
    assert said.out == ""


def test_configuring_again_replaces(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    configure("error", str(other))
    LOGGER.error("hello")
    assert written(log) == ""
    assert messages(other) == ["[ERROR] hello"]


def test_nothing_in_a_record_looks_like_another(log: Path, reactor: Reactor) -> None:
    forged = "2026-01-01 00:00:00 [1] [INFO] forged"
    tell = EventLog(reactor.call_later)
    tell(Trouble("vaurien", "odd", f"x\n{forged}\x1b[2J"))
    tell(PluginFailed("vaurien", "it raised", f"Traceback\n  a line\nValueError: \r{forged}\n"))
    LOGGER.info("x\n%s", forged)
    lines = written(log).splitlines()
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


def test_a_log_that_cannot_be_written_disturbs_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    configure("info", "/dev/full")
    LOGGER.info("lost")
    LOGGER.handlers[0].close()
    assert capfd.readouterr().err == ""


def test_trouble_of_one_kind_is_told_once_whatever_traffic_says(
    log: Path, reactor: Reactor
) -> None:
    tell = EventLog(reactor.call_later)
    for word in ("abc", "def", "ghi"):
        tell(GaveUp("vaurien", "data cannot be parsed as http", f"{word!r} is no size"))
    tell.close()
    assert messages(log) == [
        "[WARNING] data cannot be parsed as http: 'abc' is no size",
        "[WARNING] data cannot be parsed as http (and 2 more like it)",
    ]


def test_kinds_without_end_do_not_flood_the_log(log: Path, reactor: Reactor) -> None:
    tell = EventLog(reactor.call_later)
    kinds = ["".join(chr(ord("p") + int(digit)) for digit in str(n)) for n in range(1000)]
    for kind in kinds:
        tell(PluginFailed("vaurien", f"trouble {kind}", "a trace"))
    tell.close()
    assert len(messages(log)) == 2 * KINDS_LIMIT + 2
    more = 1000 - KINDS_LIMIT - 1
    assert messages(log)[-1] == f"[WARNING] trouble of yet another kind (and {more} more like it)"


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
