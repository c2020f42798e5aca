"""The table of all routes: each module of resources has a list of its own."""

from __future__ import annotations

from ...version import __version__
from . import (
    catalogue,
    changes,
    connections,
    dashboard,
    events,
    health,
    live,
    metrics,
    openapi,
    presets,
    proxies,
    rules,
    state,
)
from .routes import Answer, Call, Route, Table, ref


def index(call: Call) -> Answer:
    paths = [
        route.path for route in call.table.routes if route.method == "GET" and "{" not in route.path
    ]
    return Answer({"version": __version__, "links": sorted(set(paths))})


INDEX = Route("GET", "/v1", index, "Return the version, and links.", answers={200: ref("Index")})
MODULES = (
    *(state, proxies, rules, presets, connections, events, live, health, metrics),
    *(changes, catalogue, openapi, dashboard),
)
TABLE = Table([INDEX, *(route for module in MODULES for route in module.ROUTES)])
