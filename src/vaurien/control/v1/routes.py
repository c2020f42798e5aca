"""Routes, requests and answers as values: what handlers get and return.

A ``Route`` says how its resource is reached and described; its handler gets a ``Call`` and returns
an ``Answer``, a ``Change`` that is still to be made, or a Starlette response, to stream.  Handlers
run in threads of their own, so they may wait for the data plane.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import Response

from ...config.formatting import Path
from ...config.problems import suggestion
from ...errors import BackendError, ListenError, OptionError
from ...net.proxies import ClosePolicy
from ...values.options import Option, Value
from .bodies import TYPES, Content, table_of
from .problems import Refusal, Wrong

if TYPE_CHECKING:
    from ...config.state import State
    from ..server import Control

NO_BODY = object()
DRAIN = Option("drain", float, 0.0, "seconds that connections get to finish", minimum=0)
RESET_MOVED = Option(
    "reset_moved", bool, False, "reset the connections to a backend that is replaced"
)
CLOSING = (DRAIN, RESET_MOVED)
"""The parameters of a query that say how a change closes connections."""
ANY = "*"
IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"

Schema = Mapping[str, object]
"""A JSON Schema, or a reference to one."""


def ref(name: str) -> Schema:
    """Return a reference to a schema of the API's description."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True)
class Answer:
    """What a request is answered; ``body`` becomes JSON, ``NO_BODY`` none."""

    body: object = NO_BODY
    status: int = 200
    generation: int | None = None
    """Its ETag: the generation at which it last changed."""
    location: str = ""


@dataclass(frozen=True)
class Change:
    """A change that a request asks for."""

    apply: Callable[[State], State]
    """Returns the next state, or raises why not; it may be called again."""
    answer: Callable[[State], Answer]
    """Returns the answer, given the state after all changes of the request."""
    place: Callable[[str], Path | None] = lambda _: None
    """Returns the place of a proxy in the body, by its name."""
    close_policy: ClosePolicy = ClosePolicy()  # noqa: RUF009 - a value
    forgo: Callable[[ListenError | BackendError], bool] = lambda _: False
    """Returns whether to try again, without the proxy that cannot be as it should."""
    parts: Sequence[str] = ()
    """The lines of the requests that it is made of, if there are several."""


Handler = Callable[["Call"], Answer | Change | Response | Awaitable[Answer | Response]]
"""A function, which runs in a thread as it may wait; or a coroutine, which no other request keeps
waiting."""


@dataclass(frozen=True)
class Route:
    """A method of a resource."""

    method: str
    path: str
    """Such as ``/v1/proxies/{proxy}``: a part in braces is an argument."""
    handle: Handler
    summary: str
    query: Sequence[Option] = ()
    body: Schema | None = None
    """What the body must be; None if it takes none."""
    needs_body: bool = True
    types: Sequence[str] = TYPES
    """Media types of the body."""
    answers: Mapping[int, Schema | None] = field(default_factory=lambda: {200: None})
    """The schema of each good answer, by status; None if it has no body."""
    statuses: Sequence[int] = ()
    """Those of errors, besides the ones that follow from the rest."""
    media_type: str = "application/json"
    """That of good answers."""
    is_change: bool = False
    """Whether it may be a part of ``POST /v1/changes``: the handler returns a ``Change``."""

    @property
    def segments(self) -> list[str]:
        return self.path.split("/")[1:]


class Table:
    """All routes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)

    def find(self, segments: Sequence[str]) -> dict[str, tuple[Route, dict[str, str]]]:
        """Return the routes of a path by method, each with its arguments."""
        found: dict[str, tuple[Route, dict[str, str]]] = {}
        for route in self.routes:
            if len(wanted := route.segments) != len(segments):
                continue
            pairs = list(zip(wanted, segments, strict=True))
            if all(want == given or (want[0] == "{" and given) for want, given in pairs if want):
                arguments = {want[1:-1]: given for want, given in pairs if want[:1] == "{"}
                found.setdefault(route.method, (route, arguments))
        return found


@dataclass(frozen=True)
class Call:
    """A request."""

    control: Control
    table: Table
    arguments: Mapping[str, str]
    """Those of the path, decoded."""
    query: Mapping[str, Value]
    """Only what was given."""
    headers: Mapping[str, str]
    """By names in lower case."""
    body: object = NO_BODY
    line: str = ""
    """Its method and its path, as they were sent, for the log."""

    @property
    def content(self) -> Content:
        """The body, which must be a JSON object.

        Raises:
            Refusal: it is something else.
        """
        return table_of(self.body)

    @property
    def close_policy(self) -> ClosePolicy:
        """How the change closes connections; see ``CLOSING``."""
        return ClosePolicy(
            drain=float(self.query.get(DRAIN.name, 0.0)),
            reset_moved=self.query.get(RESET_MOVED.name) is True,
        )

    def check(self, generation: int | None) -> None:
        """Check the conditions on a resource that is to be changed; None: there is none.

        Raises:
            Refusal: it is not as ``If-Match`` or ``If-None-Match`` says.
        """
        for header, wanted in ((IF_MATCH, True), (IF_NONE_MATCH, False)):
            tags = self.headers.get(header.lower())
            if tags is not None and is_among(generation, tags) is not wanted:
                what = "has changed" if wanted else "exists"
                now = f'it {what}: its ETag is "{generation}"'
                detail = "it does not exist" if generation is None else now
                tag = {} if generation is None else {"ETag": f'"{generation}"'}
                raise Refusal(412, errors=[Wrong(detail, parameter=header)], headers=tag)


def is_among(generation: int | None, tags: str, *, weakly: bool = False) -> bool:
    """Return whether a list of entity tags has that of a generation; ``*`` has any."""
    if generation is None:
        return False
    listed = [tag.strip(" \t") for tag in tags.split(",")]
    if weakly:
        listed = [tag.removeprefix("W/") for tag in listed]
    return ANY in listed or f'"{generation}"' in listed


def parsed_query(given: Iterable[tuple[str, str]], known: Sequence[Option]) -> dict[str, Value]:
    """Return the parameters of a query by name.

    Raises:
        Refusal: all that is wrong with them.
    """
    options = {option.name: option for option in known}
    values: dict[str, Value] = {}
    wrong: list[Wrong] = []
    for name, text in given:
        if name not in options:
            allowed = ", ".join(options) or "no parameters"
            why = f"{name!r} is an unknown parameter{suggestion(name, options)}: it takes {allowed}"
            wrong.append(Wrong(why, parameter=name, allowed=allowed))
        elif name in values:
            wrong.append(Wrong(f"the parameter {name!r} is given twice", parameter=name))
        else:
            try:
                values[name] = options[name].parse(text)
            except OptionError as error:
                wrong.append(Wrong(str(error), parameter=name, allowed=error.allowed))
    if wrong:
        raise Refusal(422, errors=wrong)
    return values
