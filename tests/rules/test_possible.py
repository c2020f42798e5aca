"""Rules that can never fire are rejected, with the reason."""

from __future__ import annotations

import pytest

from vaurien import plugins, registry
from vaurien.errors import OptionError
from vaurien.protocol import Protocol
from vaurien.rules.kinds import ANY, texts
from vaurien.rules.matches import matches_of
from vaurien.rules.notation import Entry, make_rules
from vaurien.rules.plan import Match
from vaurien.rules.possible import check_acts, check_possible

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
        ("http", {"path": "/a?b=1"}, "(did you mean /a with query=b=1?): it takes a path such as"),
        ("http", {"path": "http://x/a#b"}, "(did you mean /a?)"),
        ("http", {"path": "/a b"}, "no exchange has this path"),
        ("http", {"path": r"~\?"}, "no exchange has this path"),
        ("http", {"path": "~^/a#b"}, "no exchange has this path"),
        ("http", {"query": "a b"}, "no exchange has this query: it takes what follows the ?"),
        ("http", {"host": "X Y"}, "no exchange has this host: it takes HOST or HOST:PORT"),
        ("http", {"method": "GET,POST"}, "(did you mean '~^(GET|POST)$'?)"),
        ("http", {"method": "GET POST"}, "(did you mean '~^(GET|POST)$'?)"),
        ("http", {"method": "~GET POST"}, "no exchange has this method"),
        ("http", {"status": "50"}, "it takes a status code of three digits"),
        ("smtp", {"verb": "RCPT TO"}, "(did you mean RCPT?)"),
        ("smtp", {"verb": "MAIL FROM"}, "(did you mean MAIL?)"),
        ("smtp", {"verb": "~^RCPT TO"}, "no exchange has this verb"),
        ("smtp", {"address": "<a@b>"}, "(did you mean a@b?): it takes an address without"),
        ("smtp", {"code": "99"}, "it takes a reply code of three digits"),
        ("smtp", {"error": "greylisted"}, "(did you mean 451?)"),
        ("redis", {"command": "CONFIG GET"}, "(did you mean CONFIG with subcommand=GET?)"),
        ("redis", {"command": "get|set"}, "(did you mean '~^(GET|SET)$'?)"),
        ("redis", {"command": "~^(get|set)$"}, "(did you mean ~^(GET|SET)$?)"),
        ("redis", {"subcommand": "get"}, "(did you mean GET?)"),
        ("redis", {"command": "CONFIG", "subcommand": "get"}, "(did you mean GET?)"),
        ("redis", {"error": "MOVED 1 h:1"}, "it takes the first word of an error"),
        ("mysql", {"error": "99999"}, "it takes an error number from 1 to 65535"),
        ("mysql", {"error": "ER_LOCK_DEADLOCK"}, "(did you mean 1213?)"),
        ("mysql", {"verb": "SELECT 1"}, "(did you mean SELECT?)"),
        ("mysql", {"command": "query"}, "(did you mean QUERY?)"),
        ("postgresql", {"error": "deadlock_detected"}, "(did you mean 40P01?)"),
        ("postgresql", {"error": "40p01"}, "(did you mean 40P01?)"),
        ("memcache", {"command": "GET"}, "(did you mean get?)"),
        ("memcache", {"quiet": "true"}, "(did you mean yes?): it takes one of no, yes"),
        ("memcache", {"result": "stored"}, "(did you mean STORED?)"),
        ("memcache", {"error": "SERVER_ERROR out of memory"}, "(did you mean SERVER_ERROR?)"),
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
        ("smtp", {"address": '"a b"@c'}),
        ("smtp", {"address": ""}),
        ("smtp", {"error": "5.7.11"}),
        ("smtp", {"error": "~^5\\.7"}),
        ("http", {"method": "get"}),
        ("http", {"method": "VERSION-CONTROL"}),
        ("http", {"path": "*"}),
        ("http", {"path": "/%3F"}),
        ("http", {"path": "!~\\?"}),
        ("http", {"path": "~a.*b"}),
        ("http", {"query": "?a=/b"}),
        ("redis", {"command": "_FT.CONFIG"}),
        ("redis", {"error": "custom"}),
        ("mysql", {"error": "65534"}),
        ("memcache", {"error": "0x00ff"}),
        ("memcache", {"form": "binary", "key": "a b"}),
    ],
)
def test_other_rules_are_not(protocol: str, match: dict[str, str]) -> None:
    assert refusal(protocol, {"behavior": "delay", "before": False, **match}) == ""


def test_the_conditions_of_a_fault_count_too() -> None:
    reads = {"behavior": "error", "fault": "READONLY", "command": "GET"}
    assert refusal("redis", reads).endswith("no exchange has access=write and command=GET")
    login = {"behavior": "error", "fault": "1040", "sql": "~."}
    assert "no exchange has phase=greeting and sql=~." in refusal("mysql", login)


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


@pytest.mark.parametrize(
    ("protocol", "entry", "key"),
    [
        ("tcp", {"behavior": "partial-reply", "direction": "to_backend"}, "direction"),
        ("tcp", {"behavior": "reply-lost", "direction": "to_backend"}, "direction"),
        ("redis", {"behavior": "duplicate-request", "direction": "to_client"}, "direction"),
        (
            "http",
            {"behavior": "error", "fault": "bad-chunk", "direction": "to_backend"},
            "direction",
        ),
        ("mysql", {"behavior": "error", "fault": "2006", "direction": "to_backend"}, "direction"),
        (
            "smtp",
            {"behavior": "error", "fault": "starttls-garbage", "direction": "to_client"},
            "direction",
        ),
        ("tcp", {"behavior": "hang", "start": 5, "ttl": 2}, "ttl"),
        ("tcp", {"behavior": "hang", "start": 5, "ttl": 5}, "ttl"),
    ],
)
def test_a_rule_that_can_never_act_is_rejected(protocol: str, entry: Entry, key: str) -> None:
    (rule,) = make_rules([entry], registry.behaviors.get, protocol_of(protocol))
    with pytest.raises(OptionError) as caught:
        check_acts(rule)
    assert caught.value.key == key
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("protocol", "entry"),
    [
        ("tcp", {"behavior": "partial-reply", "direction": "to_client"}),
        ("tcp", {"behavior": "reply-lost"}),
        ("redis", {"behavior": "duplicate-request", "direction": "to_backend"}),
        ("redis", {"behavior": "error", "direction": "to_backend"}),
        ("mysql", {"behavior": "error", "direction": "to_client"}),
        ("tcp", {"behavior": "slow-accept", "direction": "to_client"}),
        ("tcp", {"behavior": "hang", "start": 5, "ttl": 6}),
        ("tcp", {"behavior": "hang", "start": 5}),
    ],
)
def test_a_rule_that_may_act_is_not(protocol: str, entry: Entry) -> None:
    (rule,) = make_rules([entry], registry.behaviors.get, protocol_of(protocol))
    check_acts(rule)
