"""Metrics over HTTP."""

from __future__ import annotations

from live import Http


def test_both_formats(http: Http) -> None:
    answer = http("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"# TYPE vaurien_connections_open gauge\n" in answer.body
    answer = http("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


def test_they_are_only_read(http: Http) -> None:
    assert http("HEAD", "/metrics").status == 200
    json = {"Content-Type": "application/json"}
    assert http("POST", "/metrics", {}, json).status == 405
