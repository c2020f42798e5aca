"""The description of the API (OpenAPI 3.1), made of the table of routes, and a page of it."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.resources import files

from starlette.responses import Response

from ...version import __version__
from .routes import IF_MATCH, IF_NONE_MATCH, Answer, Call, Handler, Route, Table
from .schemas import PROBLEM_CONTENT, SCHEMAS, schema_of

ALWAYS = (401, 403, 422, 500, 503)
"""Statuses that any request may be answered."""
WITH_BODY = (400, 408, 413, 415)
CONDITIONS = {
    IF_MATCH: "change it only if its ETag is one of these; *: if it exists",
    IF_NONE_MATCH: "change it only if its ETag is none of these; *: if it does not exist",
}
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}
ETAG = {"description": "the generation with which it last changed", "schema": {"type": "string"}}

Described = dict[str, object]


def describe(table: Table) -> Described:
    """Return the description of all routes."""
    paths: dict[str, Described] = {}
    for route in table.routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vaurien",
            "version": __version__,
            "description": "The native API of vaurien, a chaos proxy.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"bearer": []}],
    }


def operation(route: Route) -> Described:
    """Return the description of one method of a path."""
    words = [route.method.lower(), *re.findall(r"\w+", route.path)]
    described: Described = {
        "operationId": "_".join(words),
        "summary": route.summary,
        "parameters": parameters_of(route),
        "responses": responses_of(route),
    }
    if route.body is not None:
        content = {each: {"schema": route.body} for each in route.types}
        described["requestBody"] = {"required": route.needs_body, "content": content}
    return described


def parameters_of(route: Route) -> list[Described]:
    text = {"type": "string", "minLength": 1}
    found: list[Described] = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    found += [
        {
            "name": option.name,
            "in": "query",
            "description": option.help,
            "schema": schema_of(option),
        }
        for option in route.query
    ]
    if 412 in route.statuses:
        found += [
            {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in CONDITIONS.items()
        ]
    return found


def responses_of(route: Route) -> Described:
    responses: Described = {}
    for status, schema in route.answers.items():
        response: Described = {"description": HTTPStatus(status).phrase}
        if schema is not None:
            response["content"] = {route.media_type: {"schema": schema}}
            response["headers"] = {"ETag": ETAG}
        responses[str(status)] = response
    errors = {*ALWAYS, *route.statuses}
    if route.body is not None:
        errors.update(WITH_BODY)
    if "{" in route.path:
        errors.add(404)
    if route.method == "GET":
        responses["304"] = {"description": HTTPStatus(304).phrase}
    for status in sorted(errors - set(route.answers)):
        phrase = HTTPStatus(status).phrase
        responses[str(status)] = {"description": phrase, "content": PROBLEM_CONTENT}
    return responses


def get(call: Call) -> Answer:
    return Answer(describe(call.table))


def page_file(name: str, media_type: str) -> Handler:
    """Return a handler that answers a file of the page."""

    def handler(call: Call) -> Response:
        del call
        text = (files(__package__) / "page" / name).read_text("utf-8")
        return Response(text, headers={**PAGE_HEADERS, "Content-Type": media_type})

    return handler


PAGE = {
    "/docs": ("docs.html", "text/html; charset=utf-8", "A page that shows this description."),
    "/docs/script.js": ("docs.js", "text/javascript; charset=utf-8", "The script of the page."),
    "/docs/style.css": ("docs.css", "text/css; charset=utf-8", "The style of the page."),
}
ROUTES = [
    Route(
        "GET", "/openapi.json", get, "Return this description.", answers={200: {"type": "object"}}
    ),
    *(
        Route(
            "GET",
            path,
            page_file(name, media_type),
            summary,
            answers={200: {"type": "string"}},
            media_type=media_type.partition(";")[0],
        )
        for path, (name, media_type, summary) in PAGE.items()
    ),
]
