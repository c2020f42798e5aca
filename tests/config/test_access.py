"""Hosts and backends that are allowed, as they are written."""

from __future__ import annotations

import pytest

from commands import Refuse, Understand
from documents_reading import Reading
from vaurien.config.access import lists_of
from vaurien.net.permitted import Pattern


def test_flags_may_be_repeated(understand: Understand) -> None:
    words = ["--allow-host", "chaos", "--allow-host", "[::1]", "--allow-backend", "redis:6379"]
    configuration = understand(*words, "--http")
    assert configuration.allow_host == ("chaos", "[::1]")
    assert configuration.allow_backend == (Pattern.parse("redis:6379"),)


def test_nothing_is_allowed_besides_by_default(understand: Understand) -> None:
    configuration = understand()
    assert not configuration.allow_host
    assert not configuration.allow_backend
    assert not configuration.insecure
    assert configuration.token_file == configuration.http_socket == configuration.port_file == ""


@pytest.mark.parametrize(
    ("flag", "value", "allowed"),
    [
        ("--allow-host", "http://chaos", "NAME"),
        ("--allow-host", "", "NAME"),
        ("--allow-host", "a b", "NAME"),
        ("--allow-host", "a:80", "NAME"),
        ("--allow-backend", "10.0.0.0/33", "HOST, HOST:PORT, NETWORK/BITS"),
        ("--token-file", "", "FILE"),
        ("--http-socket", "", "PATH"),
        ("--port-file", "", "FILE"),
    ],
)
def test_what_is_wrong_is_refused(refuse: Refuse, flag: str, value: str, allowed: str) -> None:
    said = refuse(flag, value)
    assert said.startswith(f"{flag}={value!r} is")
    assert f": it takes {allowed}" in said


def test_a_document_has_one_or_a_list() -> None:
    reading = Reading({"allow-host": ["chaos", "b"], "allow_backend": "10.0.0.0/8"})
    hosts, backends = lists_of(reading.table)
    assert (hosts, backends) == (("chaos", "b"), (Pattern.parse("10.0.0.0/8"),))
    reading = Reading({"allow_host": ["chaos", {}, "a/b"]})
    assert lists_of(reading.table) == (("chaos",), ())
    assert reading.said == [
        "t.allow_host[1] = {} is a table: it takes a text",
        "t.allow_host[2] = 'a/b' is not allowed: it takes NAME",
    ]
