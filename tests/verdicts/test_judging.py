"""Findings as lines."""

from __future__ import annotations

from vaurien.verdicts.judging import Finding
from vaurien.verdicts.verdict import RULES


def test_a_finding_is_told_without_control_characters() -> None:
    finding = Finding("FAIL", "rule", "db", "GET \x1b[31m", ("one\ntwo",))
    assert list(finding.lines()) == ["FAIL rule: db: GET \\x1b[31m", "  one\\ntwo"]


def test_each_rule_says_what_it_may_not_claim() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.may_not_claim and type(rule).__doc__ for rule in RULES)
