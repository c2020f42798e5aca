"""Operations as steps: each method of the clients is written once, for both.

An operation is a generator that yields requests, receives answers, and returns a value.  It does
no I/O, so a blocking client and an asynchronous one can both run it.  ``operation`` and ``block``
make it a method of each.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload
from urllib.parse import quote, urlencode

from .errors import KINDS, ApiError, ClientError

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Json = dict[str, object]


@dataclass(frozen=True)
class Request:
    """A request, its path quoted; ``body`` is JSON to be, None for no body."""

    method: str
    path: str
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A response; ``headers`` by name in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


Steps = Generator[Request, Answer, T]
Undoable = Generator[Request, Answer, tuple[T, Steps[object]]]
"""Steps whose result comes with the steps that undo them."""


def path_of(*parts: str, **query: object) -> str:
    """Quote the path of a resource; of ``query``, leave out what is None or ''."""
    given = {key: _word(value) for key, value in query.items() if value is not None and value != ""}
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def ask(
    method: str, path: str, body: object = None, *, if_generation: int | None = None
) -> Steps[Json]:
    """Send a request to the native API; return the JSON object of the answer, {} if it is empty.

    ``if_generation``: change nothing if the resource has another generation by now.

    Raises:
        ApiError: the API refuses it.
        ClientError: the answer is not one of vaurien's.
    """
    headers = {} if if_generation is None else {"If-Match": f'"{if_generation}"'}
    return checked((yield Request(method, path, body, headers)))


def attempted(steps: Steps[T], undo: Steps[object]) -> Steps[T]:
    """Run steps; if it is unknown whether the API has made their change, undo it.

    Raises:
        ClientError, ApiError: those of the steps.
    """
    try:
        return (yield from steps)
    except (ClientError, ApiError) as error:
        if isinstance(error, ClientError) or error.status >= 500:
            with suppress(ClientError, ApiError):
                yield from undo
        raise


def checked(answer: Answer) -> Json:
    """Return the JSON object of a successful answer, {} if it is empty; see ``ask`` for errors."""
    found = answer.json if answer.body else {}
    if not isinstance(found, dict):
        raise not_vauriens(answer)
    if not 200 <= answer.status < 300:
        raise KINDS.get(answer.status, ApiError)(answer.status, found, oldest_reason(found))
    return found


def not_vauriens(answer: Answer, reason: str = "") -> ClientError:
    """Make an error of an answer that says nothing to a client of vaurien."""
    reason = reason or answer.body[:200].decode(errors="replace")
    return ClientError(
        f"the server does not answer as vaurien does: status {answer.status}: {reason}"
    )


def oldest_reason(found: object) -> str:
    """Return the reason in an error of the API of earlier versions, '' if this is none."""
    match found:
        case {"errors": [{"description": reason}, *_]}:
            return str(reason)
    return ""


def listed(found: Json, key: str) -> list[Json]:
    """Return the objects in a list of an answer.

    Raises:
        ClientError: there is no such list.
    """
    objects = found.get(key)
    if isinstance(objects, list) and all(isinstance(each, dict) for each in objects):
        return objects
    raise ClientError(f"the server does not answer as vaurien does: there is no list of {key}")


class Transport(Protocol):
    """Sends requests, and blocks until the answer is there."""

    def send(self, request: Request) -> Answer:
        """Raise ClientError if there is none."""


class AsyncTransport(Protocol):
    """Sends requests in asyncio's loop."""

    async def send(self, request: Request) -> Answer:
        """Raise ClientError if there is none."""


class Blocking:
    """Runs operations where it is called."""

    _transport: Transport

    def _run(self, steps: Steps[T]) -> T:
        try:
            request = next(steps)
            while True:
                try:
                    answer = self._transport.send(request)
                except ClientError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value

    @contextmanager
    def _within(self, steps: Undoable[T]) -> Iterator[T]:
        value, undo = self._run(steps)
        try:
            yield value
        finally:
            self._run(undo)


class Asynchronous:
    """Runs operations in asyncio's loop."""

    _transport: AsyncTransport

    async def _run(self, steps: Steps[T]) -> T:
        try:
            request = next(steps)
            while True:
                try:
                    answer = await self._transport.send(request)
                except ClientError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value

    @asynccontextmanager
    async def _within(self, steps: Undoable[T]) -> AsyncIterator[T]:
        value, undo = await self._run(steps)
        try:
            yield value
        finally:
            await self._run(undo)


class Operation(Protocol[P, T_co]):
    """A method of both clients, as a type checker sees it."""

    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, T_co]: ...
    @overload
    def __get__(
        self, client: Asynchronous, owner: type
    ) -> Callable[P, Coroutine[Any, Any, T_co]]: ...


class Block(Protocol[P, T_co]):
    """A method of both clients for ``with`` or ``async with``, as a type checker sees it."""

    @overload
    def __get__(
        self, client: Blocking, owner: type
    ) -> Callable[P, AbstractContextManager[T_co]]: ...
    @overload
    def __get__(
        self, client: Asynchronous, owner: type
    ) -> Callable[P, AbstractAsyncContextManager[T_co]]: ...


def operation(steps: Callable[Concatenate[S, P], Steps[T]]) -> Operation[P, T]:
    """Make steps a method: of a blocking client, one that returns the value; else, a coroutine."""

    @wraps(steps)
    def run(client: Any, *args: P.args, **kwargs: P.kwargs) -> object:
        return client._run(steps(client, *args, **kwargs))

    return cast("Operation[P, T]", run)


def block(steps: Callable[Concatenate[S, P], Undoable[T]]) -> Block[P, T]:
    """Make undoable steps a method that runs them, and undoes them at the end of the block."""

    @wraps(steps)
    def within(client: Any, *args: P.args, **kwargs: P.kwargs) -> object:
        return client._within(steps(client, *args, **kwargs))

    return cast("Block[P, T]", within)
