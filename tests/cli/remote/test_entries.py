"""KEY=VALUE words, with the types that the keys have."""

from __future__ import annotations

import pytest

from vaurien.cli.remote.entries import pairs_of, proxy_values, rule_of, rule_values
from vaurien.errors import OptionError


def test_pairs() -> None:
    assert pairs_of(["a=1", "b=", "c=x=y"]) == {"a": "1", "b": "", "c": "x=y"}


@pytest.mark.parametrize("words", [["a"], ["=1"], ["a=1", "a=2"]])
def test_what_is_no_pair(words: list[str]) -> None:
    with pytest.raises(OptionError):
        pairs_of(words)


def test_keys_of_a_proxy() -> None:
    given = ["timeout=5", "max-connections=10", "enabled=no", "seed=7", "backend=h:1", "nope=1"]
    assert proxy_values(given, "") == {
        "timeout": 5.0,
        "max_connections": 10,
        "enabled": False,
        "seed": 7,
        "backend": "h:1",
        "nope": "1",
    }


def test_options_of_the_protocol_of_a_proxy() -> None:
    given = ["options.keepalive=no", "options.max-pending=7", "timeout=5"]
    assert proxy_values(given, "unknown-here") == {
        "timeout": 5.0,
        "options": {"keepalive": "no", "max_pending": 7},
    }
    assert proxy_values(["options.tls=strip"], "postgresql") == {"options": {"tls": "strip"}}


def test_keys_of_a_rule() -> None:
    assert rule_of("delay sleep=0.2 percent=10 times=1 before=off paused=on", "tcp") == {
        "behavior": "delay",
        "sleep": 0.2,
        "percent": 10.0,
        "times": 1,
        "before": False,
        "paused": True,
    }


def test_labels_and_ramps_stay_texts() -> None:
    entry = rule_of("error fault=1062 command=7 percent=0..50/10s", "mysql")
    assert entry == {
        "behavior": "error",
        "fault": "1062",
        "command": "7",
        "percent": "0..50/10s",
    }


def test_what_only_the_server_knows_is_guessed() -> None:
    given = {"size": "7", "loud": "true", "text": "x"}
    assert rule_values(given, "unknown-here", "nope") == {"size": 7, "loud": True, "text": "x"}


def test_what_is_wrong_is_left_to_the_server() -> None:
    assert rule_values({"sleep": "x"}, "delay", "tcp") == {"sleep": "x"}


def test_tls_of_a_proxy() -> None:
    assert proxy_values(["tls=both"], "") == {"tls": {"mode": "both"}}
    given = ["tls=originate", "tls.insecure=yes", "tls.server-name=a.example"]
    assert proxy_values(given, "") == {
        "tls": {"mode": "originate", "insecure": "yes", "server_name": "a.example"}
    }
