"""Who may talk to an HTTP server of ours: programs, and pages that it served itself.

A browser sends requests for whatever page its user looks at.  So a page on another
site must not be able to break somebody's proxy: not by a name of its own that
resolves to this machine (the ``Host`` is compared with a list), not by a request
across sites (``Origin`` and ``Sec-Fetch-Site`` are), and not by what a form may send.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .classic import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/?#@\[\]]+))(?::([0-9]{1,5}))?")
OWN_SITES = frozenset({"same-origin", "none"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Refusal = tuple[int, str, str]
"""The status, the header that is to blame, and why."""


class Guard:
    """An ASGI application that lets the innocent through to another one.

    ``host``: the name it is reached by, besides the loopback names and the address
    that a connection came in at.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | {host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._objection(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            status, header, why = refusal
            await problem(status, "header", header, why)(scope, receive, send)

    def _objection(self, scope: Scope) -> Refusal | None:
        headers: list[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1").strip())
            for name, value in scope["headers"]
        ]
        here: tuple[str, int] = scope["server"]
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or not self._is_own(hosts[0], here):
            names = ", ".join(sorted(self._names))
            return 403, "Host", f"{hosts} is not allowed: one of {names}, with port {here[1]}"
        from_browser = False
        for name, value in headers:
            if name == "origin" and not self._is_own_origin(value, here):
                return 403, "Origin", f"{value!r} is another site"
            if name == "sec-fetch-site" and value not in OWN_SITES:
                return 403, "Sec-Fetch-Site", f"{value!r} is another site"
            from_browser = from_browser or name == "origin" or name.startswith("sec-fetch-")
        if from_browser and scope["method"] not in SAFE_METHODS:
            return _form_objection(dict(headers).get("content-type", ""))
        return None

    def _is_own(self, authority: str, here: tuple[str, int]) -> bool:
        parts = AUTHORITY.fullmatch(authority.lower())
        if parts is None:
            return False
        name = parts[1] or parts[2]
        return int(parts[3] or 80) == here[1] and (name in self._names or name == here[0])

    def _is_own_origin(self, origin: str, here: tuple[str, int]) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return (
            parts.scheme == "http"
            and origin == f"http://{parts.netloc}"
            and self._is_own(parts.netloc, here)
        )


def _form_objection(content_type: str) -> Refusal | None:
    """From a browser only what no form can send; ``curl -d`` names a form's type as well."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return None
    why = f"{content_type!r} is not allowed from a browser: application/json"
    return 415, "Content-Type", why
