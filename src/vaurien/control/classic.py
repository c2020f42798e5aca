"""The HTTP API: the routes, compatible with clients of every version.

``/behavior``, ``/behaviors`` and ``/backend`` are as in versions before 3.  ``/plan`` reads and
replaces all rules, as entries.  ``?proxy=NAME`` names the proxy if there are several.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..config.problems import suggestion
from ..errors import EndingError, UnknownNameError, VaurienError
from ..values.options import Option, one_of
from .reading import read_body
from .server import Control, UnnamedError
from .store import RepeatedKeyError, StoreError, unique
from .writer import StalledError

BODY_LIMIT = 64 * 1024
BLAMED = {404: "path", 405: "method", 500: "server", 503: "server"}

RESET = Option("reset", bool, False, "reset the connections to the old backend, too")

Body = dict[str, object]


class BodyError(VaurienError, ValueError):
    """A body that is not what the route accepts; ``key`` is the offending key, if any."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


def make_app(control: Control) -> Starlette:
    """Make the API an ASGI application, without access control: see ``Guard``."""
    # The first call searches the installed packages; no request should wait for that.
    control.behaviors()

    def put_behavior(body: Body, proxy: str) -> None:
        name = _value(body, "name")
        if not isinstance(name, str):
            raise UnknownNameError("behavior", str(name), control.behaviors())
        options = {key: body[key] for key in body if key != "name"}
        control.set_behavior(name, options, proxy)

    def put_backend(body: Body, proxy: str) -> None:
        backend = _value(body, "backend")
        _check_keys(body, ("backend", RESET.name))
        if not isinstance(backend, str):
            raise BodyError(f"{backend!r} is not an address: HOST:PORT", "backend")
        control.set_backend(backend, proxy, moved=RESET.parse(body.get("reset", False)) is True)

    def put_plan(body: Body, proxy: str) -> None:
        rules = _value(body, "rules")
        _check_keys(body, ("rules",))
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise BodyError('"rules" should be a list of json objects', "rules")
        control.set_plan(rules, proxy)

    app = Starlette(
        routes=[
            _route("/behavior", "behavior", control.behavior, put_behavior, key="name"),
            _route("/behaviors", "behaviors", lambda _: control.behaviors()),
            _route("/backend", "backend", control.backend, put_backend, key="backend"),
            _route("/plan", "rules", control.plan, put_plan, key="rules"),
        ],
        exception_handlers={HTTPException: _on_http_exception, Exception: _on_exception},
    )
    app.router.redirect_slashes = False
    return app


def answer(body: Mapping[str, object], status: int = 200) -> Response:
    # Not Starlette's JSONResponse: texts may contain lone surrogates, which only ASCII
    # escapes can carry, and old clients expect spaces after colons.
    return Response(json.dumps(body), status, media_type="application/json")


def problem(status: int, location: str, name: str, description: str) -> Response:
    """Make an error response; all errors have this shape."""
    error = {"location": location, "name": name, "description": description}
    return answer({"status": "error", "errors": [error]}, status)


def _route(
    path: str,
    field: str,
    get: Callable[[str], object],
    put: Callable[[Body, str], None] | None = None,
    *,
    key: str = "",
) -> Route:
    """Route one resource; ``get`` and ``put`` get the proxy's name, '' if none is given.

    ``field`` of the response has what ``get`` returns.  ``key`` is reported as the name of a
    refused value, even for an option of a behavior: clients older than version 3 show the
    description only if the error's name is "name".
    """

    async def endpoint(request: Request) -> Response:
        proxy = request.query_params.get("proxy", "")
        try:
            _check_keys(request.query_params, ("proxy",))
        except BodyError as error:
            return problem(400, "querystring", error.key, str(error))
        try:
            if put is None or request.method != "PUT":
                return answer({field: get(proxy)})
            body = _parse(await read_body(request, BODY_LIMIT))
            # In a thread, because it blocks until the data plane has applied it.  It limits
            # itself; with a limit here, what the answer says might not be what happens.
            await asyncio.to_thread(put, body, proxy)
        except BodyError as error:
            return problem(400, "body", error.key, str(error))
        except UnnamedError as error:
            return problem(400, "querystring", "proxy", str(error))
        except UnknownNameError as error:
            where = ("querystring", "proxy") if error.kind == "proxy" else ("body", key)
            return problem(400, *where, f"the '{error.name}' {error.kind} does not exist")
        except (StalledError, EndingError) as error:
            raise HTTPException(503, str(error)) from None
        except StoreError as error:
            raise HTTPException(500, str(error)) from None
        except VaurienError as error:
            return problem(400, "body", key, str(error))
        return answer({"status": "ok"})

    return Route(path, endpoint, methods=["GET"] if put is None else ["GET", "PUT"])


def _parse(data: bytes) -> Body:
    try:
        body = json.loads(data, object_pairs_hook=unique)
    except RepeatedKeyError as error:
        raise BodyError(str(error)) from None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BodyError("the value is not a valid json object")
    return body


def _value(body: Body, key: str) -> object:
    if key not in body:
        raise BodyError(f'the value should contain a "{key}" key')
    return body[key]


def _check_keys(given: Iterable[str], known: tuple[str, ...]) -> None:
    """Raise BodyError if another key is given."""
    for key in given:
        if key not in known:
            text = f"{key!r} is an unknown key{suggestion(key, known)}: it takes {one_of(known)}"
            raise BodyError(text, key)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    blamed = BLAMED.get(error.status_code, "body")
    what = {"path": request.url.path, "method": request.method}.get(blamed, "")
    response = problem(error.status_code, blamed, what, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _on_exception(request: Request, error: Exception) -> Response:
    """A bug in vaurien; the server logs it."""
    del request, error
    return problem(500, "server", "", HTTPStatus.INTERNAL_SERVER_ERROR.phrase)
