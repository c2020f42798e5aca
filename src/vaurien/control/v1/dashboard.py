"""The dashboard: a page, and the files that it loads.

Law: they hold nothing of the process but its version, so they are served without a token; all else
the page asks the API for.  A file's URL has the digest of all files, and never changes.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response

from ...version import __version__
from .problems import Refusal
from .routes import Call, Route

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

TEMPLATE = "index.html.j2"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "require-trusted-types-for": "'script'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = {**HEADERS, "Cache-Control": "no-cache", "Vary": "Accept"}
HTML = "text/html"
JSON = "application/json"
ANYTHING = "*/*"


class Page(NamedTuple):
    html: str
    digest: str
    files: dict[str, tuple[bytes, str]]
    """The content and the media type of each, by name."""


@cache
def page() -> Page:
    """Return the page; it is read once."""
    from jinja2 import Environment

    folder = files(__package__) / "page"
    found = {
        each.name: (each.read_bytes(), TYPES[suffix])
        for each in sorted(folder.iterdir(), key=lambda each: each.name)
        if (suffix := re.sub(r".*(?=\.)", "", each.name)) in TYPES
    }
    names = b"".join(name.encode() + content for name, (content, _) in found.items())
    digest = sha256(names).hexdigest()[:16]
    template = Environment(autoescape=True).from_string((folder / TEMPLATE).read_text("utf-8"))
    return Page(template.render(version=__version__, digest=digest), digest, found)


class Dashboard:
    """An ASGI application: the page, for clients that take HTML; else another one."""

    def __init__(self, others: ASGIApp) -> None:
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._others
        if is_for_page(scope):
            html = (await asyncio.to_thread(page)).html
            app = Response(html, headers=PAGE_HEADERS, media_type=HTML)
        await app(scope, receive, send)


def is_for_page(scope: Scope) -> bool:
    """Return whether a request is for the page; others are answered as ever.

    Who takes anything, as curl does, gets the page, but not who asks for JSON above all.
    """
    accepted = Headers(scope=scope).get("accept", ANYTHING).split(",")
    kinds = {each.partition(";")[0].strip().lower() for each in accepted}
    takes_html = HTML in kinds or (ANYTHING in kinds and JSON not in kinds)
    return scope["path"] == "/" and scope["method"] in ("GET", "HEAD") and takes_html


def file(call: Call) -> Response:
    """Answer a file.

    Raises:
        Refusal: there is none, or it is another version's.
    """
    digest, name = call.arguments["digest"], call.arguments["name"]
    found = page().files.get(name) if digest == page().digest else None
    if found is None:
        raise Refusal(404, "there is nothing at this path")
    content, media_type = found
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, headers=headers, media_type=media_type)


ROUTES = [
    Route(
        "GET",
        "/ui/{digest}/{name}",
        file,
        "A file of the dashboard.",
        answers={200: {"type": "string"}},
        media_type="text/javascript",
    ),
]
