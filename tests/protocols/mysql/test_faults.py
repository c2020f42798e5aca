"""The catalogue of MySQL: facts of which a slip would go unnoticed."""

from __future__ import annotations

import re

import pytest

from vaurien.errors import OptionError
from vaurien.fault import Fault, values_of
from vaurien.protocols.mysql.fault_types import ErrPacket
from vaurien.protocols.mysql.faults import CATALOGUE
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.mysql.wire import ERROR_TEXT_SIZE

ROLLING_BACK = {"1213", "1020", "1206", "1180", "3101", "1105"}
CLOSING = {"1040", "1129", "1130", "1045", "1203", "1226", "3032", "1153", "1053", "1927"}


def test_identifiers_are_unique() -> None:
    identifiers = [name for fault in CATALOGUE for name in (fault.name, *fault.aliases)]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("fault", CATALOGUE.faults, ids=lambda fault: fault.name)
def test_every_fault_says_what_it_is(fault: Fault) -> None:
    assert fault.meaning
    assert fault.exercises
    assert fault.wire
    assert set(fault.applies_to) <= set(MySQL.labels)
    if isinstance(fault, ErrPacket):
        assert re.fullmatch("[0-9A-Z]{5}", fault.sqlstate)
        assert 0 < len(fault.text.encode()) <= ERROR_TEXT_SIZE


def test_what_becomes_of_transactions_and_connections() -> None:
    refusals = [fault for fault in CATALOGUE if isinstance(fault, ErrPacket)]
    assert {fault.aliases[0] for fault in refusals if fault.rolls_back} == ROLLING_BACK
    assert {fault.aliases[0] for fault in refusals if fault.closes} == CLOSING


def test_typical_faults_suit_all_that_they_are_picked_for() -> None:
    (label, pattern), *_ = CATALOGUE.typical_where.items()
    typical = [fault for fault in CATALOGUE if fault.typical]
    assert len(typical) == 4
    for verb in re.findall("[A-Z]+", pattern):
        suited = {"phase": "command", "command": "QUERY", label: verb}
        for fault in typical:
            for name, wanted in fault.applies_to.items():
                assert re.search(wanted.removeprefix("~"), suited[name]), (fault.name, verb)


def test_any_error_number_is_a_fault() -> None:
    fault = CATALOGUE.find("1146")
    assert fault.wire == "ERR packet: errno (sqlstate) message"
    assert values_of(fault, {"message": "Gone"}) == {
        "message": "Gone",
        "sqlstate": "",
        "closes": False,
    }
    values_of(CATALOGUE.find("65534"), {"sqlstate": "42S02"})
    with pytest.raises(OptionError, match="sqlstate='x'"):
        values_of(fault, {"sqlstate": "x"})
    for wrong in ("0", "65535", "70000", "-1", "01146", "\u0661", "1146x"):
        with pytest.raises(OptionError, match="any other error number from 1 to 65534"):
            CATALOGUE.find(wrong)
