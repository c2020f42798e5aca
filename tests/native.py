"""Requests of the native API, whose bodies are JSON objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from live import Answer, Http

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Told:
    """An answer; ``body`` is empty if it has none."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def pointers(self) -> dict[str, str]:
        """What is wrong, by where it is."""
        errors = self.body.get("errors", [])
        return {each.get("pointer", each.get("parameter")): each["detail"] for each in errors}


class Native:
    """Sends requests to a server."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def __call__(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Told:
        """A body is sent as JSON, with its type."""
        kind = {} if body is None else JSON
        return told(self.http(method, path, body, {**kind, **(headers or {})}))


def told(answer: Answer) -> Told:
    body = json.loads(answer.body) if answer.body else {}
    assert isinstance(body, dict)
    return Told(answer.status, answer.headers, body)
