"""Which requests are permitted, over a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live import Http, controlled, live
from vaurien.control.http import start_control


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    with live() as running, controlled(running) as started:
        yield started


def test_the_names_of_this_machine_are_let_through(http: Http) -> None:
    for name in ("localhost", "LocalHost", "127.0.0.1", "[::1]"):
        assert http("GET", "/behavior", headers={"Host": f"{name}:{http.port}"}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",  # that is port 80
        "localhost:1",
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example:{port}",
        "evil.example#localhost:{port}",
        "user@localhost:{port}",
        "localhost.:{port}",
        "localhost:{port}:80",
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


def test_a_request_without_a_host_is_refused(http: Http) -> None:
    with http.connect() as sock:
        sock.sendall(b"GET /behavior HTTP/1.0\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 403 ")


def test_the_name_it_was_started_with_is_let_through() -> None:
    with live() as running:
        server = start_control(running.control, "127.0.0.2", 0)
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
    for origin in (f"http://localhost:{http.port}", f"http://127.0.0.1:{http.port}"):
        headers = {
            "Origin": origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json; charset=utf-8",
        }
        assert http("PUT", "/behavior", {"name": "dummy"}, headers).status == 200


def test_an_address_typed_into_a_browser_is_let_through(http: Http) -> None:
    headers = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    assert http("GET", "/behavior", headers=headers).status == 200


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_no_browser_changes_anything_with_a_form(
    http: Http, content_type: str, header: str
) -> None:
    origin = f"http://localhost:{http.port}"
    values = {"Origin": origin, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}
    headers = {header: values[header], "Content-Type": content_type}
    answer = http("PUT", "/behavior", {"name": "hang"}, headers)
    assert answer.status == 415
    assert b'"location": "header", "name": "Content-Type"' in answer.body
    assert http("GET", "/behavior").json == {"behavior": "dummy"}
