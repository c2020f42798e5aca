"""The table of commands, against what a real redis says of itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from redis_talk import call
from vaurien.net.address import Address
from vaurien.protocols.redis.commands import CONTAINERS, SPECIAL, command_in, command_of

SCRIPTS = {"EVAL", "EVALSHA", "FCALL"}
"""They may write, and redis does not know."""


@pytest.fixture(scope="module")
def flags(redis_address: Address) -> dict[str, set[str]]:
    """The flags of each command; of containers, those of their subcommands too."""
    with closing(Redis(redis_address.host, redis_address.port, protocol=2)) as client:
        table: dict[str, Any] = call(client, "COMMAND")
    found = {name.upper(): words(row["flags"]) for name, row in table.items()}
    for row in table.values():
        for part in row["subcommands"]:
            found[part[0].decode().upper()] = words(part[2])
    return found


def words(flags: list[bytes | str]) -> set[str]:
    return {flag.decode() if isinstance(flag, bytes) else flag for flag in flags}


def access_of(flags: set[str]) -> str:
    for flag, access in (("write", "write"), ("readonly", "read"), ("loading", "control")):
        if flag in flags:
            return access
    return "other"


def test_the_table_is_that_of_redis(flags: dict[str, set[str]]) -> None:
    wrong = {
        name: labels
        for name, known in flags.items()
        if not name.endswith("|HELP") and name not in SCRIPTS | CONTAINERS
        for labels in [command_of(name.encode()).labels]
        if labels["access"] != access_of(known)
        or labels["grows"] != ("yes" if "denyoom" in known else "no")
    }
    assert not wrong


def test_the_containers_are_those_of_redis(flags: dict[str, set[str]]) -> None:
    assert {name.partition("|")[0] for name in flags if "|" in name} == CONTAINERS


def test_scripts_may_write() -> None:
    assert {command_of(name.encode()).labels["access"] for name in SCRIPTS} == {"write"}


def test_names_come_in_any_case() -> None:
    assert command_of(b"gEt") == command_of(b"GET")
    assert command_of(b"xgroup|create").labels == {
        "command": "XGROUP",
        "subcommand": "CREATE",
        "access": "write",
        "grows": "yes",
    }


def test_a_name_may_have_its_size_with_it() -> None:
    assert command_in(b"3\r\nget") == command_of(b"GET")


def test_what_is_not_known_has_a_key() -> None:
    command = command_of(b"JSON.SET")
    assert (command.key, command.labels["access"]) == (1, "other")


def test_what_is_special_is_not_plain() -> None:
    assert not any(command_of(name.encode()).plain for name in SPECIAL | CONTAINERS)
    assert command_of(b"SET").plain


KEYS = {
    "GET a b": "a",
    "DBSIZE x": None,
    "PING x": None,
    "BITOP AND a b": "a",
    "EVAL script 1 a": "a",
    "EVAL script 0 a": None,
    "ZUNION 2 a b": "a",
    "XREAD COUNT 1 streams a 0": "a",
    "XREAD COUNT 1": None,
    "XREAD STREAMS": None,
    "OBJECT ENCODING a": "a",
    "MIGRATE host 1 a 0": "a",
    "MIGRATE host": None,
    "WATCH a": "a",
    "NEW a": "a",
}


@pytest.mark.parametrize("words", KEYS)
def test_keys(words: str) -> None:
    name, *arguments = words.encode().split()
    key = command_of(name).key_in(arguments)
    assert (key and key.decode()) == KEYS[words]


def test_keys_are_whole() -> None:
    assert command_of(b"GET").key_in([b"x" * 1000]) == b"x" * 1000
