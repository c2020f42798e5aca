"""Access control: programs may use the HTTP server, other sites' web pages may not.

A browser sends requests on behalf of any page its user visits.  A page on another site
must not control the proxy: not through a name of its own that resolves to this machine
(DNS rebinding: ``Host`` must be in a list), nor by a cross-site request (``Origin`` and
``Sec-Fetch-Site`` are checked), nor with a form.
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
BLANKS = " \t"
"""What may surround a value (RFC 9110, section 5.6.3); Python's ``strip`` removes more."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Denial = tuple[int, str, str]
"""The status, the offending header, and the reason."""


class Guard:
    """An ASGI application that passes permitted requests to another one.

    ``host`` is a permitted ``Host``, besides the loopback names and the address that the
    connection came in on.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | {host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        denial = self._check(scope)
        if denial is None:
            await self._app(scope, receive, send)
        else:
            status, header, why = denial
            await problem(status, "header", header, why)(scope, receive, send)

    def _check(self, scope: Scope) -> Denial | None:
        headers: list[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1").strip(BLANKS))
            for name, value in scope["headers"]
        ]
        local: tuple[str, int] = scope["server"]
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or not self._is_own(hosts[0], local):
            names = ", ".join(sorted(self._names))
            return 403, "Host", f"{hosts} is not allowed: one of {names}, with port {local[1]}"
        from_browser = False
        for name, value in headers:
            if name == "origin" and not self._is_own_origin(value, local):
                return 403, "Origin", f"{value!r} is another site"
            if name == "sec-fetch-site" and value not in OWN_SITES:
                return 403, "Sec-Fetch-Site", f"{value!r} is another site"
            from_browser = from_browser or name == "origin" or name.startswith("sec-fetch-")
        if from_browser and scope["method"] not in SAFE_METHODS:
            return _check_type(dict(headers).get("content-type", ""))
        return None

    def _is_own(self, authority: str, local: tuple[str, int]) -> bool:
        parts = AUTHORITY.fullmatch(authority.lower())
        if parts is None:
            return False
        name = parts[1] or parts[2]
        return int(parts[3] or 80) == local[1] and (name in self._names or name == local[0])

    def _is_own_origin(self, origin: str, local: tuple[str, int]) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return (
            parts.scheme == "http"
            and origin == f"http://{parts.netloc}"
            and self._is_own(parts.netloc, local)
        )


def _check_type(content_type: str) -> Denial | None:
    """From browsers, accept only a type that forms cannot send.

    Programs are exempt: ``curl -d`` sends the type of a form.
    """
    if content_type.partition(";")[0].strip(BLANKS).lower() == "application/json":
        return None
    why = f"{content_type!r} is not allowed from a browser: it takes application/json"
    return 415, "Content-Type", why
