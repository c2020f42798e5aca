"""Which requests are permitted, over a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from live import Http, Live, controlled, live
from vaurien.control.http import start_control
from vaurien.control.sockets import on_tcp, on_unix
from vaurien.control.tokens import Tokens


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    with live() as running, controlled(running) as started:
        yield started


def test_the_names_of_this_machine_are_let_through(http: Http) -> None:
    for name in ("localhost", "LocalHost", "127.0.0.1", "[::1]"):
        for port in ("", f":{http.port}", ":1"):  # a container may be published on any
            assert http("GET", "/behavior", headers={"Host": f"{name}{port}"}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example:{port}",
        "evil.example#localhost:{port}",
        "user@localhost:{port}",
        "localhost.:{port}",
        "localhost:{port}:80",
        "localhost:*",
        "localhost:",
        "127.0.0.2:{port}",
        "127.1:{port}",
        "::1:{port}",
        "[::ffff:127.0.0.1]:{port}",
        *[f"localhost:{{port}}{blank}" for blank in "\x85\xa0\x1c\x1f"],
        "\xa0localhost:{port}",
    ],
)
@pytest.mark.parametrize("path", ["/behavior", "/nothing"])
def test_other_names_are_refused(http: Http, host: str, path: str) -> None:
    answer = http("GET", path, headers={"Host": host.format(port=http.port)})
    assert answer.status == 403
    assert b'"location": "header", "name": "Host"' in answer.body


def test_a_refusal_says_what_it_takes(http: Http) -> None:
    answer = http("GET", "/v1", headers={"Host": "evil.example"})
    assert isinstance(answer.json, dict)
    assert answer.json["detail"] == (
        "Host: 'evil.example' is not allowed: it takes one of 127.0.0.1, ::1, localhost"
    )


def test_a_request_without_a_host_is_refused(http: Http) -> None:
    with http.connect() as sock:
        sock.sendall(b"GET /behavior HTTP/1.0\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 403 ")


def test_the_name_it_was_started_with_is_let_through() -> None:
    with live() as running:
        server = start_control(running.control, [on_tcp("127.0.0.2", 0)])
        try:
            assert Http(server)("GET", "/behavior").status == 200
        finally:
            server.stop()


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Origin", "null"),
        ("Origin", ""),
        ("Origin", "http://evil.example"),
        ("Origin", "http://evil.example:{port}"),
        ("Origin", "http://localhost"),
        ("Origin", "http://localhost:1"),
        ("Origin", "https://localhost:{port}"),
        ("Origin", "http://localhost:{port}.evil.example"),
        ("Origin", "http://localhost:{port}@evil.example"),
        ("Origin", "http://localhost:{port}/"),
        ("Origin", "localhost:{port}"),
        ("Origin", "http://[::1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "whatever"),
    ],
)
def test_other_sites_are_refused(http: Http, method: str, header: str, value: str) -> None:
    headers = {header: value.format(port=http.port), "Content-Type": "application/json"}
    answer = http(method, "/behavior", {"name": "dummy"}, headers)
    assert answer.status == 403
    assert f'"location": "header", "name": "{header}"'.encode() in answer.body


def test_own_pages_are_let_through(http: Http) -> None:
    for host in (f"localhost:{http.port}", "LOCALHOST:4242", f"127.0.0.1:{http.port}", "[::1]"):
        headers = {
            "Host": host,
            "Origin": f"http://{host.lower()}",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json; charset=utf-8",
        }
        assert http("PUT", "/behavior", {"name": "dummy"}, headers).status == 200


def test_an_address_typed_into_a_browser_is_let_through(http: Http) -> None:
    headers = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    assert http("GET", "/behavior", headers=headers).status == 200


OPENED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_link_on_another_site_leads_to_a_page(http: Http, site: str) -> None:
    headers = {**OPENED, "Sec-Fetch-Site": site, "Accept": "text/html"}
    assert http("GET", "/", headers=headers).status == 200
    assert http("GET", "/docs", headers=headers).status == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/proxies", OPENED),
        ("/behavior", OPENED),
        ("/", {**OPENED, "Sec-Fetch-Dest": "iframe"}),
        ("/", {**OPENED, "Sec-Fetch-Mode": "no-cors"}),
        ("/", {}),
    ],
)
def test_another_site_gets_nothing_else(http: Http, path: str, headers: dict[str, str]) -> None:
    headers = {**headers, "Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    assert http("GET", path, headers=headers).status == 403


def test_node_is_no_browser(http: Http) -> None:
    headers = {"Sec-Fetch-Mode": "cors"}
    assert http("PUT", "/behavior", {"name": "dummy"}, headers).status == 200


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_no_browser_changes_anything_with_a_form(
    http: Http, content_type: str, header: str
) -> None:
    values = {
        "Origin": "http://localhost",
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "no-cors",
    }
    headers = {"Host": "localhost", header: values[header], "Content-Type": content_type}
    answer = http("PUT", "/behavior", {"name": "hang"}, headers)
    assert answer.status == 415
    assert b'"location": "header", "name": "Content-Type"' in answer.body
    assert http("GET", "/behavior").json == {"behavior": "dummy"}


# Names that are allowed besides.


NO_TOKENS = Tokens()


@contextmanager
def guarded(
    running: Live, hosts: tuple[str, ...] = (), tokens: Tokens = NO_TOKENS
) -> Iterator[Http]:
    server = start_control(running.control, [on_tcp("127.0.0.1", 0)], hosts, tokens)
    try:
        yield Http(server)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("chaos:4242", None, 200),
        ("Chaos:{port}", "http://chaos:{port}", 200),
        ("CHAOS", "http://chaos", 200),
        ("[fd00::1]:4242", "http://[fd00::1]:4242", 200),
        ("chaos:4242", "http://chaos:4243", 403),
        ("chaos:4242", "http://chaos", 403),
        ("chaos:4242", "http://localhost:4242", 403),
        ("localhost:4242", "http://chaos:4242", 403),
        ("chaos.:4242", None, 403),
        ("chaos.evil.example:4242", None, 403),
        ("fd00::1", None, 403),
        ("chaos:*", None, 403),
        ("*:4242", None, 403),
    ],
)
def test_a_name_may_be_allowed(host: str, origin: str | None, status: int) -> None:
    with live() as running, guarded(running, ("chaos", "[fd00::1]")) as http:
        headers = {"Host": host.format(port=http.port), "Content-Type": "application/json"}
        headers |= {} if origin is None else {"Origin": origin.format(port=http.port)}
        assert http("PUT", "/behavior", {"name": "dummy"}, headers).status == status


def test_an_address_of_ipv4_is_its_own_name_where_both_families_are_listened_on() -> None:
    with live() as running:
        server = start_control(running.control, [on_tcp("::", 0)])
        try:
            port = server.address.port
            with socket.create_connection(("127.0.0.2", port), 10) as sock:
                sock.sendall(f"GET /behavior HTTP/1.1\r\nHost: 127.0.0.2:{port}\r\n\r\n".encode())
                assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        finally:
            server.stop()


# Tokens.

WRITE, READ = "w" * 20, "r" * 20


@pytest.fixture(scope="module")
def asking() -> Iterator[Http]:
    tokens = Tokens.of([WRITE], [READ])
    with live() as running, guarded(running, tokens=tokens) as started:
        yield started


@pytest.mark.parametrize(
    ("method", "given", "status"),
    [
        ("GET", f"Bearer {WRITE}", 200),
        ("PUT", f"Bearer {WRITE}", 200),
        ("GET", f"bearer  {READ}", 200),
        ("PUT", f"Bearer {READ}", 403),
        ("GET", None, 401),
        ("PUT", None, 401),
        ("GET", "", 401),
        ("GET", "Bearer", 401),
        ("GET", "Bearer ", 401),
        ("GET", WRITE, 401),
        ("GET", f"Bearer {WRITE}w", 401),
        ("GET", f"Bearer {WRITE[:-1]}", 401),
        ("GET", f"Bearer {WRITE} {WRITE}", 401),
        ("GET", f"Basic {WRITE}", 401),
        ("GET", f"Bearer {WRITE.upper()}", 401),
    ],
)
def test_a_token_is_asked_for(asking: Http, method: str, given: str | None, status: int) -> None:
    headers = {} if given is None else {"Authorization": given}
    answer = asking(method, "/behavior", {"name": "dummy"}, headers)
    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert answer.headers.get("www-authenticate", "Bearer ").startswith("Bearer ")
    assert WRITE.encode() not in answer.body
    assert READ.encode() not in answer.body


def test_two_tokens_at_once_are_none(asking: Http) -> None:
    line = f"Authorization: Bearer {WRITE}\r\n"
    request = f"GET /behavior HTTP/1.1\r\nHost: localhost:{asking.port}\r\n{line * 2}\r\n"
    with asking.connect() as sock:
        sock.sendall(request.encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "path", ["/proxies", "/v1/proxies", "/nothing", "/livez/", "/livez/x", "/ui", "//"]
)
def test_a_token_is_asked_for_on_all_paths(asking: Http, path: str) -> None:
    assert asking("GET", path).status == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "NEW"])
@pytest.mark.parametrize(
    "path",
    [
        "/behavior",
        "/backend",
        "/plan",
        "/proxies",
        "/proxies/a/toxics/t",
        "/populate",
        "/reset",
        "/v1/state",
        "/v1/proxies/a/rules",
        "/v1/changes",
        "/v1/reset",
        "/v1/connections",
        "/nothing",
    ],
)
def test_a_token_that_may_only_read_changes_nothing(asking: Http, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {READ}", "Content-Type": "application/json"}
    answer = asking(method, path, {}, headers)
    assert answer.status == 403
    assert b"the token may only read" in answer.body


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/docs", "/docs/script.js", "/", "/ui/x/app.js"]
)
def test_who_watches_the_process_or_gives_a_page_the_token_needs_none(
    asking: Http, path: str
) -> None:
    assert asking("GET", path).status not in (401, 403)


def test_other_sites_are_refused_with_a_token_too(asking: Http) -> None:
    headers = {"Authorization": f"Bearer {WRITE}", "Origin": "http://evil.example"}
    assert asking("GET", "/behavior", headers=headers).status == 403


def test_no_answer_lets_other_sites_read(asking: Http) -> None:
    origin = f"http://localhost:{asking.port}"
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    for method, path in (("OPTIONS", "/behavior"), ("GET", "/behavior"), ("OPTIONS", "/proxies")):
        for token in ({}, {"Authorization": f"Bearer {WRITE}"}):
            answer = asking(method, path, headers={**headers, **token})
            assert not [name for name in answer.headers if name.startswith("access-control")]


# The form of refusals.


@pytest.mark.parametrize("path", ["/v1/proxies", "/v1", "/openapi.json", "/docs/x"])
def test_the_native_api_refuses_with_problem_details(asking: Http, path: str) -> None:
    answer = asking("GET", path)
    assert answer.headers["content-type"] == "application/problem+json"
    why = "is missing: it takes Bearer TOKEN"
    assert answer.json == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": f"Authorization: {why}",
        "errors": [{"parameter": "Authorization", "detail": why}],
    }


@pytest.mark.parametrize("path", ["/proxies", "/proxies/a", "/reset", "/populate", "/version"])
def test_toxiproxys_api_refuses_as_that_does(asking: Http, path: str) -> None:
    answer = asking("GET", path)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    text = "Authorization: is missing: it takes Bearer TOKEN"
    assert answer.json == {"error": text, "status": 401}


# The type of native changes.


@pytest.mark.parametrize(
    ("kind", "body", "refused"),
    [
        (None, b"{}", True),
        ("", b"{}", True),
        ("text/plain", b"{}", True),
        ("text/plain", b"", True),
        ("application/x-www-form-urlencoded", b"{}", True),
        ("application/jsonx", b"{}", True),
        ("application/json", b"{}", False),
        ("Application/JSON ; charset=utf-8", b"{}", False),
        ("application/merge-patch+json", b"{}", False),
        (None, b"", False),
        (None, None, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_native_changes_are_json(
    http: Http, method: str, kind: str | None, body: bytes | None, refused: bool
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = http(method, "/v1/nothing", body, headers)
    assert (answer.status == 415) is refused
    if refused:
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_chunked_body_has_a_type(http: Http) -> None:
    head = f"POST /v1/nothing HTTP/1.1\r\nHost: localhost:{http.port}\r\n"
    with http.connect() as sock:
        sock.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 415 ")


def test_programs_may_send_any_type_to_the_older_paths(http: Http) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http("PUT", "/behavior", {"name": "dummy"}, headers).status == 200


# A unix socket.


def test_whoever_may_open_the_socket_may_use_it(tmp_path: Path) -> None:
    path = str(tmp_path / "api")
    with live() as running:
        server = start_control(running.control, [on_unix(path)], tokens=Tokens.of([WRITE]))
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(10)
                sock.connect(path)
                sock.sendall(b"GET /behavior HTTP/1.1\r\nHost: whatever\r\n\r\n")
                assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        finally:
            server.stop()
        assert not Path(path).exists()


# Sizes.


@pytest.mark.parametrize("path", ["/behavior", "/v1/proxies", "/proxies"])
def test_headers_are_limited(http: Http, path: str) -> None:
    headers = {f"X-{number}": "x" * 1000 for number in range(17)}
    answer = http("GET", path, headers=headers)
    assert answer.status == 431
    assert b"the headers are longer than 16384 bytes" in answer.body
    del headers["X-0"], headers["X-1"]
    assert http("GET", path, headers=headers).status in (200, 404)
    headers = {f"X-{number:04}": "x" for number in range(1600)}
    assert http("GET", path, headers=headers).status == 431
    answer = http("GET", f"{path}?{'x' * 8192}")
    assert answer.status == 414
    assert b"the URL is longer than 8192 bytes" in answer.body
