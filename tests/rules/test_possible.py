"""Rules that can never fire are rejected, with the reason."""

from __future__ import annotations

import pytest

from vaurien import plugins, registry
from vaurien.errors import OptionError
from vaurien.protocol import Protocol
from vaurien.rules.notation import Entry, make_rules, matches_of
from vaurien.rules.plan import Match
from vaurien.rules.possible import ANY, check_possible, texts

PROTOCOLS = sorted(plugins.PROTOCOLS.keys() - {"tcp"})


def protocol_of(name: str) -> type[Protocol]:
    plugins.install()
    return type(registry.protocols.get(name)())


def refusal(protocol: str, entry: Entry) -> str:
    """Why a rule is rejected; '' if it is not."""
    plugins.install()
    try:
        make_rules([entry], registry.behaviors.get, protocol_of(protocol))
    except OptionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("protocol", "match", "reason"),
    [
        ("redis", {"command": "get"}, "no exchange has this command (did you mean GET?)"),
        ("redis", {"command": "~^(get|set)$"}, "no exchange has this command"),
        ("redis", {"access": "wirte"}, "no exchange has this access (did you mean write?)"),
        ("redis", {"command": "GET", "access": "write"}, "has command=GET and access=write"),
        ("redis", {"command": "JSON.SET", "access": "write"}, "can never fire"),
        ("redis", {"command": "PING", "key": "~."}, "can never fire"),
        ("redis", {"command": "GET", "subcommand": "X"}, "can never fire"),
        ("redis", {"command": ""}, "command='' can never match: no exchange has this command"),
        ("memcache", {"key": ""}, "no exchange has this key"),
        ("smtp", {"verb": ""}, "no exchange has this verb"),
        ("http", {"reused": "maybe"}, "no exchange has this reused"),
        ("http", {"status": "abc"}, "no exchange has this status"),
        ("memcache", {"form": "textual"}, "no exchange has this form (did you mean text?)"),
        ("memcache", {"form": "meta", "command": "get"}, "can never fire"),
        ("mysql", {"phase": "query"}, "no exchange has this phase"),
        ("mysql", {"phase": "greeting", "verb": "SELECT"}, "can never fire"),
        ("mysql", {"command": "PING", "sql": "~."}, "can never fire"),
        ("postgresql", {"phase": "login"}, "no exchange has this phase"),
        ("postgresql", {"verb": "select"}, "no exchange has this verb (did you mean SELECT?)"),
        ("postgresql", {"mode": "extended", "user": "me"}, "can never fire"),
        ("postgresql", {"error": "4000"}, "no exchange has this error"),
        ("smtp", {"verb": "mail"}, "no exchange has this verb (did you mean MAIL?)"),
        ("smtp", {"verb": "DATA", "address": "~."}, "can never fire"),
    ],
)
def test_a_rule_that_can_never_fire_is_rejected(
    protocol: str, match: dict[str, str], reason: str
) -> None:
    assert reason in refusal(protocol, {"behavior": "delay", "before": False, **match})


@pytest.mark.parametrize(
    ("protocol", "match"),
    [
        ("redis", {"command": "JSON.SET", "access": "other"}),
        ("redis", {"command": "~^(get|JSON.SET)$"}),
        ("redis", {"command": "~(?i)^get$"}),
        ("redis", {"command": "~^(GET|SET)$", "access": "write"}),
        ("redis", {"command": "EXEC", "access": "write", "key": "k"}),
        ("redis", {"command": "XGROUP", "subcommand": "CREATE"}),
        ("redis", {"command": "CONFIG", "subcommand": "NEW"}),
        ("http", {"method": "PROPFIND", "status": "207"}),
        ("http", {"query": "", "host": ""}),
        ("redis", {"key": ""}),
        ("memcache", {"form": "binary", "command": "0x77"}),
        ("mysql", {"command": "0xF0"}),
        ("mysql", {"command": "STMT_EXECUTE", "verb": "SELECT"}),
        ("mysql", {"command": "CHANGE_USER", "user": "me"}),
        ("postgresql", {"verb": "FROBNICATE", "mode": "simple"}),
        ("smtp", {"verb": "XFORWARD"}),
    ],
)
def test_other_rules_are_not(protocol: str, match: dict[str, str]) -> None:
    assert refusal(protocol, {"behavior": "delay", "before": False, **match}) == ""


def test_the_conditions_of_a_fault_count_too() -> None:
    reads = {"behavior": "error", "fault": "READONLY", "command": "GET"}
    assert refusal("redis", reads).endswith("no exchange has access=write and command=GET")
    login = {"behavior": "error", "fault": "1040", "verb": "SELECT"}
    assert "no exchange has phase=greeting and verb=SELECT" in refusal("mysql", login)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_fault_can_happen(name: str) -> None:
    protocol = protocol_of(name)
    error = registry.behaviors.get("error")
    for fault in protocol.faults:
        assert fault.applies_to.keys() <= protocol.labels.keys()
        matches_of(error(fault=fault.name).fit(protocol), protocol)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_kinds_know_every_label(name: str) -> None:
    protocol = protocol_of(name)
    known = {label for kind in protocol.kinds() for label in kind}
    assert known == {*protocol.labels, *protocol.response_labels}


def test_a_protocol_without_kinds_takes_any_match() -> None:
    check_possible([Match("label", "anything")], ())


def test_an_expression_that_matches_nothing_known_may_match_the_unknown() -> None:
    kinds = [{"verb": texts("GET SET", "[A-Z]+", "[a-z]"), "key": ANY}]
    check_possible([Match("verb", "^FROB", regex=True)], kinds)
    with pytest.raises(OptionError, match="can never match"):
        check_possible([Match("verb", "^set", regex=True)], kinds)


def test_a_match_on_the_response_does_not_suit_requests() -> None:
    entry = {"behavior": "hang", "direction": "to_backend", "error": "LOADING"}
    assert "known only with the response" in refusal("redis", entry)
