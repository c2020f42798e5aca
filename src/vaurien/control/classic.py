"""Vaurien's HTTP interface, as clients have known it since its first version.

Beside ``/behavior``, ``/behaviors`` and ``/backend`` there is ``/plan``: all rules
as entries, to be read and replaced as a whole.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import UnknownNameError, VaurienError
from .server import PATIENCE, Control, StalledError

BODY_LIMIT = 64 * 1024
BODY_PATIENCE = 10.0
"""Seconds that a request may take to arrive."""
OVERRUN = 1024 * 1024
"""So much of a body that is too long is read, for its sender to get an answer."""
BLAMED = {404: "path", 405: "method", 500: "server", 503: "server"}

Body = dict[str, object]


class BodyError(VaurienError, ValueError):
    """A request's body that says nothing sensible; ``key`` is the key to blame, if it is one."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


def make_app(control: Control) -> Starlette:
    """The interface to one proxy, as an ASGI application; it leaves access to ``Guard``."""
    # The first call looks through what is installed; let no request wait for that.
    control.behaviors()

    def put_behavior(body: Body) -> None:
        name = _value(body, "name")
        if not isinstance(name, str):
            raise UnknownNameError("behavior", str(name), control.behaviors())
        control.set_behavior(name, {key: body[key] for key in body if key != "name"})

    def put_backend(body: Body) -> None:
        backend = _value(body, "backend")
        if not isinstance(backend, str):
            raise BodyError(f"{backend!r} is not an address: HOST:PORT", "backend")
        control.set_backend(backend)

    def put_plan(body: Body) -> None:
        rules = _value(body, "rules")
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise BodyError('"rules" should be a list of json objects', "rules")
        control.set_plan(rules)

    app = Starlette(
        routes=[
            _route("/behavior", "name", lambda: {"behavior": control.behavior()}, put_behavior),
            _route("/behaviors", "", lambda: {"behaviors": control.behaviors()}),
            _route("/backend", "backend", lambda: {"backend": control.backend()}, put_backend),
            _route("/plan", "rules", lambda: {"rules": control.plan()}, put_plan),
        ],
        exception_handlers={HTTPException: _on_http_exception, Exception: _on_exception},
    )
    app.router.redirect_slashes = False
    return app


def answer(body: Mapping[str, object], status: int = 200) -> Response:
    # Not Starlette's JSONResponse: texts may hold halves of surrogate pairs, which only
    # the ASCII form can carry, and old clients have seen blanks after the colons.
    return Response(json.dumps(body), status, media_type="application/json")


def problem(status: int, location: str, name: str, description: str) -> Response:
    """An error, in the one shape that errors have."""
    error = {"location": location, "name": name, "description": description}
    return answer({"status": "error", "errors": [error]}, status)


def _route(
    path: str,
    key: str,
    get: Callable[[], Mapping[str, object]],
    put: Callable[[Body], None] | None = None,
) -> Route:
    """One resource.  ``key`` is blamed for a value that is refused.

    It is so for a behavior's options as well: clients of old tell their user what
    was wrong only if the error's name is "name".
    """

    async def endpoint(request: Request) -> Response:
        if put is None or request.method != "PUT":
            return answer(get())
        try:
            body = _parse(await _read(request))
            # In a thread: the data plane answers in its own time.
            async with asyncio.timeout(3 * PATIENCE):
                await asyncio.to_thread(put, body)
        except BodyError as error:
            return problem(400, "body", error.key, str(error))
        except UnknownNameError as error:
            return problem(400, "body", key, f"the '{error.name}' behavior does not exist")
        except (StalledError, TimeoutError) as error:
            raise HTTPException(503, str(error) or "the proxy is busy") from None
        except VaurienError as error:
            return problem(400, "body", key, str(error))
        return answer({"status": "ok"})

    return Route(path, endpoint, methods=["GET"] if put is None else ["GET", "PUT"])


async def _read(request: Request) -> bytes:
    """The body of a request; too long or too slow a one ends its connection."""
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= BODY_LIMIT:
                    body += chunk
                elif size > OVERRUN:
                    break
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody is left to read it
    if size > BODY_LIMIT:
        why = f"the body is longer than {BODY_LIMIT} bytes"
        raise HTTPException(413, why, headers={"Connection": "close"})
    return bytes(body)


def _parse(data: bytes) -> Body:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BodyError("the value is not a valid json object")
    return body


def _value(body: Body, key: str) -> object:
    if key not in body:
        raise BodyError(f'the value should contain a "{key}" key')
    return body[key]


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    blamed = BLAMED.get(error.status_code, "body")
    what = {"path": request.url.path, "method": request.method}.get(blamed, "")
    response = problem(error.status_code, blamed, what, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _on_exception(request: Request, error: Exception) -> Response:
    """Our own mistake; the server logs it."""
    del request, error
    return problem(500, "server", "", HTTPStatus.INTERNAL_SERVER_ERROR.phrase)
