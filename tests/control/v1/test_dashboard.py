"""The dashboard: a page and its files."""

from __future__ import annotations

import re

import pytest

from live import Http

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def linked(http: Http) -> list[str]:
    """The files that the page names."""
    return re.findall(r'"(/ui/[^"]+)"', http("GET", "/", None, HTML).body.decode())


def test_a_browser_gets_the_page(http: Http) -> None:
    answer = http("GET", "/", None, HTML)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src")


def test_its_files_may_be_kept(http: Http) -> None:
    assert linked(http)
    for path in linked(http):
        answer = http("GET", path)
        assert answer.status == 200, path
        assert answer.headers["cache-control"].endswith("immutable")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["", "*/*", "image/png, */*;q=0.1"])
def test_so_does_who_takes_anything(http: Http, accept: str) -> None:
    answer = http("GET", "/", None, {"Accept": accept} if accept else {})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("accept", ["application/json", "application/json, */*", "text/plain"])
def test_others_are_answered_at_the_root_as_ever(http: Http, accept: str) -> None:
    answer = http("GET", "/", None, {"Accept": accept})
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert b'"location": "path"' in answer.body


def test_only_looking_at_the_root_gives_the_page(http: Http) -> None:
    seen = http("HEAD", "/", None, HTML)
    assert (seen.status, seen.body) == (200, b"")
    assert seen.headers["content-type"].startswith("text/html")
    headers = {**HTML, "Content-Type": "application/json"}
    assert http("POST", "/", {}, headers).headers["content-type"] == "application/json"
    assert http("PUT", linked(http)[0], {}, headers).status == 405


@pytest.mark.parametrize("name", ["none.js", "index.html.j2", "docs.html", "..%2Flive.py"])
def test_nothing_else_is_served(http: Http, name: str) -> None:
    folder = linked(http)[0].rpartition("/")[0]
    assert http("GET", f"{folder}/{name}").status == 404


def test_files_of_another_version_are_not_there(http: Http) -> None:
    name = linked(http)[0].rpartition("/")[2]
    assert http("GET", f"/ui/0123/{name}").status == 404
