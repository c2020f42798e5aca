"""Paths, methods, bodies and headers, whatever the resource."""

from __future__ import annotations

import pytest

from control.plane import Plane
from live import Http
from native import JSON, Native, told
from vaurien.config.state import State
from vaurien.control.v1.app import made
from vaurien.control.v1.problems import Refusal
from vaurien.control.v1.routes import Answer, Change
from vaurien.control.writer import StalledError

PROBLEM = "application/problem+json"


def test_a_path_that_does_not_exist(ask: Native) -> None:
    for path in ("/v1/nope", "/v1/", "/v1/proxies/", "/v1//proxies"):
        answer = ask("GET", path)
        assert (answer.status, answer.body["status"]) == (404, 404)
        assert answer.headers["content-type"] == PROBLEM


def test_a_method_that_a_path_does_not_have(ask: Native) -> None:
    answer = ask("PATCH", "/v1/proxies", {})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, HEAD")


def test_other_paths_are_those_of_the_other_apis(http: Http) -> None:
    assert http("GET", "/behaviors").status == 200
    assert http("GET", "/proxies").body == b"{}"


def test_head(http: Http) -> None:
    answer = http("HEAD", "/v1/proxies")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_refused(http: Http, kind: str) -> None:
    answer = http("POST", "/v1/proxies", b"{}", {"Content-Type": kind} if kind else {})
    assert (answer.status, answer.headers["content-type"]) == (415, PROBLEM)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff", b"[" * 100_000, b"1" * 5000],
)
def test_a_body_that_is_no_json_object(http: Http, body: bytes) -> None:
    answer = told(http("POST", "/v1/proxies", body, JSON))
    assert (answer.status, answer.headers["content-type"]) == (400, PROBLEM)
    assert answer.body["detail"]


def test_a_body_that_is_too_long(http: Http) -> None:
    answer = http("POST", "/v1/proxies", b" " * (1024 * 1024 + 1), JSON)
    assert (answer.status, answer.headers["content-type"]) == (413, PROBLEM)


def test_an_unknown_parameter_of_the_query(ask: Native, cache: str) -> None:
    answer = ask("DELETE", f"{cache}?drian=1&drain=-1")
    assert answer.status == 422
    assert set(answer.pointers) == {"drian", "drain"}
    assert "did you mean 'drain'" in answer.pointers["drian"]


def test_what_has_not_changed_is_not_sent_again(ask: Native, cache: str) -> None:
    tag = ask("GET", cache).headers["etag"]
    answer = ask("GET", cache, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, {}, tag)


def test_changes_are_logged(ask: Native, cache: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert ask("PATCH", f"{cache}?drain=1", {"timeout": 5}).status == 200
    assert ask("PATCH", cache, {"timeout": 5}).status == 200  # which changes nothing
    assert ask("PATCH", cache, {"timeout": -1}).status == 422
    assert ask("DELETE", "/v1/proxies/c%61che%0a").status == 404
    assert caplog.messages == [f"PATCH {cache}?drain=1: generation 2"]


def test_a_change_whose_answer_cannot_be_told_was_made(plane: Plane) -> None:
    def answer(after: State) -> Answer:
        raise StalledError(f"stalled at {after.generation}")

    with pytest.raises(Refusal, match="the change was made, but") as caught:
        made(plane.control, Change(lambda state: state.without_proxy("cache"), answer), "DELETE")
    assert caught.value.status == 503
    assert plane.control.state.proxies == ()


def test_what_has_changed_is_not_changed_blindly(ask: Native, cache: str) -> None:
    answer = ask("DELETE", cache, headers={"If-Match": '"999"'})
    assert (answer.status, list(answer.pointers)) == (412, ["If-Match"])
    tag = ask("GET", cache).headers["etag"]
    assert answer.headers["etag"] == tag
    assert ask("DELETE", cache, headers={"If-Match": f'"1000", {tag}'}).status == 204
