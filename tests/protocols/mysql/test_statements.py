"""The SQL in commands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaurien.protocols.mysql.statements import ASKING, SQL_SIZE, statement_in, verb_of

SELECT = b"SELECT 1"


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("SELECT 1", "SELECT"),
        ("  \n\tupdate t", "UPDATE"),
        ("((select 1) union (select 2))", "SELECT"),
        ("/* a comment; */ DELETE FROM t", "DELETE"),
        ("/* one */-- two\n# three\n--\tfour\nINSERT", "INSERT"),
        ("/*!40101 SET NAMES utf8 */", "SET"),
        ("/*M!100100 SET x = 1 */", "SET"),
        ("BEGIN", "BEGIN"),
        (";COMMIT", "COMMIT"),
        ("/* never closed", ""),
        ("--1", ""),
        ("", ""),
        ("(" * 5000, ""),
    ],
)
def test_the_verb_is_the_first_word(sql: str, verb: str) -> None:
    assert verb_of(sql) == verb


@settings(deadline=None)
@given(st.text("(/*-# !a\n;", max_size=2000))
def test_any_text_has_a_verb_or_none_at_once(sql: str) -> None:
    assert verb_of(sql).isalpha() or not verb_of(sql)


@pytest.mark.parametrize(
    "preceding",
    [
        b"\0\x01",  # none
        b"\x01\x01\0\x01\x03\0\x01a\x05\0\0\0",  # a number of four bytes
        b"\x01\x01\x01\x01\xfd\0\x01a",  # NULL
        b"\x02\x01\0\x01\xfd\0\x01a\x01\0\x01b\x03one\x07",  # a text and a number of one byte
        b"\x01\x01\0\x01\x0c\0\x01a\x04\xea\x07\x01\x02",  # a date
        b"\x01\x01\0\x01\xfd\0\xfc\x03\0abc\xfc\x02\0xy",  # longer lengths
    ],
)
def test_attributes_precede_the_statement(preceding: bytes) -> None:
    assert statement_in(b"\x03" + preceding + SELECT, attributes=True) == SELECT.decode()


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_attributes_end_somewhere(data: bytes) -> None:
    assert len(statement_in(b"\x03" + data, attributes=True)) <= len(data)


def test_statements_are_cut_and_need_not_be_utf8() -> None:
    text = "é".encode() * 3000
    assert statement_in(b"\x03" + text, attributes=False) == "é" * SQL_SIZE
    assert statement_in(b"\x03\xff", attributes=False) == "\ufffd"


class Counted(bytes):
    """Bytes that count how often they are read."""

    reads = 0

    def __getitem__(self, place: Any) -> Any:
        Counted.reads += 1
        return super().__getitem__(place)


def test_attributes_that_are_declared_and_not_there_cost_nothing() -> None:
    nulls = bytes(62_000 // 8 + 1)
    start = b"\x03\xfc" + (62_000).to_bytes(2, "little") + b"\x01" + nulls + b"\x01"
    assert statement_in(Counted(start + bytes(8192 - len(start))), attributes=True) == ""
    assert Counted.reads < 1_000


@pytest.mark.parametrize(
    ("sql", "asks"),
    [
        (b"select 1; load data local infile 'x' into table t", True),
        (b"/* x */ LOAD DATA LOCAL INFILE 'x' INTO TABLE t", True),
        (b"execute immediate @s", True),
        (b"select 'loaded'", False),
    ],
)
def test_what_may_ask_for_a_file_is_known(sql: bytes, *, asks: bool) -> None:
    assert (ASKING.search(sql) is not None) is asks
