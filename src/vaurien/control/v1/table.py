"""The table of all routes: each module of resources has a list of its own."""

from __future__ import annotations

from ...version import __version__
from . import connections, events, health, proxies
from .routes import Answer, Call, Route, Table


def index(call: Call) -> Answer:
    paths = [
        route.path for route in call.table.routes if route.method == "GET" and "{" not in route.path
    ]
    return Answer({"version": __version__, "links": sorted(set(paths))})


TABLE = Table(
    [
        Route("GET", "/v1", index, "The version, and links."),
        *proxies.ROUTES,
        *connections.ROUTES,
        *events.ROUTES,
        *health.ROUTES,
    ]
)
