"""HTTP's catalogue: what is in it, and that all of it is documented."""

from __future__ import annotations

import re

import pytest

from vaurien.errors import OptionError
from vaurien.fault import Fault, values_of
from vaurien.protocols.http.faults import CATALOGUE, TYPICAL
from vaurien.protocols.http.llm_faults import LLM_FAULTS
from vaurien.protocols.http.parser import Http
from vaurien.protocols.http.statuses import STATUSES

NAMED = {
    "status",
    "redirect-loop",
    "dead-redirect",
    "stale-keep-alive",
    "empty-reply",
    "reset",
    "corrupt-gzip",
    "wrong-charset",
    "html-for-json",
    "html-page",
    "duplicate-content-length",
    "huge-header",
    "truncated-body",
    "truncated-chunks",
    "bad-chunk",
    "slow-headers",
    "slow-body",
    "stall-after-headers",
    "missing-reason",
    "interim-flood",
}
"""All faults that are not single status codes."""


def test_what_is_in_it() -> None:
    names = [fault.name for fault in CATALOGUE]
    assert len(set(names)) == len(names)
    assert set(names) == {*map(str, STATUSES), *NAMED, *(fault.name for fault in LLM_FAULTS)}
    assert Http.faults is CATALOGUE


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("503", "503"),
        ("Service-Unavailable", "503"),
        ("too-many-requests", "429"),
        ("not-found", "404"),
        ("RESET", "reset"),
    ],
)
def test_identifiers(identifier: str, name: str) -> None:
    assert CATALOGUE.find(identifier).name == name


def test_identifiers_are_unique() -> None:
    for fault in CATALOGUE:
        for identifier in (fault.name, *fault.aliases):
            assert CATALOGUE.find(identifier) is fault


def test_typical_faults_are_errors_of_servers() -> None:
    typical = {fault.name for fault in CATALOGUE if fault.typical}
    assert typical == {str(status) for status in TYPICAL}


@pytest.mark.parametrize("fault", [*CATALOGUE], ids=lambda fault: str(fault.name))
def test_it_is_documented(fault: Fault) -> None:
    assert fault.wire
    assert fault.meaning
    assert fault.exercises
    assert set(fault.applies_to) <= set(Http.labels)
    for pattern in fault.applies_to.values():
        re.compile(pattern.removeprefix("~"))
    assert all(option.help for option in fault.parameters)


@pytest.mark.parametrize("fault", [*CATALOGUE], ids=lambda fault: str(fault.name))
def test_the_defaults_are_allowed(fault: Fault) -> None:
    values = values_of(fault, {})
    assert values_of(fault, values) == values


def test_which_faults_take_a_location() -> None:
    having = {
        fault.name
        for fault in CATALOGUE
        if "location" in {option.name for option in fault.parameters}
    }
    redirects = {"300", "301", "302", "303", "305", "307", "308"}
    assert having == {"status", "redirect-loop", "dead-redirect", *redirects}


def test_any_status_is_a_fault() -> None:
    fault = CATALOGUE.find("477")
    assert (fault.name, fault.wire) == ("477", "HTTP/1.1 477")
    assert values_of(fault, {"reason": "Odd", "close": True})["reason"] == "Odd"
    for wrong in ("199", "1000", "47", "x", "-50", "\u0664\u0667\u0667"):
        with pytest.raises(OptionError, match="is unknown"):
            CATALOGUE.find(wrong)
