"""Problem details."""

from __future__ import annotations

import errno

from vaurien.control.v1.problems import invalid, placed, pointer_of, refusal_of
from vaurien.errors import EndingError, ListenError, OptionError, UnknownNameError


def test_pointers_escape_what_paths_may_hold() -> None:
    assert pointer_of(("rules", 0, "a/b~c d%é")) == "#/rules/0/a~1b~0c%20d%25%C3%A9"
    assert pointer_of(()) == "#"
    assert pointer_of(("\ud800",)) == "#/%3F"


def test_the_statuses_of_errors() -> None:
    taken, foreign = ListenError(errno.EADDRINUSE, "taken"), ListenError(None, "no such host")
    assert refusal_of(taken).status == 409
    assert refusal_of(foreign).status == 422
    assert refusal_of(EndingError()).status == 503
    assert refusal_of(UnknownNameError("proxy", "a", [])).status == 404
    assert refusal_of(OptionError("is wrong")).status == 422


def test_what_is_wrong_in_a_part_is_told_with_its_place_in_the_whole() -> None:
    try:
        with placed(lambda path: ("changes", 1, "body", *path)):
            raise invalid("is wrong", "percent", given="x")
    except Exception as error:  # noqa: BLE001 - the only one
        refusal = error
    body = refusal_of(refusal).body  # type: ignore[arg-type]  # it is one
    assert body["errors"] == [
        {"pointer": "#/changes/1/body/percent", "detail": "is wrong", "given": "x"}
    ]
