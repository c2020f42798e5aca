"""The catalogue: its names, its lines, and where its faults are at home."""

from __future__ import annotations

import re

import pytest

from redis_talk import Talk, command
from vaurien.errors import OptionError
from vaurien.fault import Fault, values_of
from vaurien.protocols.redis.fault_types import ErrorReply
from vaurien.protocols.redis.faults import CATALOGUE
from vaurien.protocols.redis.parser import Redis


@pytest.mark.parametrize("fault", CATALOGUE.faults, ids=lambda fault: fault.name)
def test_every_fault_is_described(fault: Fault) -> None:
    assert fault.meaning
    assert fault.exercises
    assert fault.wire
    assert "\n" not in fault.wire
    assert set(fault.applies_to) <= set(Redis.labels)
    for value in fault.applies_to.values():
        re.compile(value.removeprefix("~"))
    assert values_of(fault, {}) == {option.name: option.default for option in fault.parameters}


def test_names_are_unique() -> None:
    names = [name.lower() for fault in CATALOGUE for name in (fault.name, *fault.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("readonly", "READONLY"),
        ("ERR", "error"),
        ("nil", "miss"),
        ("WatchError", "watch-failed"),
        ("protected-mode", "DENIED"),
    ],
)
def test_identifiers(identifier: str, name: str) -> None:
    assert CATALOGUE.find(identifier).name == name


def test_errors_of_one_code_have_the_plain_name_once() -> None:
    codes = {fault.code for fault in CATALOGUE if isinstance(fault, ErrorReply) and fault.code}
    assert {code for code in codes if CATALOGUE.find(code).name != code} == {"ERR"}


def test_typical_errors_do_no_more_than_answer() -> None:
    typical = [fault for fault in CATALOGUE if fault.typical]
    assert {fault.name for fault in typical} == {"LOADING", "BUSY", "MASTERDOWN"}
    assert CATALOGUE.typical_where == {"access": "~^(read|write)$"}


@pytest.mark.parametrize("fault", ["MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN"])
@pytest.mark.parametrize("words", ["WATCH a b", "SSUBSCRIBE a b", "MSET a 1 b 2", "EVAL x 2 a b"])
def test_a_cluster_refuses_whatever_names_keys(fault: str, words: str) -> None:
    (message,) = Talk().ask(command(words))
    for label, value in CATALOGUE.find(fault).applies_to.items():
        assert re.search(value.removeprefix("~"), message.labels[label])


def test_a_cluster_serves_commands_without_keys() -> None:
    (message,) = Talk().ask(command("DBSIZE"))
    assert "key" not in message.labels


def test_any_code_with_a_text_is_a_fault() -> None:
    fault = CATALOGUE.find("MYERR", {"message"})
    assert fault.wire == "-MYERR injected by vaurien"
    assert values_of(fault, {"message": "mine"})["message"] == "mine"
    for wrong, given in (("READONYL", ()), ("myerr", {"message"}), ("MY ERR", {"message"})):
        with pytest.raises(OptionError, match="or any other code in capital letters, with a mess"):
            CATALOGUE.find(wrong, given)


@pytest.mark.parametrize("code", ["", "A B", "A\r\nB", " A"])
def test_a_code_is_a_word(code: str) -> None:
    with pytest.raises(OptionError, match=r"code=.*a word without spaces"):
        values_of(CATALOGUE.find("error"), {"code": code})
