"""The methods of the native API that concern all proxies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Self

from .errors import ApiError, ClientError
from .resources import Proxy, without_status
from .steps import Json, Request, Steps, ask, listed, operation, path_of
from .wire import Location, check_header

Entry = Mapping[str, object]
"""A rule, a proxy or another table as one writes it: JSON to be."""
PAGE = 1000
"""How many objects of a long list to ask for at once."""
DEFAULT_PORT = 8080
DEFAULT_URL = "http://localhost:8474"
"""Where ``vaurien serve`` has its API."""


class NativeMethods:
    """Reads and changes all proxies.

    All methods raise ``ClientError`` if the API cannot be reached, and ``ApiError`` if it
    refuses the request.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        scheme: str = "http",
        *,
        timeout: float = 10.0,
        proxy: str = "",
        token: str = "",
        url: str = "",
    ) -> None:
        """Make a client of the API at ``url``, or else at a host and a port.

        ``url``: ``http://HOST:PORT``, or ``unix:/PATH`` for a unix socket; with ``#token=TOKEN``
        behind it, as servers print it.
        ``timeout``: seconds that a request may take.
        ``proxy``: the proxy of the methods that name none; optional if there is only one.

        Raises:
            ValueError: this is no URL of an API, or no header can have the token.
        """
        url, _, shown = url.partition("#token=")
        token = token or shown
        check_header(token)
        location = Location.parse(url) if url else Location(scheme, host, int(port))
        self.host = location.host
        self.port = location.port
        self.scheme = location.scheme
        self.timeout = timeout
        self.proxy_name = proxy
        self.root_url = str(location)
        self._start(location, token, timeout)

    @classmethod
    def from_environment(cls, *, timeout: float = 10.0, proxy: str = "") -> Self:
        """Make a client of the API at ``VAURIEN_URL``, with the token in ``VAURIEN_TOKEN``.

        Without ``VAURIEN_URL``, it is the API of ``vaurien serve`` on this machine.

        Raises:
            ValueError: ``VAURIEN_URL`` is no URL of an API.
        """
        url = os.environ.get("VAURIEN_URL") or DEFAULT_URL
        token = os.environ.get("VAURIEN_TOKEN", "").strip()
        return cls(url=url, token=token, timeout=timeout, proxy=proxy)

    def _start(self, location: Location, token: str, timeout: float) -> None:
        raise NotImplementedError

    @operation
    def request(
        self, method: str, path: str, body: object = None, *, if_generation: int | None = None
    ) -> Steps[Json]:
        """Send a request of your own, such as ``GET /v1/proxies``; return the JSON object.

        ``path`` is quoted, and may have a query.
        """
        return (yield from ask(method, path, body, if_generation=if_generation))

    @operation
    def version(self) -> Steps[str]:
        """Return the version of vaurien that serves the API."""
        return str((yield from ask("GET", "/v1")).get("version", ""))

    @operation
    def is_ready(self) -> Steps[bool]:
        """Return whether the API can be reached, and the proxies answer."""
        try:
            answer = yield Request("GET", "/readyz")
        except ClientError:
            return False
        return answer.status == 200

    @operation
    def proxies(self) -> Steps[list[Proxy]]:
        """Return all proxies."""
        return [Proxy(each) for each in listed((yield from ask("GET", "/v1/proxies")), "proxies")]

    @operation
    def export(self) -> Steps[Json]:
        """Return all proxies with their rules, and the seed: what ``apply`` takes."""
        return without_status((yield from ask("GET", "/v1/state")))

    @operation
    def apply(
        self, state: Entry, *, dry_run: bool = False, if_generation: int | None = None
    ) -> Steps[list[Json]]:
        """Make all proxies exactly so, or change nothing; return what changes.

        ``dry_run``: only return what would change.
        """
        path = path_of("v1", "state", dry_run=dry_run or None)
        answer = yield from ask("PUT", path, dict(state), if_generation=if_generation)
        return listed(answer, "changes")

    @operation
    def change_all(self, changes: Sequence[Entry]) -> Steps[list[Json]]:
        """Make several changes at once, or none; return the results.

        A change is ``{"method": "PATCH", "path": "proxies/cache", "body": {…}}``.
        """
        body = {"changes": [dict(change) for change in changes]}
        return listed((yield from ask("POST", "/v1/changes", body)), "results")

    @operation
    def reset(self, proxy: str = "") -> Steps[Json]:
        """Enable all proxies, remove all rules, and release what they hold.

        ``proxy``: only of this one.
        """
        return (yield from ask("POST", path_of("v1", "reset", proxy=proxy)))

    @operation
    def reload(self) -> Steps[Json]:
        """Read the configuration again, as SIGHUP does."""
        return (yield from ask("POST", "/v1/reload"))

    @operation
    def seed(self) -> Steps[int]:
        """Return the seed of all draws."""
        return _seed((yield from ask("GET", "/v1/seed")))

    @operation
    def set_seed(self, seed: int) -> Steps[int]:
        """Set the seed of all draws; return it."""
        return _seed((yield from ask("PUT", "/v1/seed", {"seed": seed})))

    @operation
    def connections(self) -> Steps[list[Json]]:
        """Return the open connections of all proxies."""
        return (yield from paged(("v1", "connections"), "connections"))

    @operation
    def kill(self, *, how: str = "reset") -> Steps[int]:
        """End all connections with a RST, or (``how="close"``) a FIN; return how many."""
        return killed((yield from ask("DELETE", path_of("v1", "connections", how=how))))

    @operation
    def journal(self, /, **filters: object) -> Steps[list[Json]]:
        """Return what rules have done lately, oldest first.

        ``filters``: ``proxy``, ``rule``, ``behavior``, ``connection``, ``since``, ``after``.
        """
        return (yield from paged(("v1", "journal"), "entries", **filters))

    @operation
    def catalogue(self, kind: str, *names: str) -> Steps[Json]:
        """Describe what there is: ``protocols``, ``behaviors``, ``faults``, ``recipes``, …

        ``names``: describe only this one; of a fault, its protocol and its name.
        """
        return (yield from ask("GET", path_of("v1", kind, *names)))


def paged(path: Sequence[str], key: str, **query: object) -> Steps[list[Json]]:
    """Return all objects of a list that comes in pages."""
    found: list[Json] = []
    while True:
        answer = yield from ask("GET", path_of(*path, limit=PAGE, **query))
        page = listed(answer, key)
        found += page
        if len(page) < PAGE or answer.get("next") is None:
            return found
        query["after"] = answer["next"]


def killed(answer: Json) -> int:
    """Return how many connections were ended."""
    count = answer.get("killed")
    return count if isinstance(count, int) else 0


def _seed(answer: Json) -> int:
    seed = answer.get("seed")
    if not isinstance(seed, int):
        raise ClientError("the server does not answer as vaurien does: there is no seed")
    return seed


def creation(
    name: str,
    backend: str,
    rules: Sequence[Entry],
    table: Entry,
) -> Steps[Proxy]:
    """Create a proxy."""
    body = {**table, "name": name, "backend": backend}
    if rules:
        body["rules"] = [dict(rule) for rule in rules]
    return Proxy((yield from ask("POST", "/v1/proxies", body)))


def undone(steps: Steps[object]) -> Steps[None]:
    """Run steps that undo something; if what they undo is gone, there is nothing to undo."""
    try:
        yield from steps
    except ApiError as error:
        if error.status != 404:
            raise
