"""Faults that end sessions of postgresql, or let none begin, as data."""

from __future__ import annotations

import pytest

from vaurien.fault import Fault
from vaurien.protocols.postgresql.endings import ENDINGS, REFUSALS, SETTINGS
from vaurien.protocols.postgresql.forms import Crash, Ending, RawAnswer, Setting, Timeout


@pytest.mark.parametrize("fault", ENDINGS, ids=lambda fault: fault.name)
def test_a_session_ends_at_a_query_or_after_it(fault: Fault) -> None:
    assert fault.applies_to == {"phase": "query"}
    assert isinstance(fault, Ending | Timeout)
    assert fault.severity == ("WARNING" if isinstance(fault, Crash) else "FATAL")


@pytest.mark.parametrize("fault", REFUSALS, ids=lambda fault: fault.name)
def test_a_session_is_refused_before_it_begins(fault: Fault) -> None:
    assert isinstance(fault, Ending | RawAnswer)
    assert "query" not in fault.applies_to["phase"]


def test_settings_are_those_that_clients_choose_a_server_by() -> None:
    assert [fault.name for fault in SETTINGS] == ["in_hot_standby", "default_transaction_read_only"]
    assert all(isinstance(fault, Setting) for fault in SETTINGS)
