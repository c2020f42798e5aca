"""Problem details."""

from __future__ import annotations

import errno

from vaurien.config.document import DocumentError, FileKey, Problem
from vaurien.control.v1.problems import (
    Refusal,
    Wrong,
    invalid,
    pointer_of,
    refusal_of,
)
from vaurien.errors import BackendError, EndingError, ListenError, OptionError, UnknownNameError


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


def test_a_problem_of_a_file_is_at_no_place_of_the_body() -> None:
    problems = [Problem(FileKey("v.toml", ("a",)), "1"), Problem(FileKey("", ("b", 0)), "2")]
    assert [each.path for each in refusal_of(DocumentError(problems)).errors] == [None, ("b", 0)]


def test_a_proxy_is_found_in_the_body() -> None:
    taken = ListenError(errno.EADDRINUSE, "taken")
    assert refusal_of(taken, ("proxies", 1)).errors[0].path == ("proxies", 1, "listen")
    refused = BackendError("is refused", given="b:1", proxy="a")
    assert refusal_of(refused, ()).errors[0].path == ("backend",)
    assert refusal_of(refused).errors[0].path is None
