"""Problem details."""

from __future__ import annotations

import errno

from vaurien.control.v1.problems import Refusal, Wrong, invalid, pointer_of, refusal_of
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


def test_the_body_lists_what_is_wrong() -> None:
    assert invalid("is wrong", "percent", given="x", allowed="a number").body == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "is wrong",
        "errors": [
            {"pointer": "#/percent", "detail": "is wrong", "given": "x", "allowed": "a number"}
        ],
    }
    assert Refusal(422, errors=[Wrong("a"), Wrong("b")]).body["detail"] == "2 values are wrong"
