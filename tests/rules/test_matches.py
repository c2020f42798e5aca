"""The matches of a rule, and those of its fault that they replace."""

from __future__ import annotations

import pytest

from vaurien import plugins, registry
from vaurien.protocol import Protocol
from vaurien.rules.notation import Entry, make_rules


def protocol_of(name: str) -> type[Protocol]:
    plugins.install()
    return type(registry.protocols.get(name)())


def matched(protocol: str, entry: Entry) -> dict[str, str]:
    """What a rule matches on."""
    plugins.install()
    (rule,) = make_rules([entry], registry.behaviors.get, protocol_of(protocol))
    return {one.label: one.written for one in rule.match}


@pytest.mark.parametrize(
    ("protocol", "fault", "match", "replaced"),
    [
        ("mysql", "1205", {"command": "STMT_PREPARE"}, "verb"),
        ("mysql", "1213", {"phase": "login"}, "verb"),
        ("mysql", "1040", {"command": "PING"}, "phase"),
        ("mysql", "1040", {"verb": "SELECT"}, "phase"),
        ("mysql", "1045", {"verb": "SELECT"}, "command"),
        ("postgresql", "53300", {"verb": "SELECT"}, "phase"),
        ("postgresql", "25006", {"phase": "startup"}, "verb"),
        ("smtp", "too-many-connections", {"verb": "MAIL"}, "phase"),
        ("smtp", "450", {"phase": "greeting"}, "verb"),
        ("redis", "BUSYGROUP", {"command": "XADD"}, "subcommand"),
    ],
)
def test_the_kind_of_request_of_a_rule_replaces_that_of_its_fault(
    protocol: str, fault: str, match: dict[str, str], replaced: str
) -> None:
    found = matched(protocol, {"behavior": "error", "fault": fault, **match})
    assert replaced not in found
    assert found.items() >= match.items()


@pytest.mark.parametrize(
    ("protocol", "fault", "match", "kept"),
    [
        ("mysql", "1205", {"command": "QUERY"}, "verb"),
        ("mysql", "1205", {"phase": "command"}, "verb"),
        ("postgresql", "40P01", {"mode": "extended"}, "verb"),
        ("redis", "BUSYGROUP", {"subcommand": "DESTROY"}, "command"),
    ],
)
def test_what_a_fault_says_that_a_rule_does_not_exclude_is_kept(
    protocol: str, fault: str, match: dict[str, str], kept: str
) -> None:
    assert kept in matched(protocol, {"behavior": "error", "fault": fault, **match})
