"""Access control: who may use the HTTP server.

A browser sends requests on behalf of any page its user visits.  A page on another site
must not control the proxy: not through a name of its own that resolves to this machine
(DNS rebinding: ``Host`` must be in a list), nor by a cross-site request (``Origin`` and
``Sec-Fetch-Site`` are checked), nor with a form.  Programs need a token, if there are any.

Law: it wraps the whole application, and nothing is done for a request that it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from . import refusals
from .tokens import Right, Tokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/?#@\[\]]+))(?::[0-9]{1,5})?")
MAPPED = "::ffff:"
"""Before the address of a client of IPv4, where a socket takes both families."""
OWN_SITES = frozenset({"same-origin", "none"})
LINK = {("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")}
"""What a browser says of a page that somebody opens in a tab."""
PAGES = frozenset({"/", "/docs"})
"""What a link on another site may lead to: they hold nothing of the process."""
CORS = "cors"
"""The mode of a request that has an ``Origin`` if a browser sends it; Node.js sends none."""
BLANKS = " \t"
"""What may surround a value (RFC 9110, section 5.6.3); Python's ``strip`` removes more."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
WITHOUT_TOKEN = re.compile(r"/|/livez|/readyz|/docs|/docs/(script\.js|style\.css)|/ui/\w+/[\w.-]+")
"""What those that watch the process ask for, and pages that hold nothing of it."""
HEADERS_LIMIT = 16 * 1024
"""Bytes of all lines."""
BETWEEN = len(": \r\n")
TARGET_LIMIT = 8 * 1024
"""Bytes of a path and a query."""
JSON_TYPES = ("application/json", "application/merge-patch+json")

Headers = list[tuple[str, str]]


class Denied(Exception):
    """A request that is refused, because of a header, or all of them."""

    def __init__(self, status: int, header: str, why: str) -> None:
        super().__init__(status, header, why)
        self.status, self.header, self.why = status, header, why


class Guard:
    """An ASGI application that passes permitted requests to another one.

    ``hosts`` are permitted as ``Host``, besides the loopback names and the address that the
    connection came in on.  The port of ``Host`` is not checked: a page cannot choose the name
    that its browser sends, and a container does not know which port of the host it has.
    Whoever may open a unix socket may use it.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), tokens: Tokens = Tokens()) -> None:  # noqa: B008 - a value
        self._app = app
        self._hosts = LOOPBACK_NAMES | {host.strip("[]").lower() for host in hosts if host}
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except Denied as denied:
            response = refusals.refusal(scope, denied.status, denied.header, denied.why)
            if denied.status == HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = 'Bearer realm="vaurien"'
            if denied.status == HTTPStatus.BAD_REQUEST:
                response.headers["Connection"] = "close"
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise ``Denied`` if a request is not permitted."""
        headers: Headers = [
            (name.decode("latin-1"), value.decode("latin-1").strip(BLANKS))
            for name, value in scope["headers"]
        ]
        if sum(len(name) + len(value) + BETWEEN for name, value in headers) > HEADERS_LIMIT:
            raise Denied(431, "", f"the headers are longer than {HEADERS_LIMIT} bytes")
        if len(scope["raw_path"]) + len(scope["query_string"]) > TARGET_LIMIT:
            raise Denied(414, "", f"the URL is longer than {TARGET_LIMIT} bytes")
        if {"content-length", "transfer-encoding"} <= {name for name, _ in headers}:
            # Who forwarded it may have seen another request in it.
            raise Denied(400, "Content-Length", "contradicts Transfer-Encoding")
        address, port = scope["server"]
        safe = scope["method"] in SAFE_METHODS
        from_browser = False
        if port is not None:  # not a unix socket
            from_browser = self._check_site(headers, address, scope["path"])
            self._check_token(headers, scope["path"], safe=safe)
        if not safe and (from_browser or refusals.is_native(scope["path"])):
            _check_type(headers, from_browser=from_browser)

    def _check_site(self, headers: Headers, address: str, path: str) -> bool:
        """Refuse other sites; return whether the request comes from a browser."""
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or not self._is_own(hosts[0], address):
            given = " and ".join(map(repr, hosts)) or "none"
            why = f"{given} is not allowed: it takes one of {', '.join(sorted(self._hosts))}"
            raise Denied(403, "Host", why)
        follows_link = path in PAGES and LINK.issubset(headers)
        from_browser = False
        for name, value in headers:
            if name == "origin" and value.lower() != f"http://{hosts[0].lower()}":
                raise Denied(403, "Origin", f"{value!r} is another site")
            if name == "sec-fetch-site" and value not in OWN_SITES and not follows_link:
                raise Denied(403, "Sec-Fetch-Site", f"{value!r} is another site")
            fetched = name.startswith("sec-fetch-") and value != CORS
            from_browser = from_browser or name == "origin" or fetched
        return from_browser

    def _check_token(self, headers: Headers, path: str, *, safe: bool) -> None:
        if not self._tokens or WITHOUT_TOKEN.fullmatch(path):
            return
        given = [value for name, value in headers if name == "authorization"]
        right = self._tokens.right_of(given[0]) if len(given) == 1 else Right.NONE
        if right is Right.NONE:
            why = "is not one of the server's tokens" if given else "is missing"
            raise Denied(401, "Authorization", f"{why}: it takes Bearer TOKEN")
        if right is Right.READ and not safe:
            raise Denied(403, "Authorization", "the token may only read")

    def _is_own(self, authority: str, address: str) -> bool:
        parts = AUTHORITY.fullmatch(authority.lower())
        name = parts and (parts[1] or parts[2])
        return name in self._hosts or name == address.removeprefix(MAPPED)


def _check_type(headers: Headers, *, from_browser: bool) -> None:
    """Accept only a type that forms cannot send, of browsers and for the native API.

    Programs are exempt on the older paths: ``curl -d`` sends the type of a form.
    """
    given = [value for name, value in headers if name == "content-type"]
    kind = ", ".join(given)
    if kind.partition(";")[0].strip(BLANKS).lower() in JSON_TYPES:
        return
    lengths = dict(headers)
    empty = lengths.get("content-length", "0") == "0" and "transfer-encoding" not in lengths
    if from_browser or given or not empty:
        raise Denied(415, "Content-Type", f"{kind!r} is not allowed: it takes {JSON_TYPES[0]}")
