"""The catalogue of TLS's faults."""

from __future__ import annotations

import pytest

from vaurien.errors import OptionError
from vaurien.fault import Fault
from vaurien.protocols.tls.fault_types import Alert
from vaurien.protocols.tls.faults import CATALOGUE, MEANINGS, PLAINTEXT
from vaurien.protocols.tls.wire import ALERTS


@pytest.mark.parametrize("fault", CATALOGUE.faults, ids=lambda fault: fault.name)
def test_each_is_documented(fault: Fault) -> None:
    assert fault.wire
    assert fault.meaning
    assert fault.exercises
    assert CATALOGUE.find(fault.name) is fault


def test_each_alert_is_a_fault_of_its_name_and_number() -> None:
    assert set(MEANINGS) == set(ALERTS.values())
    for code, name in ALERTS.items():
        fault = CATALOGUE.find(name)
        assert isinstance(fault, Alert)
        assert fault.code == code
        assert CATALOGUE.find(str(code)) is fault


@pytest.mark.parametrize("number", ["111", "0111", "255"])
def test_an_alert_without_a_name_is_given_by_its_number(number: str) -> None:
    fault = CATALOGUE.find(number)
    assert isinstance(fault, Alert)
    assert fault.name == str(int(number))


@pytest.mark.parametrize("identifier", ["256", "-1", "x", "\N{SUPERSCRIPT TWO}"])
def test_what_is_no_fault(identifier: str) -> None:
    with pytest.raises(OptionError):
        CATALOGUE.find(identifier)


def test_the_page_of_a_web_server_is_complete() -> None:
    head, body = PLAINTEXT.split(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
