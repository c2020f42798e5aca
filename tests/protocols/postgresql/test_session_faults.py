"""Faults that end sessions of postgresql, or let none begin, as data."""

from __future__ import annotations

import pytest

from vaurien.fault import Fault
from vaurien.protocols.postgresql.fault_types import (
    CrashNotice,
    ParameterStatus,
    RawBytes,
    SessionEnd,
    SessionTimeout,
)
from vaurien.protocols.postgresql.session_faults import (
    ENDED_SESSIONS,
    REFUSED_SESSIONS,
    REPORTED_SETTINGS,
)


@pytest.mark.parametrize("fault", ENDED_SESSIONS, ids=lambda fault: fault.name)
def test_a_session_ends_at_a_query_or_after_it(fault: Fault) -> None:
    assert fault.applies_to == {"phase": "query"}
    assert isinstance(fault, SessionEnd | SessionTimeout)
    assert fault.severity == ("WARNING" if isinstance(fault, CrashNotice) else "FATAL")


@pytest.mark.parametrize("fault", REFUSED_SESSIONS, ids=lambda fault: fault.name)
def test_a_session_is_refused_before_it_begins(fault: Fault) -> None:
    assert isinstance(fault, SessionEnd | RawBytes)
    assert "query" not in fault.applies_to["phase"]


def test_settings_are_those_that_clients_choose_a_server_by() -> None:
    assert [fault.name for fault in REPORTED_SETTINGS] == [
        "in_hot_standby",
        "default_transaction_read_only",
    ]
    assert all(isinstance(fault, ParameterStatus) for fault in REPORTED_SETTINGS)
