"""The routes of Toxiproxy's API, in front of the application that serves everything else."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ...errors import EndingError, OptionError, VaurienError
from ..reading import raw_path, read_body
from ..writer import StalledError
from .answers import BAD_BODY, PLAIN, Refusal, answer, not_found
from .decoding import DecodeError, decode
from .proxies import ToxiproxyView

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ..server import Control

VERSION = "2.12.0"
"""The version whose API this is."""
BODY_LIMIT = 1024 * 1024
OWN = frozenset({"version", "proxies", "populate", "reset"})
"""The first segments of the paths that are served here."""
BROWSER = "Mozilla/"
DOTS = re.compile(r"(?:^|/)(?:\.\.?(?:/|$)|/)")
"""What a clean path does not have."""

Body = Callable[[], object]
Handler = Callable[[Body], Response]
Handlers = dict[str, Handler]


class ToxiproxyApp:
    """An ASGI application: Toxiproxy's paths, and ``others`` for any other."""

    def __init__(self, control: Control, others: ASGIApp) -> None:
        self._view = ToxiproxyView(control)
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = raw_path(scope)
        segments = [segment for segment in path.split("/") if segment]
        if segments and segments[0] in OWN:
            response = await self._respond(path, Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def _respond(self, path: str, request: Request) -> Response:
        clean = _clean(path)
        if clean != path:
            return Response(status_code=301, headers={"Location": clean})
        handlers = self._handlers([unquote(each) for each in path.split("/")[1:]])
        if not handlers:
            return not_found()
        handler = handlers.get(request.method)
        if handler is None:
            return Response(status_code=405)
        if request.headers.get("user-agent", "").startswith(BROWSER):
            response = Response("User agent not allowed\n", 403, PLAIN)
        else:
            response = await _answered(handler, request)
        response.headers["X-Toxiproxy-Request-Id"] = uuid.uuid4().hex[:20]
        return response

    def _handlers(self, segments: list[str]) -> Handlers:
        """Return what a path has, by method; nothing if there is no such path."""
        view = self._view
        match segments:
            case ["version"]:
                return {"GET": _version}
            case ["reset"]:
                return {"POST": _nothing(view.reset)}
            case ["populate"]:
                return {"POST": lambda body: answer(view.populate(body), 201)}
            case ["proxies"]:
                return {
                    "GET": lambda _: answer(view.proxies()),
                    "POST": lambda body: answer(view.create(body()), 201),
                }
            case ["proxies", name] if name:
                return _changeable(
                    lambda: view.proxy(name),
                    lambda body: view.update(name, body),
                    lambda: view.delete(name),
                )
            case ["proxies", name, "toxics"] if name:
                return {
                    "GET": lambda _: answer(view.toxics(name)),
                    "POST": lambda body: answer(view.add_toxic(name, body)),
                }
            case ["proxies", name, "toxics", toxic] if name and toxic:
                return _changeable(
                    lambda: view.toxic(name, toxic),
                    lambda body: view.update_toxic(name, toxic, body),
                    lambda: view.remove_toxic(name, toxic),
                )
        return {}


def _changeable(
    get: Callable[[], object], update: Callable[[Body], object], delete: Callable[[], None]
) -> Handlers:
    def updated(body: Body) -> Response:
        return answer(update(body))

    return {
        "GET": lambda _: answer(get()),
        "POST": updated,
        "PATCH": updated,
        "DELETE": _nothing(delete),
    }


async def _answered(handler: Handler, request: Request) -> Response:
    try:
        data = await read_body(request, BODY_LIMIT)
        # In a thread, because it blocks until the data plane has applied it.
        return await asyncio.to_thread(handler, lambda: decode(data))
    except Refusal as error:
        return error.response
    except DecodeError as error:
        return Refusal(400, BAD_BODY, str(error)).response
    except HTTPException as error:
        response = Refusal(error.status_code, error.detail).response
        response.headers.update(error.headers or {})
        return response
    except (StalledError, EndingError) as error:
        return Refusal(503, str(error)).response
    except OptionError as error:
        return Refusal(400, str(error)).response
    except VaurienError as error:
        return Refusal(500, str(error)).response


def _version(body: Body) -> Response:
    del body
    kind = {"Content-Type": "application/json;charset=utf-8"}
    return Response(f'{{"version": "{VERSION}"}}\n', headers=kind)


def _nothing(call: Callable[[], None]) -> Handler:
    def handler(body: Body) -> Response:
        del body
        call()
        return Response(status_code=204)

    return handler


def _clean(path: str) -> str:
    """Return a path without empty segments and dots, as Go's ``path.Clean`` does."""
    if not DOTS.search(path):
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    last = "/" if path.endswith("/") and kept else ""
    return f"/{'/'.join(kept)}{last}"
