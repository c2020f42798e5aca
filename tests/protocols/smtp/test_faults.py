"""The catalogue of SMTP's faults: codes and identifiers."""

from __future__ import annotations

import re

import pytest

from vaurien.errors import OptionError
from vaurien.fault import values_of
from vaurien.protocols.smtp.fault_types import ReplyFault
from vaurien.protocols.smtp.faults import CATALOGUE
from vaurien.protocols.smtp.parser import Smtp


@pytest.mark.parametrize("fault", CATALOGUE.faults, ids=lambda fault: fault.name)
def test_codes_agree_with_enhanced_codes(fault: object) -> None:
    if isinstance(fault, ReplyFault) and fault.enhanced:
        assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", fault.enhanced)
        assert fault.enhanced[0] == str(fault.code)[0]
        assert fault.closes is (fault.code == 421)
        assert fault.wire.startswith(f"{fault.code} {fault.enhanced} {fault.text}")


@pytest.mark.parametrize("fault", CATALOGUE.faults, ids=lambda fault: fault.name)
def test_each_is_documented(fault: ReplyFault) -> None:
    assert fault.applies_to
    assert set(fault.applies_to) <= set(Smtp.labels)
    assert fault.wire
    assert CATALOGUE.find(fault.name) is fault


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("421", "service-shutdown"),
        ("4.3.2", "service-shutdown"),
        ("450", "mailbox-busy"),
        ("4.2.1", "mailbox-busy"),
        ("4.7.1", "greylisted"),
        ("451", "local-error"),
        ("4.2.2", "over-quota-for-now"),
        ("452", "insufficient-storage"),
        ("4.3.1", "insufficient-storage"),
        ("535", "authentication-failed"),
        ("5.7.8", "authentication-failed"),
        ("5.1.1", "mailbox-unavailable"),
        ("5.2.2", "mailbox-full"),
        ("552", "size-exceeds-limit"),
        ("5.3.4", "size-exceeds-limit"),
        ("553", "mailbox-name-not-allowed"),
        ("554", "relay-denied"),
        ("5.7.1", "relay-denied"),
        ("530", "authentication-required"),
        ("500", "command-unrecognized"),
    ],
)
def test_faults_answer_to_codes(identifier: str, name: str) -> None:
    assert CATALOGUE.find(identifier).name == name


def test_values_of_at() -> None:
    with pytest.raises(OptionError):
        values_of(CATALOGUE.find("451"), {"at": "greeting"})


def test_any_reply_code_is_a_fault() -> None:
    fault = CATALOGUE.find("471")
    assert fault.wire == "471 Requested action not taken"
    assert values_of(fault, {"message": "mine", "enhanced": "4.9.9"})["message"] == "mine"
    for wrong in ("171", "600", "47", "4711", "x"):
        with pytest.raises(OptionError, match="is unknown"):
            CATALOGUE.find(wrong)
