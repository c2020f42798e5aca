"""The catalogue of postgresql, as data."""

from __future__ import annotations

import re

import psycopg
import pytest

from acting import firing
from postgresql_server import fields
from vaurien.errors import OptionError
from vaurien.fault import Fault, values_of
from vaurien.protocols.postgresql.fault_types import NO_WORK, ErrorReport
from vaurien.protocols.postgresql.faults import CATALOGUE
from vaurien.protocols.postgresql.parser import PostgreSQL
from vaurien.protocols.postgresql.statements import PgRequest
from vaurien.values.actions import Forward
from vaurien.values.messages import Direction, Message

REPORTS = [fault for fault in CATALOGUE if isinstance(fault, ErrorReport)]
NAMED = {
    "deadlock_detected": "40P01",
    "serialization_failure": "40001",
    "lock_not_available": "55P03",
    "query_canceled": "57014",
    "admin_shutdown": "57P01",
    "crash_shutdown": "57P02",
    "cannot_connect_now": "57P03",
    "database_dropped": "57P04",
    "idle_session_timeout": "57P05",
    "idle_in_transaction_session_timeout": "25P03",
    "transaction_timeout": "25P04",
    "too_many_connections": "53300",
    "disk_full": "53100",
    "out_of_memory": "53200",
    "configuration_limit_exceeded": "53400",
    "read_only_sql_transaction": "25006",
    "in_failed_sql_transaction": "25P02",
    "protocol_violation": "08P01",
    "invalid_sql_statement_name": "26000",
    "duplicate_prepared_statement": "42P05",
    "feature_not_supported": "0A000",
    "invalid_password": "28P01",
    "invalid_authorization_specification": "28000",
}


def name_of(fault: Fault) -> str:
    return fault.name


@pytest.mark.parametrize("name", NAMED)
def test_faults_answer_to_conditions_and_sqlstates(name: str) -> None:
    assert NAMED[name] in CATALOGUE.find(name).aliases
    found = CATALOGUE.find(NAMED[name].lower())
    assert NAMED[name] in found.aliases


def test_names_are_unique() -> None:
    names = [fault.name for fault in CATALOGUE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("fault", REPORTS, ids=name_of)
def test_a_name_with_underscores_is_that_of_its_code(fault: ErrorReport) -> None:
    """As far as clients know the code: drivers are made from the same list as the server."""
    pooler = fault.bare or fault.name in ("error", "statement_timeout")
    if "_" in fault.name and not pooler:
        known = psycopg.errors.lookup(fault.aliases[0]).__name__
        assert known.lower() == fault.name.replace("_", "")


@pytest.mark.parametrize("fault", CATALOGUE.faults, ids=name_of)
def test_a_fault_is_described_and_restricted_by_labels_that_exist(fault: Fault) -> None:
    for text in (fault.meaning, fault.exercises, fault.wire):
        assert text
        assert not text.endswith(".")
    assert set(fault.applies_to) <= set(PostgreSQL.labels)


@pytest.mark.parametrize("fault", REPORTS, ids=name_of)
def test_every_word_of_a_text_is_filled_in(fault: ErrorReport) -> None:
    labels = {"phase": "query", "verb": "INSERT", "sql": "INSERT", "mode": "simple"}
    message = Message(b"", Direction.TO_CLIENT, 0.0, {}, 1, ends=False, about=PgRequest(labels))
    fired = firing(protocol=PostgreSQL())
    told = fault.report(message, fired, values_of(fault, {}))
    for text in fields(told).values():
        assert "{" not in text
    assert fields(told)["C"] == (fault.aliases[0] if fault.aliases else "XX000")


@pytest.mark.parametrize("verb", NO_WORK.split("|"))
def test_typical_faults_leave_what_begins_and_ends_transactions_alone(verb: str) -> None:
    pattern = CATALOGUE.typical_where["verb"].removeprefix("!~")
    assert re.search(pattern, verb)
    assert not re.search(pattern, "INSERT")
    assert not re.search(pattern, "COMMIT")


@pytest.mark.parametrize("fault", [fault for fault in CATALOGUE if fault.typical], ids=name_of)
def test_typical_faults_can_be_played_on_typical_exchanges(fault: Fault) -> None:
    assert fault.applies_to["phase"] == CATALOGUE.typical_where["phase"]
    assert fault.applies_to.get("verb", "") in ("", CATALOGUE.typical_where["verb"])
    labels = {"phase": "query", "verb": "SELECT", "mode": "simple"}
    message = Message(b"Q", Direction.TO_BACKEND, 0.0, labels, 1, about=PgRequest(labels))
    fired = firing(protocol=PostgreSQL())
    actions = list(fault.play(message, fired, values_of(fault, {})))
    assert actions
    assert actions != [Forward(message)]


def test_any_sqlstate_is_a_fault() -> None:
    for code in ("P0001", "p0001", "HV00A", "XX999", "ABCDE"):
        fault = CATALOGUE.find(code)
        assert isinstance(fault, ErrorReport)
        assert (fault.name, fault.sqlstate) == (code.upper(), code.upper())
        assert values_of(fault, {"message": "mine", "severity": "FATAL"})["message"] == "mine"
    for wrong in ("P001", "P00011", "abcde", "P0_01", "\u0662\u0662\u0662\u0662\u0662"):
        with pytest.raises(OptionError, match="any other SQLSTATE: five digits or capital letters"):
            CATALOGUE.find(wrong)
