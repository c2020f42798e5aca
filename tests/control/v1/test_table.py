"""The table of all routes."""

from __future__ import annotations

from native import Native
from vaurien.control.v1.table import TABLE


def test_no_route_is_there_twice() -> None:
    known = [(route.method, route.path) for route in TABLE.routes]
    assert len(known) == len(set(known))


def test_the_index(ask: Native) -> None:
    answer = ask("GET", "/v1")
    assert "/v1/proxies" in answer.body["links"]
    assert all(ask("HEAD", link).status == 200 for link in answer.body["links"])
