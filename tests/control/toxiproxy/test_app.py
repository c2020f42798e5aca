"""The routes: statuses, headers and bodies as Toxiproxy 2.12 sends them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from live import Http, Live, controlled, live
from vaurien.control import server

PAGE = Path(__file__).parents[3] / "docs" / "toxiproxy.md"

TEXT = "text/plain; charset=utf-8"
TOXIC = b'{"attributes":{"latency":5,"jitter":0},"name":"slow","type":"latency",'
SLOW = TOXIC + b'"stream":"downstream","toxicity":1}'


def test_the_version(http: Http) -> None:
    answer = http("GET", "/version")
    assert (answer.status, answer.body) == (200, b'{"version": "2.12.0"}\n')
    assert answer.headers["content-type"] == "application/json;charset=utf-8"


def test_an_answer_that_is_json(http: Http) -> None:
    answer = http("GET", "/proxies")
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-toxiproxy-request-id"]


def test_an_error(http: Http) -> None:
    answer = http("GET", "/proxies/nope")
    assert (answer.status, answer.body) == (404, b'{"error":"proxy not found","status":404}\n')
    assert answer.headers["content-type"] == TEXT
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/proxies", 405),
        ("PUT", "/proxies", 405),
        ("OPTIONS", "/proxies", 405),
        ("PUT", "/proxies/cache", 405),
        ("DELETE", "/proxies/cache/toxics", 405),
        ("GET", "/populate", 405),
        ("GET", "/reset", 405),
        ("POST", "/version", 405),
    ],
)
def test_a_method_that_a_path_does_not_have(
    http: Http, method: str, path: str, status: int
) -> None:
    answer = http(method, path)
    assert (answer.status, answer.body) == (status, b"")
    assert "x-toxiproxy-request-id" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/proxies/", "/version/", "/reset/x", "/proxies/cache/", "/proxies/cache/nope", "/populate/"],
)
def test_a_path_that_does_not_exist(http: Http, cache: str, path: str) -> None:
    answer = http("GET", path)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
        TEXT,
        "nosniff",
    )


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("//proxies", "/proxies"),
        ("/proxies//cache", "/proxies/cache"),
        ("/proxies/./cache", "/proxies/cache"),
        ("/proxies/cache/..", "/proxies"),
        ("/proxies/..", "/"),
        ("/proxies/cache//", "/proxies/cache/"),
    ],
)
def test_a_path_that_is_not_clean_is_redirected(http: Http, path: str, clean: str) -> None:
    answer = http("GET", path)
    assert (answer.status, answer.headers["location"]) == (301, clean)


def test_browsers_are_kept_out(http: Http) -> None:
    answer = http("GET", "/proxies", headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status, answer.body) == (403, b"User agent not allowed\n")
    assert answer.headers["content-type"] == TEXT


def test_strangers_are_kept_out(http: Http) -> None:
    assert http("GET", "/proxies", headers={"Host": "evil.example"}).status == 403


def test_other_paths_are_those_of_the_older_api(http: Http, cache: str) -> None:
    assert http("GET", "/plan").json == {"rules": []}
    assert http("GET", "/nope").headers["content-type"] == "application/json"


def test_a_body_of_any_type_is_read_as_json(http: Http) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http("POST", "/proxies", {"name": "a", "upstream": "b:1"}, kind).status == 201


def test_a_proxy(http: Http, running: Live) -> None:
    upstream = str(running.backend)
    body = {"name": "cache", "listen": "localhost:0", "upstream": upstream}
    made = http("POST", "/proxies", body)
    port = running.control.address("cache").port
    expected = (
        f'{{"name":"cache","listen":"127.0.0.1:{port}","upstream":"{upstream}",'
        '"enabled":true,"Logger":{},"toxics":[]}'
    ).encode()
    assert (made.status, made.body) == (201, expected)
    assert http("GET", "/proxies/cache").body == expected
    assert http("GET", "/proxies").body == b'{"cache":%s}' % expected
    assert running.ask(proxy="cache") == b"hello"
    again = http("POST", "/proxies", body)
    assert (again.status, again.body) == (409, b'{"error":"proxy already exists","status":409}\n')
    gone = http("DELETE", "/proxies/cache", b"ignored")
    assert (gone.status, gone.body) == (204, b"")
    assert http("DELETE", "/proxies/cache").status == 404


def test_a_toxic(http: Http, cache: str) -> None:
    body = {"name": "slow", "type": "latency", "attributes": {"latency": 5}}
    made = http("POST", "/proxies/cache/toxics", body)
    assert (made.status, made.body) == (200, SLOW)
    path = "/proxies/cache/toxics/slow"
    assert http("GET", path).body == SLOW
    assert http("GET", "/proxies/cache/toxics").body == b"[%s]" % SLOW
    for method in ("POST", "PATCH"):
        changed = http(method, path, {"toxicity": 0.5})
        assert (changed.status, changed.body) == (200, SLOW.replace(b":1}", b":0.5}"))
    gone = http("DELETE", path)
    assert (gone.status, gone.body) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        answer = http(method, path, {})
        assert (answer.status, answer.body) == (404, b'{"error":"toxic not found","status":404}\n')


BODIES: dict[str, object] = {
    "POST /proxies": {"name": "b", "upstream": "c:1", "listen": "127.0.0.1:0"},
    "POST /populate": [{"name": "b", "upstream": "c:1", "listen": "127.0.0.1:0"}],
    "POST /proxies/NAME": {"upstream": "c:1"},
    "PATCH /proxies/NAME": {"upstream": "c:1"},
    "POST /proxies/NAME/toxics": {"type": "noop"},
    "POST /proxies/NAME/toxics/TOXIC": {"toxicity": 0.5},
    "PATCH /proxies/NAME/toxics/TOXIC": {"toxicity": 0.5},
}
ROWS = re.findall(
    r"^\| `([A-Z]+ /\S+)` \| (\d+) \| (.*?) ?\|$", PAGE.read_text("utf-8"), re.MULTILINE
)


def test_the_page_has_all_requests() -> None:
    assert len(ROWS) == 15
    assert set(BODIES) <= {request for request, _, _ in ROWS}


@pytest.mark.parametrize(("request_line", "status", "told"), ROWS)
def test_a_request_of_the_page(
    http: Http, cache: str, request_line: str, status: str, told: str
) -> None:
    assert http("POST", "/proxies/cache/toxics", {"type": "noop", "name": "t"}).status == 200
    method, _, path = request_line.partition(" ")
    path = path.replace("NAME", "cache").replace("TOXIC", "t")
    answer = http(method, path, BODIES.get(request_line))
    assert (answer.status, bool(answer.body)) == (int(status), status != "204")
    if "a list" not in told and ":" in told:
        body = BODIES[request_line]
        assert isinstance(body, dict)
        assert set(body) <= set(re.findall(r"`(\w+)`", told))


def test_a_proxy_that_is_missing_comes_before_a_body_that_is_wrong(http: Http) -> None:
    for path in ("/proxies/nope", "/proxies/nope/toxics", "/proxies/nope/toxics/slow"):
        assert http("POST", path, b"{").body == b'{"error":"proxy not found","status":404}\n'


@pytest.mark.parametrize("path", ["/proxies", "/proxies/cache", "/proxies/cache/toxics"])
def test_a_body_that_is_not_json(http: Http, cache: str, path: str) -> None:
    answer = http("POST", path, b"{")
    text = b'{"error":"bad request body: unexpected EOF","status":400}\n'
    assert (answer.status, answer.body) == (400, text)


def test_a_body_that_is_too_long(http: Http) -> None:
    answer = http("POST", "/proxies", b" " * (1024 * 1024 + 1))
    assert answer.status == 413


def test_populate_and_reset(http: Http, running: Live) -> None:
    body = [{"name": "a", "upstream": "b:1"}, {"name": "c", "upstream": "d:1", "enabled": False}]
    made = http("POST", "/populate", body)
    assert made.status == 201
    assert isinstance(made.json, dict)
    assert [each["name"] for each in made.json["proxies"]] == ["a", "c"]
    http("POST", "/proxies/a/toxics", {"type": "latency"})
    healed = http("POST", "/reset")
    assert (healed.status, healed.body) == (204, b"")
    assert running.control.plan("a") == []
    assert running.control.state.get("c").enabled  # type: ignore[union-attr]  # it is there


def test_a_problem_of_populate_is_json(http: Http) -> None:
    answer = http("POST", "/populate", [{"name": "a"}])
    text = b'{"error":"missing required field: upstream at proxy 1","status":400,"proxies":null}'
    assert (answer.status, answer.body) == (400, text)
    assert answer.headers["content-type"] == "application/json"


def test_what_the_older_api_made_is_seen() -> None:
    rule = {"behavior": "latency", "name": "slow", "delay": 0.005, "direction": "to_client"}
    with live([rule], names=["cache"]) as running, controlled(running) as http:
        assert http("GET", "/proxies/cache/toxics/slow").body == SLOW
        assert http("PUT", "/plan", {"rules": []}).status == 200
        assert http("GET", "/proxies/cache/toxics").body == b"[]"


def test_too_many_proxies_are_no_fault_of_the_server(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PROXY_LIMIT", 1)
    for name in ("first", "second", "third"):
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"}
        answer = http("POST", "/proxies", body)
    assert answer.status == 400
    assert b"are too many: there may be 1" in answer.body
