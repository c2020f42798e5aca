"""What ``vaurien top`` shows, without a terminal."""

from __future__ import annotations

import re

import pytest

from vaurien.cli.remote.screen import IDLE, TOP, Screen, size_of


def screen_of(**exchanges: int) -> Screen:
    """A screen with proxies that had so many requests."""
    screen = Screen("http://here")
    screen.meet(
        [
            {"name": name, "enabled": name != "off", "protocol": "http", "rules": [{}]}
            for name in exchanges
        ]
    )
    proxies = {name: {**IDLE, "exchanges": count} for name, count in exchanges.items()}
    screen.take({"proxies": proxies, "totals": {**IDLE, "exchanges": sum(exchanges.values())}})
    return screen


def names_of(screen: Screen) -> list[object]:
    return [row["name"] for row in screen.rows()]


def test_the_busiest_proxies_come_first() -> None:
    assert names_of(screen_of(a=1, b=3, c=2, d=0)) == ["b", "c", "a", "d"]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ("r", ["d", "a", "c", "b"]),
        ("rr", ["b", "c", "a", "d"]),
        ("\x1b[D", ["a", "b", "c", "d"]),
        ("\x1bOD", ["a", "b", "c", "d"]),
        ("\x1b[D\x1b[C", ["b", "c", "a", "d"]),
        ("\x1b[D" * 5 + "r", ["d", "c", "b", "a"]),
        ("\x1b[Z?x", ["b", "c", "a", "d"]),
    ],
)
def test_keys_sort(keys: str, names: list[str]) -> None:
    screen = screen_of(a=1, b=3, c=2, d=0)
    screen.press(keys)
    assert names_of(screen) == names


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ("", 0),
        ("j", 1),
        ("\x1b[Bjk", 1),
        ("\x1b[A", 0),
        ("\x1b[6~", 6),
        ("\x1b[6~\x1b[6~\x1b[5~", 6),
        ("\x1b[F", 14),
        ("\x1b[F\x1b[H", 0),
    ],
)
def test_keys_scroll(keys: str, first: int) -> None:
    screen = screen_of(**{f"p{number:02}": 0 for number in range(20)})
    height = 10
    screen.lines(height)
    for key in keys.replace("\x1b", " \x1b").split(" "):
        screen.press(key)
        lines = screen.lines(height)
    assert len(lines) == height
    assert lines[3].startswith(f"p{first:02} ")
    assert lines[-1].startswith(f"{first + 1}-{first + 6} of 20")


def test_q_quits() -> None:
    screen = screen_of(a=1)
    screen.press("\x1b[A")
    assert not screen.quits
    screen.press("jq")
    assert screen.quits


def test_the_heading_has_the_sums() -> None:
    heading = screen_of(a=1, b=3).lines(24)[0]
    assert heading.startswith("http://here  2 proxies, 0 open, 4 requests/s, p50 - ms")


def test_a_long_name_leaves_room_for_the_rest() -> None:
    screen = screen_of(**{"n" * 100: 1})
    assert screen.lines(24)[3].startswith(f"{'n' * 39}…  enabled")
    assert screen.rows()[0]["name"] == "n" * 100
    assert "1 proxy," in screen.lines(24)[0]


def test_it_says_when_the_server_is_gone_and_back() -> None:
    screen = screen_of(a=1)
    screen.lose("no\x1banswer")
    assert screen.lines(24)[0] == "no\\x1banswer"
    screen.take({"proxies": {}, "totals": IDLE})
    assert "answer" not in screen.lines(24)[0]


def test_what_rules_hold_is_shown() -> None:
    screen = screen_of(a=1)
    screen.take({"proxies": {"a": {**IDLE, "p99": 0.2, "held_p99": 742.0}}, "totals": IDLE})
    assert screen.lines(24)[2:4] == [
        *(
            "NAME  STATE    PROTOCOL  RULES  OPEN  REQ/S▼  P50 MS  P99 MS  HELD MS  ERR/S  INJ/S"
            "  FIRED/S  TO BACKEND/S  TO CLIENT/S",
            "a     enabled  http      1      0     0               0.2     742      0      0    "
            "  0        0             0",
        ),
    ]


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_what_does_not_fit_is_left_out_the_least_important_first(columns: int) -> None:
    screen = screen_of(**{"n" * 100: 1, "m": 100_000})
    lines = screen.lines(24, columns)
    assert all(len(line) <= columns for line in lines[1:-1])
    assert {"NAME", "STATE", "REQ/S▼", "HELD MS"} <= set(re.split("  +", lines[2]))
    assert lines[-1].endswith("; more columns where it is wider")


def test_what_is_sorted_by_is_always_shown() -> None:
    screen = screen_of(a=1)
    screen.press("\x1b[D" * 6)
    assert "TO CLIENT/S▼" in screen.lines(24, 80)[2]
    assert "TO BACKEND/S" not in screen.lines(24, 80)[2]


def test_where_there_is_no_proxy() -> None:
    assert screen_of().lines(24)[-1].startswith("none; q quits")


def test_a_proxy_is_shown_before_its_first_sample_and_not_when_it_is_gone() -> None:
    screen = screen_of(a=1)
    screen.meet([{"name": "off", "enabled": False, "protocol": "tcp", "rules": []}])
    (row,) = TOP.rows(screen.rows())
    assert row == ["off", "disabled", "tcp", "0", "0", "0", "", "", "", "0", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1_234_567, "1.23M"), (5e13, "50T"), (None, None)],
)
def test_sizes(value: object, text: str | None) -> None:
    assert size_of(value) == text
