"""The SQLSTATEs of error numbers, against those of the catalogue."""

from __future__ import annotations

from vaurien.protocols.mysql.fault_types import ErrPacket
from vaurien.protocols.mysql.faults import FAULTS
from vaurien.protocols.mysql.sqlstates import NUMBERS, STATES, sqlstate_of


def test_each_number_has_one_state() -> None:
    assert len(STATES) == sum(len(numbers.split()) for numbers in NUMBERS.values())
    assert (sqlstate_of(1146), sqlstate_of(4711)) == ("42S02", "HY000")


def test_the_catalogue_says_the_same() -> None:
    errors = [fault for fault in FAULTS if isinstance(fault, ErrPacket)]
    unlike = {fault.name for fault in errors if sqlstate_of(fault.errno) != fault.sqlstate}
    assert unlike == {"ER_TRANSACTION_ROLLBACK_DURING_COMMIT"}
