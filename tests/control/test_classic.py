"""The HTTP API, over a real server and real proxies."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from live import LIMIT, Http, Live, controlled, live
from vaurien.control import classic, writer
from vaurien.control.store import Store

RULE = {"behavior": "delay", "sleep": 3.0, "before": False, "percent": 10.0, "name": "slow"}
OK = b'{"status": "ok"}'


@pytest.fixture
def running() -> Iterator[Live]:
    with live([RULE]) as started:
        yield started


@pytest.fixture
def http(running: Live) -> Iterator[Http]:
    with controlled(running) as started:
        yield started


def error(description: str, name: str = "", location: str = "body") -> object:
    problem = {"location": location, "name": name, "description": description}
    return {"status": "error", "errors": [problem]}


def test_get_behavior(http: Http) -> None:
    answer = http("GET", "/behavior")
    assert (answer.status, answer.body) == (200, b'{"behavior": "10:delay"}')
    assert answer.headers["content-type"] == "application/json"


def test_put_behavior(http: Http, running: Live) -> None:
    answer = http("PUT", "/behavior", {"sleep": 2, "name": "delay"})
    assert (answer.status, answer.body) == (200, OK)
    assert http("GET", "/behavior").json == {"behavior": "delay"}
    entry = {"behavior": "delay", "name": "delay", "mix": "behavior", "sleep": 2.0, "before": True}
    assert running.control.plan() == [entry, RULE]


def test_options_do_not_leak_into_later_calls(http: Http, running: Live) -> None:
    http("PUT", "/behavior", {"sleep": 2, "name": "delay"})
    http("PUT", "/behavior", {"name": "delay"})
    assert running.control.plan()[0]["sleep"] == 1.0


def test_a_mix_is_told_and_set(http: Http) -> None:
    assert http("PUT", "/behavior", {"name": "5:error,10:delay"}).body == OK
    assert http("GET", "/behavior").json == {"behavior": "5:error,10:delay"}


def test_get_behaviors(http: Http, running: Live) -> None:
    answer = http("GET", "/behaviors")
    assert (answer.status, answer.json) == (200, {"behaviors": running.control.behaviors()})


def test_backend(http: Http, running: Live) -> None:
    assert http("GET", "/backend").json == {"backend": str(running.proxy.backend)}
    answer = http("PUT", "/backend", {"backend": "example.com:80"})
    assert (answer.status, answer.body) == (200, OK)
    assert http("GET", "/backend").body == b'{"backend": "example.com:80"}'
    answer = http("PUT", "/backend", {"backend": "example.com:80", "reset": "perhaps"})
    assert answer.status == 400
    assert "reset='perhaps' is not allowed: it takes true or false" in answer.body.decode()


def test_a_plan_goes_round(http: Http, running: Live) -> None:
    before = running.proxy.plan.rules
    answer = http("GET", "/plan")
    assert (answer.status, answer.json) == (200, {"rules": [RULE]})
    assert http("PUT", "/plan", {"rules": []}).body == OK
    assert running.proxy.plan.rules == ()
    assert http("PUT", "/plan", answer.body).body == OK
    assert running.proxy.plan.rules == before


NO_OBJECT = ("the value is not a valid json object", "")
NO_BEHAVIOR = "rules[0].behavior is missing: it takes the name of a behavior"
ADDRESS = "is not an address: it takes HOST:PORT, [IPV6]:PORT or unix:/path"


@pytest.mark.parametrize(
    ("path", "body", "description", "name"),
    [
        ("/behavior", b"", *NO_OBJECT),
        ("/behavior", b"{'name': 'delay'}", *NO_OBJECT),
        ("/behavior", b"\xff\xfe\xfd", *NO_OBJECT),
        ("/behavior", b"[" * 60_000, *NO_OBJECT),
        ("/behavior", b'["name"]', *NO_OBJECT),
        ("/behavior", b'"delay"', *NO_OBJECT),
        ("/behavior", b'{"name": "delay", "name": "hang"}', "the key 'name' is given twice", ""),
        ("/plan", b'{"rules": [{"a": 1, "a": 2}]}', "the key 'a' is given twice", ""),
        ("/behavior", {}, 'the value should contain a "name" key', ""),
        ("/behavior", {"behavior": "x"}, 'the value should contain a "name" key', ""),
        ("/behavior", {"name": "X"}, "the 'X' behavior does not exist", "name"),
        ("/behavior", {"name": "a'b\ud800"}, "the 'a'b\ud800' behavior does not exist", "name"),
        ("/behavior", {"name": 5}, "the '5' behavior does not exist", "name"),
        ("/behavior", {"name": None}, "the 'None' behavior does not exist", "name"),
        ("/behavior", {"name": "5:X"}, "the 'X' behavior does not exist", "name"),
        (
            "/behavior",
            {"name": "delay", "foo": 1},
            "'foo' is not an option of 'delay': it takes one of sleep, before",
            "name",
        ),
        (
            "/behavior",
            {"name": "delay", "sleep": -1},
            "sleep=-1 is not allowed: it takes a number of at least 0",
            "name",
        ),
        ("/backend", b"nothing", *NO_OBJECT),
        ("/backend", {"name": "x"}, 'the value should contain a "backend" key', ""),
        ("/backend", {"backend": "nowhere"}, f"'nowhere' {ADDRESS}", "backend"),
        ("/backend", {"backend": "h:x"}, f"'h:x' {ADDRESS}", "backend"),
        ("/backend", {"backend": 80}, "80 is not an address: HOST:PORT", "backend"),
        ("/plan", b"", *NO_OBJECT),
        ("/plan", {"plan": []}, 'the value should contain a "rules" key', ""),
        ("/plan", {"rules": {}}, '"rules" should be a list of json objects', "rules"),
        ("/plan", {"rules": [5]}, '"rules" should be a list of json objects', "rules"),
        ("/plan", {"rules": [{}]}, NO_BEHAVIOR, "rules"),
        (
            "/plan",
            {"rules": [], "seeed": 1},
            "'seeed' is an unknown key: it takes one of rules",
            "seeed",
        ),
        (
            "/backend",
            {"backend": "localhost:1", "rset": True},
            "'rset' is an unknown key (did you mean 'reset'?): it takes one of backend, reset",
            "rset",
        ),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(
    http: Http, running: Live, path: str, body: object, description: str, name: str
) -> None:
    before = running.proxy.plan, running.proxy.backend
    answer = http("PUT", path, body)
    assert (answer.status, answer.json) == (400, error(description, name))
    assert answer.headers["content-type"] == "application/json"
    assert (running.proxy.plan, running.proxy.backend) == before


def test_a_refused_plan_names_the_rules_to_blame(http: Http) -> None:
    rules = [{"behavior": "hang"}, {"behavior": "X"}, {"behavior": "delay", "sleep": -1}]
    answer = http("PUT", "/plan", {"rules": rules})
    assert answer.status == 400
    assert isinstance(answer.json, dict)
    (found,) = answer.json["errors"]
    assert (found["location"], found["name"]) == ("body", "rules")
    first, second = found["description"].splitlines()
    assert first.startswith("rules[1].behavior = 'X' is an unknown behavior: it takes one of ")
    assert second == "rules[2].sleep = -1 is not allowed: it takes a number of at least 0"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "application/x-www-form-urlencoded",  # curl -d says so
        "text/plain",
    ],
)
def test_programs_may_leave_the_content_type_wrong(http: Http, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert http("PUT", "/behavior", {"name": "hang"}, headers).status == 200


@pytest.mark.parametrize("path", ["/nothing", "/behavior/", "/behavior/delay", "//behavior"])
def test_an_unknown_path(http: Http, path: str) -> None:
    answer = http("GET", path)
    assert (answer.status, answer.json) == (404, error("Not Found", path, "path"))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/behavior", {"GET", "HEAD", "PUT"}),
        ("DELETE", "/plan", {"GET", "HEAD", "PUT"}),
        ("PUT", "/behaviors", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_is_not_for_this(
    http: Http, method: str, path: str, allowed: set[str]
) -> None:
    answer = http(method, path)
    assert (answer.status, answer.json) == (405, error("Method Not Allowed", method, "method"))
    assert {*answer.headers["allow"].split(", ")} == allowed


def test_a_body_of_the_greatest_length(http: Http) -> None:
    body = b'{"name": "hang"}'.ljust(classic.BODY_LIMIT)
    assert http("PUT", "/behavior", body).status == 200


def test_a_body_that_is_too_long(http: Http, running: Live) -> None:
    body = b'{"name": "hang"}'.ljust(classic.BODY_LIMIT + 1)
    answer = http("PUT", "/behavior", body)
    assert (answer.status, answer.json) == (413, error("the body is longer than 65536 bytes"))
    assert running.control.behavior() == "10:delay"


def test_a_body_without_end_is_cut(http: Http) -> None:
    with http.connect() as sock:
        sock.sendall(
            b"PUT /behavior HTTP/1.1\r\nHost: localhost:%d\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" % http.port
        )
        with pytest.raises(ConnectionError):
            send_for_ever(sock, b"1000\r\n%s\r\n" % bytes(0x1000))


def test_a_client_that_leaves_in_the_middle_changes_nothing(
    http: Http, running: Live, caplog: pytest.LogCaptureFixture
) -> None:
    with http.connect() as sock:
        head = b'PUT /behavior HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 99\r\n\r\n{"name'
        sock.sendall(head % http.port)
    assert http("GET", "/behavior").json == {"behavior": "10:delay"}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_stalled_proxy_is_not_waited_for(
    http: Http, running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    go_on, stalled = threading.Event(), threading.Event()

    def stall() -> None:
        stalled.set()
        go_on.wait(LIMIT)

    running.reactor.post(stall)
    try:
        assert stalled.wait(LIMIT)
        answer = http("PUT", "/behavior", {"name": "hang"})
        what = "the proxy did not apply the change within 0.05 s; the change was withdrawn"
        assert (answer.status, answer.json) == (503, error(what, "", "server"))
        assert http("GET", "/behavior").status == 200
    finally:
        go_on.set()


def test_a_change_amid_the_end_is_refused(http: Http, running: Live) -> None:
    with running.connect():
        running.reactor.submit(lambda: running.proxies.drain(lambda: None, LIMIT)).result(LIMIT)
        answer = http("PUT", "/behavior", {"name": "hang"})
        what = "the process is ending and takes no more changes; this one was refused"
        assert (answer.status, answer.json) == (503, error(what, "", "server"))
        assert http("GET", "/behavior").json == {"behavior": "10:delay"}


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_unknown_key_of_the_query_is_refused(http: Http, method: str) -> None:
    answer = http(method, "/behavior?prxy=a", {"name": "hang"})
    what = "'prxy' is an unknown key (did you mean 'proxy'?): it takes one of proxy"
    assert (answer.status, answer.json) == (400, error(what, "prxy", "querystring"))
    assert http("GET", "/behavior").json == {"behavior": "10:delay"}


def test_our_own_mistake_is_logged_and_told_in_the_same_shape(
    running: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running.proxy, "apply", None)
    with controlled(running) as http:
        answer = http("PUT", "/behavior", {"name": "hang"})
    assert (answer.status, answer.json) == (500, error("Internal Server Error", "", "server"))
    assert "TypeError" in caplog.text


def test_changes_under_way_together_all_succeed(http: Http, running: Live) -> None:
    names = [f"{percent}:hang" for percent in range(1, 41)]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda name: http("PUT", "/behavior", {"name": name}), names)
        assert {answer.status for answer in answers} == {200}
    assert running.proxy.plan.generation == len(names)


# Several proxies.


@pytest.fixture
def several() -> Iterator[Live]:
    with live([RULE], names=["cache", "db"]) as started:
        yield started


BODIES: dict[str, object] = {
    "/behavior": {"name": "hang"},
    "/backend": {"backend": "example.com:80"},
    "/plan": {"rules": []},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_which_of_several_is_meant_must_be_said(several: Live, path: str, method: str) -> None:
    before = several.control.state
    with controlled(several) as http:
        body = BODIES[path] if method == "PUT" else None
        missing = http(method, path, body)
        empty = http(method, f"{path}?proxy=", body)
        unknown = http(method, f"{path}?proxy=disk", body)
    assert missing.status == empty.status == unknown.status == 400
    why = "there are 2 proxies: name one of cache, db"
    assert missing.json == empty.json == error(why, "proxy", "querystring")
    assert unknown.json == error("the 'disk' proxy does not exist", "proxy", "querystring")
    assert several.control.state is before


@pytest.mark.parametrize("path", BODIES)
def test_each_is_asked_and_changed_by_its_name(several: Live, path: str) -> None:
    with controlled(several) as http:
        before = http("GET", f"{path}?proxy=db")
        assert before.status == 200
        answer = http("PUT", f"{path}?proxy=cache", BODIES[path])
        assert (answer.status, answer.body) == (200, OK)
        assert http("GET", f"{path}?proxy=db").json == before.json
        assert http("GET", f"{path}?proxy=cache").json != before.json


def test_the_only_one_may_be_named(http: Http) -> None:
    assert http("PUT", "/behavior?proxy=vaurien", {"name": "hang"}).body == OK
    assert http("GET", "/behavior?proxy=vaurien").body == b'{"behavior": "hang"}'


def test_the_behaviors_are_the_same_for_all(several: Live) -> None:
    with controlled(several) as http:
        answer = http("GET", "/behaviors")
    assert (answer.status, answer.json) == (200, {"behaviors": several.control.behaviors()})


def test_where_there_is_no_proxy_that_is_said() -> None:
    with live(names=[]) as running, controlled(running) as http:
        answer = http("GET", "/behavior")
    assert (answer.status, answer.json) == (
        400,
        error("there is no proxy", "proxy", "querystring"),
    )


def test_what_cannot_be_saved_is_our_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "state.json"
    with (
        closing(Store(str(path))) as store,
        live(store=store) as running,
        controlled(running) as http,
    ):
        shutil.rmtree(folder)
        answer = http("PUT", "/behavior", {"name": "hang"})
        assert http("GET", "/behavior").json == {"behavior": "dummy"}
    why = f"{path} cannot be written: No such file or directory; it still holds the previous state"
    assert (answer.status, answer.json) == (500, error(why, "", "server"))


def everything(sock: socket.socket) -> bytes:
    """Receive until the peer closes."""
    heard = b""
    while data := sock.recv(65536):
        heard += data
    return heard


def send_for_ever(sock: socket.socket, data: bytes) -> None:
    while True:
        sock.sendall(data)
