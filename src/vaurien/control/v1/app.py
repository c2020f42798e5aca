"""The native API, in front of the application that serves everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ...config.state import State
from ...errors import BackendError, EndingError, ListenError, VaurienError
from ...values.events import Changed
from ...values.texts import printable
from ..logged import log
from ..reading import raw_path, read_body
from ..writer import StalledError, difference
from .bodies import check_type, decode, encode
from .problems import MEDIA_TYPE, Refusal, refusal_of
from .routes import (
    IF_NONE_MATCH,
    NO_BODY,
    Answer,
    Call,
    Change,
    Route,
    Table,
    is_among,
    parsed_query,
)
from .table import TABLE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ..server import Control

BODY_LIMIT = 1024 * 1024
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
LOGGED_PARTS = 10
"""Parts of a change that are logged."""
LOG = logging.getLogger("vaurien")


class NativeApp:
    """An ASGI application: the paths of a table, and ``others`` for any other."""

    def __init__(self, control: Control, others: ASGIApp, table: Table = TABLE) -> None:
        self._control = control
        self._others = others
        self._table = table
        self._own = {route.segments[0] for route in table.routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        segments = [unquote(each) for each in raw_path(scope).split("/")[1:]]
        if segments and segments[0] in self._own:
            response = await self._respond(segments, Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def _respond(self, segments: list[str], request: Request) -> Response:
        try:
            route, arguments = self._find(segments, request.method)
            data = b""
            if route.body is not None:
                data = await read_body(request, BODY_LIMIT)

            def handled() -> Response | Awaitable[Answer | Response]:
                call = Call(
                    self._control,
                    self._table,
                    arguments,
                    parsed_query(request.query_params.multi_items(), route.query),
                    request.headers,
                    _body(route, request, data),
                    _line(request),
                )
                answer = route.handle(call)
                return answer if isinstance(answer, Awaitable) else _answered(route, call, answer)

            if iscoroutinefunction(route.handle):
                found = handled()
            else:  # in a thread, because it blocks until the data plane has applied it
                found = await asyncio.to_thread(handled)
            answer = found if isinstance(found, Response) else await found
            return answer if isinstance(answer, Response) else _told(route, request.headers, answer)
        except VaurienError as error:
            return _refused(refusal_of(error))
        except HTTPException as error:
            return _refused(Refusal(error.status_code, error.detail, headers=error.headers))
        except RecursionError:
            return _refused(Refusal(400, "the body is nested too deeply"))
        except Exception:  # a bug, in vaurien or a plugin
            LOG.exception("%s failed", printable(_line(request)))
            return _refused(Refusal(500, "this is a bug: the log has its traceback"))

    def _find(self, segments: list[str], method: str) -> tuple[Route, dict[str, str]]:
        found = self._table.find(segments)
        if not found:
            raise Refusal(404, "there is nothing at this path")
        if method == "HEAD":
            method = "GET"
        if method not in found:
            allowed = ", ".join([*found, *(["HEAD"] if "GET" in found else [])])
            detail = f"{method} is not allowed here: it takes {allowed}"
            raise Refusal(405, detail, headers={"Allow": allowed})
        return found[method]


def made(control: Control, change: Change, line: str) -> Answer:
    """Make a change, log it as the ``line`` of its request, and return its answer.

    Raises:
        Refusal: it cannot be made; or it was, as the text says, and its answer cannot be told.
    """
    before = State()

    def apply(state: State) -> State:
        nonlocal before
        before = state
        return change.apply(state)

    while True:
        try:
            after = control.change(apply, change.close_policy)
            break
        except (ListenError, BackendError) as error:
            if not change.forgo(error):
                raise refusal_of(error, change.place(error.proxy)) from None
    if after.generation != before.generation:
        _log(line, change.parts, difference(before, after))
    try:
        return change.answer(after)
    except (StalledError, EndingError):
        raise Refusal(503, "the change was made, but the proxies do not answer") from None


def _log(line: str, parts: Sequence[str], made: Changed) -> None:
    shown = ", ".join(parts[:LOGGED_PARTS])
    more = f" and {len(parts) - LOGGED_PARTS} more" if len(parts) > LOGGED_PARTS else ""
    what = f"{line} ({shown}{more})" if parts else line
    names = sorted({*made.added, *made.changed, *made.removed})
    about = {"proxy": names[0]} if len(names) == 1 else {"proxies": names}
    generation = made.generation
    log("%s: generation %d", printable(what), generation, generation=generation, **about)


def _line(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.method} {raw_path(request.scope)}{query}"


def _body(route: Route, request: Request, data: bytes) -> object:
    """Return the body of a request.

    Raises:
        Refusal: it is of a wrong type, no JSON, or missing.
    """
    if route.body is None or not (data or route.needs_body):
        return NO_BODY
    if not data:
        raise Refusal(400, "the body is missing")
    check_type(request.headers.get("content-type", ""), tuple(route.types))
    return decode(data)


def _answered(route: Route, call: Call, answer: Answer | Change | Response) -> Response:
    if isinstance(answer, Change):
        answer = made(call.control, answer, call.line)
    return answer if isinstance(answer, Response) else _told(route, call.headers, answer)


def _told(route: Route, asked: Mapping[str, str], answer: Answer) -> Response:
    headers = dict(HEADERS)
    if answer.generation is not None:
        headers["ETag"] = f'"{answer.generation}"'
        tags = asked.get(IF_NONE_MATCH.lower())
        if route.method == "GET" and tags and is_among(answer.generation, tags, weakly=True):
            return Response(status_code=304, headers=headers)
    if answer.location:
        headers["Location"] = answer.location
    if answer.body is NO_BODY:
        return Response(status_code=answer.status, headers=headers)
    return Response(encode(answer.body), answer.status, headers, route.media_type)


def _refused(refusal: Refusal) -> Response:
    headers = {**HEADERS, **refusal.headers}
    return Response(encode(refusal.body), refusal.status, headers, MEDIA_TYPE)
