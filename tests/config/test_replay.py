"""What is replayed: journals, and what a configuration must have for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vaurien import plugins
from vaurien.config.configuration import Configuration
from vaurien.config.document import DocumentError
from vaurien.config.replay import journal, parse, read
from vaurien.config.source import Source
from vaurien.control.journal import entry
from vaurien.errors import OptionError
from vaurien.rules.replay import Place
from vaurien.values.events import Fired, Noted
from vaurien.values.messages import Direction

NOTED = Noted(2, 3, "abcd", 2**64 - 1)
CACHE = """
[proxies.cache]
backend = "h:1"
protocol = "redis"
rules = [{ behavior = "delay", name = "slow" }, { behavior = "error", fault = "READONLY" }]
"""


def line(
    proxy: str = "cache",
    rule: str = "slow",
    behavior: str = "delay",
    noted: Noted | None = NOTED,
    run: str = "r",
) -> bytes:
    way, labels = Direction.TO_BACKEND, {"key": "a"}
    exchange = max(0, noted.exchange) if noted else 2
    fired = Fired(proxy, rule, behavior, 1, exchange, 12.5, 4, way, labels, "", noted)
    return entry(fired, 0.0, run)


def places(data: bytes) -> list[Place]:
    return [each for rules in journal(data, "j").places.values() for each in rules["slow"]]


def facts(place: Place) -> tuple[object, ...]:
    numbers = place.connection, place.exchange, place.occurrence, place.count
    return (*numbers, place.labels, place.begins, place.rolled)


def understood(
    folder: Path, data: bytes | str, name: str = "j", text: str = CACHE
) -> Configuration:
    plugins.install()
    file, config = folder / name, folder / "v.toml"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    config.write_text(f'replay = "{file}"\n{text}')
    source = Source(str(config), plugins.load_named)
    return source.understand(source.read())


def problems(folder: Path, data: bytes | str, name: str = "j", text: str = CACHE) -> list[str]:
    with pytest.raises(DocumentError) as raised:
        understood(folder, data, name, text)
    return [str(each).replace(f"{folder}/", "") for each in raised.value.problems]


def test_a_line_says_where_a_rule_fired() -> None:
    (place,) = places(line())
    assert facts(place) == (1, 2, 3, 4, {"key": "a"}, "abcd", (12.5, 2**64 - 1))


def test_a_line_of_an_earlier_version() -> None:
    (place,) = places(line(noted=None))
    assert facts(place) == (1, 2, 0, 4, {"key": "a"}, "", None)


def test_an_unsolicited_message() -> None:
    (place,) = places(line(noted=NOTED._replace(exchange=-5)))
    assert place.exchange == -5


def test_the_last_run_is_replayed() -> None:
    data = line(run="1") + line(run="2", noted=NOTED._replace(exchange=7)) + line(run="2")
    found = journal(data, "j")
    assert [each.exchange for each in found.places["cache"]["slow"]] == [7, 2]
    assert found.warnings == ("j is the journal of 2 runs: the last one is replayed",)


def test_an_empty_journal_fires_nothing() -> None:
    assert (journal(b"", "j").places, journal(b"", "j").warnings) == ({}, ())


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x00\x00",
        b"[]",
        b"{}",
        line()[:-9],
        line()[:100] + line(),
        line().replace(b'"key":"a"', b'"key":1'),
        line().replace(b'"connection":1', b'"connection":true'),
        line().replace(b"ffffffffffffffff", b"x"),
        b"[" * 100_000,
        b'"\xff"',
    ],
)
def test_what_is_not_whole_is_left_out(damaged: bytes) -> None:
    found = journal(line() + damaged.rstrip() + b"\n" + line(), "j")
    assert [each.exchange for each in found.places["cache"]["slow"]] == [2, 2]
    assert found.warnings == ("j: what is not a whole line of a journal is left out: line 2",)


def test_many_damaged_lines_are_one_warning() -> None:
    (warning,) = journal(b"x\n" * 22 + line(), "j").warnings
    assert warning.endswith(
        "line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, and 2 more"
    )


def test_what_is_no_journal(tmp_path: Path) -> None:
    assert problems(tmp_path, "hello\n") == [
        "v.toml: replay = 'j' has no line of a journal",
    ]


def test_an_empty_scenario(tmp_path: Path) -> None:
    assert problems(tmp_path, " \n", "s.toml") == [
        "s.toml: fire is missing: it takes [[fire]] for each fault"
    ]


@pytest.mark.parametrize("cut", range(0, len(line()), 7))
def test_a_journal_that_ends_anywhere(cut: int) -> None:
    assert len(places(line() + line()[:cut])) == 1


def test_a_configuration_with_a_journal(tmp_path: Path) -> None:
    configuration = understood(tmp_path, line() + line()[:20])
    assert configuration.replaying is not None
    assert list(configuration.replaying["cache"]) == ["slow"]
    (spec,) = configuration.state.proxies
    assert [rule.name for rule in spec.plan.rules] == ["slow", "error"]
    assert len(configuration.warnings) == 1


def test_a_configuration_without(tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    config.write_text(CACHE)
    source = Source(str(config), plugins.load_named)
    assert source.understand(source.read()).replaying is None


def test_what_a_configuration_lacks(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        line("cach") * 2 + line(rule="slw") * 2 + line(rule="error"),
    )
    assert told == [
        "j: line 1: proxy='cach' is an unknown proxy (did you mean 'cache'?): it takes cache",
        "j: line 3: rule='slw' is an unknown rule of the proxy 'cache' (did you mean 'slow'?): "
        "it takes slow, error",
        "j: line 5: behavior='delay' is not the behavior of the rule 'error': it takes error",
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    config.write_text(f'replay = "nosuch"\n{CACHE}')
    source = Source(str(config), plugins.load_named)
    with pytest.raises(DocumentError) as raised:
        source.understand(source.read())
    assert str(raised.value) == (
        f"{config}: replay = 'nosuch' cannot be read: No such file or directory"
    )
    with pytest.raises(OptionError, match="'nosuch' cannot be read"):
        read("nosuch")


SCENARIO = '[[fire]]\nproxy = "cache"\nbehavior = "error"\noptions = { fault = "LOADING" }\n'


def test_a_scenario_brings_its_own_rules(tmp_path: Path) -> None:
    more = '[[fire]]\nproxy = "cache"\nbehavior = "hang"\nname = "h"\nlasting = true\n'
    configuration = understood(tmp_path, SCENARIO + more, "s.toml")
    (spec,) = configuration.state.proxies
    assert [rule.name for rule in spec.plan.rules] == ["fire-1", "h"]
    replaying = configuration.replaying
    assert replaying is not None
    found = {name: (each.occurrence, each.lasting) for name, (each,) in replaying["cache"].items()}
    assert found == {"fire-1": (1, False), "h": (1, True)}


def test_a_scenario_leaves_no_rules_on_other_proxies(tmp_path: Path) -> None:
    other = '[proxies.other]\nbackend = "h:1"\nrules = [{ behavior = "hang" }]\n'
    configuration = understood(tmp_path, SCENARIO, "s.toml", CACHE + other)
    assert [len(spec.plan.rules) for spec in configuration.state.proxies] == [1, 0]


def test_what_is_wrong_with_a_scenario(tmp_path: Path) -> None:
    text = SCENARIO.replace("cache", "cach") + SCENARIO.replace("LOADING", "LODING")
    text += 'exchange = { kye = "a" }\n'
    told = problems(tmp_path, text, "s.toml")
    assert [each.partition(": it takes")[0] for each in told] == [
        "s.toml: fire[1].options.fault = 'LODING' is unknown (did you mean LOADING?)",
        "s.toml: fire[1].exchange.kye = 'a' is an unknown key",
        "s.toml: fire[0].proxy = 'cach' is an unknown proxy (did you mean 'cache'?)",
    ]


def test_a_text_is_a_journal_or_a_scenario() -> None:
    assert [each.rule for each in parse(line().decode()).lines] == ["slow"]
    assert [each.behavior for each in parse(SCENARIO).fires] == ["error"]
    assert parse(" \n").lines == []


def test_a_line_is_json_that_others_can_read() -> None:
    assert json.loads(line())["seed"] == "f" * 16
