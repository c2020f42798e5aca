"""The description of the API: what it says is what is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from live import Http
from native import Native
from vaurien.control.v1.openapi import PAGE, describe
from vaurien.control.v1.table import TABLE

DESCRIPTION: dict[str, Any] = describe(TABLE)
ARGUMENTS = {
    "proxy": "cache",
    "rule": "slow",
    "behavior": "delay",
    "protocol": "redis",
    "fault": "READONLY",
    "profile": "3g",
    "recipe": "redis-slow",
}


def references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(found := value.get("$ref"), str):
            yield found
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from references(each)


def flaws(value: Any, schema: Mapping[str, Any], where: str = "") -> list[str]:
    """What of a value is not as a schema says, of which it knows what is used here."""
    if "$ref" in schema:
        schema = DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    known: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
        "integer": int,
        "number": (int, float),
    }
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(isinstance(value, known[each]) for each in types):
        return [f"{where} is {value!r}, no {types}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}, none of {schema['enum']}"]
    found: list[str] = []
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where} lacks {key}" for key in schema.get("required", []) if key not in value]
        more = schema.get("additionalProperties", True)
        for key, inner in value.items():
            if key in properties:
                found += flaws(inner, properties[key], f"{where}/{key}")
            elif isinstance(more, Mapping):
                found += flaws(inner, more, f"{where}/{key}")
            elif not more:
                found.append(f"{where} has {key}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            found += flaws(inner, schema.get("items", {}), f"{where}/{number}")
    return found


def test_it_is_complete() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    names = {each.rpartition("/")[2] for each in references(DESCRIPTION)}
    assert names == set(schemas)
    operations = [one for path in DESCRIPTION["paths"].values() for one in path.values()]
    assert len(operations) == len(TABLE.routes)
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["summary"].endswith(".") for each in operations)


def test_it_is_served(ask: Native) -> None:
    answer = ask("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.body["openapi"].startswith("3.1")
    assert set(answer.body["paths"]) == {route.path for route in TABLE.routes}


@pytest.fixture
def filled(ask: Native, cache: str) -> str:
    """A proxy with a rule of each kind."""
    ask("POST", f"{cache}/rules", {"behavior": "delay", "name": "slow", "ttl": 60})
    ask("POST", f"{cache}/rules", {"behavior": "hang", "paused": True, "percent": 5})
    return cache


def test_answers_are_as_it_says(ask: Native, http: Http, filled: str) -> None:
    for route in TABLE.routes:
        if route.method != "GET" or route.media_type != "application/json":
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: ARGUMENTS[found[1]], route.path)
        answer = ask("GET", path)
        assert answer.status == 200, path
        schema = route.answers[200]
        assert schema is not None, path
        assert flaws(answer.body, schema, path) == []


def test_what_is_made_is_as_it_says(ask: Native, filled: str) -> None:
    state = ask("GET", "/v1/state").body
    for method, path, body in (
        ("PUT", "/v1/state", {**state, "seed": 3}),
        ("POST", "/v1/changes", {"changes": [{"method": "POST", "path": "reset"}]}),
        ("POST", "/v1/reset", None),
        ("PUT", "/v1/seed", {"seed": 1}),
        ("POST", "/v1/proxies/cache/profile", {"name": "3g"}),
        ("POST", "/v1/proxies/cache/recipes", {"name": "flapping-link"}),
    ):
        answer = ask(method, path, body)
        assert answer.status == 200, path
        route, _ = TABLE.find(path.split("/")[1:])[method]
        schema = route.answers[200]
        assert schema is not None
        assert flaws(answer.body, schema, path) == []
        if route.body is not None:
            assert flaws(body, route.body, path) == []


def test_problems_are_as_it_says(ask: Native, cache: str) -> None:
    schema = {"$ref": "#/components/schemas/Problem"}
    for method, path, body in (
        ("GET", "/v1/nope", None),
        ("PUT", "/v1/proxies", {}),
        ("PUT", cache, {"listen": 5, "rules": [{"x": 1}]}),
        ("POST", "/v1/reload", None),
    ):
        answer = ask(method, path, body)
        assert answer.status >= 400
        assert flaws(answer.body, schema) == []


def test_the_page_needs_no_network(http: Http) -> None:
    for path in PAGE:
        answer = http("GET", path)
        assert answer.status == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        text = answer.body.decode()
        assert "//" not in text.replace("// Shows", "")
        assert "innerHTML" not in text
        assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=", text)
        for linked in re.findall(r'(?:src|href)="([^"]+)"', text):
            assert http("GET", linked).status == 200
