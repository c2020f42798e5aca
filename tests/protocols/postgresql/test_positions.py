"""Positions and contexts in PostgreSQL's errors."""

from __future__ import annotations

import pytest

from vaurien.protocols.postgresql.positions import position_of, table_in


@pytest.mark.parametrize(
    ("parameter", "word", "verb", "sql", "position"),
    [
        ("relation", "nosuch", "SELECT", "select * from nosuch", "15"),
        ("relation", "other", "SELECT", "select * from nosuch", "15"),
        ("relation", "other", "INSERT", "insert into t values (1)", "13"),
        ("column", "id", "SELECT", "select nocol from t", "8"),
        ("column", "b", "UPDATE", "update t set a = b", "18"),
        ("column", "id", "VALUES", "values (1)", "1"),
        ("relation", "t", "DROP", "drop table t", ""),
    ],
)
def test_a_name_has_the_position_that_the_server_gives(
    parameter: str, word: str, verb: str, sql: str, position: str
) -> None:
    assert position_of(parameter, word, {"verb": verb, "sql": sql}) == position


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("update only public.accounts set v = 1", "accounts"),
        ('select * from "my table"', "my table"),
        ("copy t from stdin", "t"),
        ("select 1", ""),
    ],
)
def test_the_table_of_a_statement_is_found(sql: str, table: str) -> None:
    assert table_in({"sql": sql}) == table
