"""Labels show no passwords."""

from __future__ import annotations

import pytest

from vaurien.protocols.sql import without_secrets


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("ALTER USER a IDENTIFIED BY 'x'", "ALTER USER a IDENTIFIED BY '***'"),
        (
            "CREATE USER a IDENTIFIED WITH caching_sha2_password BY 'x\\'y' REQUIRE SSL",
            "CREATE USER a IDENTIFIED WITH caching_sha2_password BY '***' REQUIRE SSL",
        ),
        ("SET PASSWORD FOR 'a'@'%' = PASSWORD('x')", "SET PASSWORD FOR 'a'@'%' = PASSWORD('***')"),
        ("SET PASSWORD FOR a = 'x'", "SET PASSWORD FOR a = '***'"),
        ("SET PASSWORD = 'x'", "SET PASSWORD = '***'"),
        (
            "CHANGE MASTER TO MASTER_PASSWORD='x', a=1",
            "CHANGE MASTER TO MASTER_PASSWORD='***', a=1",
        ),
        ("CREATE ROLE a LOGIN PASSWORD 'it''s' VALID", "CREATE ROLE a LOGIN PASSWORD '***' VALID"),
        ("ALTER ROLE a ENCRYPTED PASSWORD 'cut off", "ALTER ROLE a ENCRYPTED PASSWORD '***'"),
        ("CREATE TABLE t (password text)", "CREATE TABLE t (password text)"),
    ],
)
def test_passwords_are_not_shown(sql: str, shown: str) -> None:
    assert without_secrets(sql, sql.split()[0]) == shown


def test_other_statements_are_shown_as_they_are() -> None:
    sql = "SELECT * FROM users WHERE password = 'x'"
    assert without_secrets(sql, "SELECT") == sql
