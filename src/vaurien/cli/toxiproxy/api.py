"""A client of Toxiproxy's HTTP API, of any server that has it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import quote, urlsplit

LIMIT = 30.0
"""Seconds that the server gets to answer."""
VERSION = "2.12.0"
"""The version of Toxiproxy whose command this is."""
TOKEN = "VAURIEN_TOKEN"

Table = Mapping[str, object]


class ApiError(Exception):
    """The server refuses a request, or cannot be reached."""


class Api:
    """Sends requests to the API at an address."""

    def __init__(self, url: str) -> None:
        """``url``: such as ``http://localhost:8474``; the scheme may be missing."""
        self.url = url

    def proxies(self) -> dict[str, Table]:
        """Return all proxies by name."""
        return cast(dict[str, Table], self._ask("GET", "/proxies"))

    def proxy(self, name: str) -> Table:
        return cast(Table, self._ask("GET", _path(name)))

    def create(self, name: str, listen: str, upstream: str) -> None:
        body = {"name": name, "listen": listen, "upstream": upstream, "enabled": True}
        self._ask("POST", "/proxies", body)

    def save(self, proxy: Table) -> None:
        self._ask("POST", _path(str(proxy["name"])), proxy)

    def delete(self, name: str) -> None:
        self._ask("DELETE", _path(name))

    def add_toxic(self, proxy: str, toxic: Table) -> Table:
        return cast(Table, self._ask("POST", f"{_path(proxy)}/toxics", toxic))

    def update_toxic(self, proxy: str, name: str, toxic: Table) -> Table:
        return cast(Table, self._ask("PATCH", _path(proxy, name), toxic))

    def remove_toxic(self, proxy: str, name: str) -> None:
        self._ask("DELETE", _path(proxy, name))

    def _ask(self, method: str, path: str, body: Table | None = None) -> object:
        """Return the JSON of the answer; None if it has no body.

        Raises:
            ApiError: the request has failed.
        """
        from http.client import HTTPException

        url = self.url if self.url.startswith(("http://", "https://")) else f"http://{self.url}"
        try:
            status, text = _exchange(url, method, path, body)
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            where = f'{method.capitalize()} "{url}{path}"'
            raise ApiError(f"fail to request: {where}: {reason}") from None
        answer: object = None
        try:
            answer = json.loads(text or "null")
        except ValueError:
            if status < 300:
                raise ApiError(f"HTTP {status}: the answer is not JSON") from None
        if status < 300:
            return answer
        told = answer.get("error") if isinstance(answer, dict) else None
        raise ApiError(f"HTTP {status}: {told or text.strip()[:200]}")


def _exchange(url: str, method: str, path: str, body: Table | None) -> tuple[int, str]:
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("no Host in request URL")
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=LIMIT)
    machine = os.uname().machine
    headers = {"User-Agent": f"toxiproxy-cli/{VERSION} ({sys.platform}/{machine})"}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, parts.path.rstrip("/") + path, data, headers)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


def _path(proxy: str, *toxic: str) -> str:
    names: Sequence[str] = [quote(name, safe="") for name in (proxy, *toxic)]
    return f"/proxies/{'/toxics/'.join(names)}"
