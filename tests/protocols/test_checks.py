"""Checks of the parameters of faults."""

from __future__ import annotations

import pytest

from vaurien.errors import OptionError
from vaurien.fault import Catalogue, values_of
from vaurien.protocols.checks import check_lines, check_sqlstate
from vaurien.protocols.http.faults import CATALOGUE as HTTP
from vaurien.protocols.mysql.faults import CATALOGUE as MYSQL
from vaurien.protocols.postgresql.faults import CATALOGUE as POSTGRESQL
from vaurien.protocols.smtp.faults import CATALOGUE as SMTP


def test_line_breaks_are_rejected() -> None:
    check_lines({"a": "text", "b": "x\ny"}, "a", "c")
    for end in ("\r", "\n", "\r\n"):
        with pytest.raises(OptionError, match=r"a='x.*one line"):
            check_lines({"a": f"x{end}y"}, "b", "a")


@pytest.mark.parametrize("state", ["42S02", "00000", "XX000"])
def test_a_sqlstate(state: str) -> None:
    check_sqlstate({"sqlstate": state})


@pytest.mark.parametrize("state", ["", "1", "42s02", "42S022", "42S0\n", "42S02\n", "٤2S02"])
def test_what_is_not_a_sqlstate(state: str) -> None:
    with pytest.raises(OptionError, match="sqlstate="):
        check_sqlstate({"sqlstate": state})


@pytest.mark.parametrize(
    ("catalogue", "fault", "parameter"),
    [
        (HTTP, "503", "reason"),
        (HTTP, "503", "content_type"),
        (HTTP, "503", "retry_after"),
        (HTTP, "302", "location"),
        (HTTP, "wrong-charset", "content_type"),
        (SMTP, "error", "enhanced"),
        (MYSQL, "error", "sqlstate"),
        (POSTGRESQL, "error", "sqlstate"),
    ],
)
def test_no_parameter_begins_another_line(catalogue: Catalogue, fault: str, parameter: str) -> None:
    with pytest.raises(OptionError, match=parameter):
        values_of(catalogue.find(fault), {parameter: "5.0.0\r\nX: y"})
