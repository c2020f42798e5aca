"""Several changes in one request: made in order, as one change, all or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from ...config.formatting import Path
from ...errors import VaurienError
from ...net.proxies import ClosePolicy
from .problems import Refusal, Wrong, invalid, refusal_of
from .routes import IF_MATCH, NO_BODY, Answer, Call, Change, Route, parsed_query, ref

if TYPE_CHECKING:
    from ...config.state import State

LIMIT = 1000
IF_GENERATION = "if_generation"
KEYS = ("method", "path", "body", IF_GENERATION)


@dataclass(frozen=True)
class Part:
    """One of the changes, and its number."""

    number: int
    change: Change
    line: str
    """Its method and its path."""
    proxy: object
    """The name of the proxy that it concerns, if it concerns one."""


@contextmanager
def _within(number: int) -> Iterator[None]:
    """Tell where in the whole body something is that a change is refused for."""
    try:
        yield
    except VaurienError as error:
        refusal = refusal_of(error)
        errors = [_placed(each, number) for each in refusal.errors or [Wrong(str(refusal))]]
        status = 422 if refusal.status == 400 else refusal.status
        raise Refusal(status, str(refusal), errors) from None


def _placed(wrong: Wrong, number: int) -> Wrong:
    if wrong.parameter == IF_MATCH:
        return replace(wrong, parameter="", path=("changes", number, IF_GENERATION))
    within = ("path",) if wrong.path is None else ("body", *wrong.path)
    return replace(wrong, path=("changes", number, *within))


def post(call: Call) -> Change:
    parts = _parts(call)

    def apply(state: State) -> State:
        begun = state.generation
        call.check(begun)
        wrong: list[Refusal] = []
        for part in parts:
            try:
                with _within(part.number):
                    state = replace(part.change.apply(state), generation=begun)
            except Refusal as refusal:
                # What follows from the first one, such as that a proxy is not there, is left out.
                if not wrong or refusal.status == 422:
                    wrong.append(refusal)
        if wrong:
            raise _together(wrong)
        return state

    def answer(state: State) -> Answer:
        results = [_result(part, state) for part in parts]
        return Answer({"results": results}, generation=state.generation)

    def place(proxy: str) -> Path | None:
        for part in reversed(parts):
            found = part.change.place(proxy) if part.proxy == proxy else None
            if found is not None:
                return ("changes", part.number, "body", *found)
        return None

    policies = [part.change.close_policy for part in parts]
    policy = ClosePolicy(
        drain=max((each.drain for each in policies), default=0.0),
        reset_moved=any(each.reset_moved for each in policies),
    )
    lines = [part.line for part in parts]
    return Change(apply, answer, place, close_policy=policy, parts=lines)


def _parts(call: Call) -> list[Part]:
    content = call.content
    given = content.get("changes")
    for key in content:
        if key != "changes":
            raise invalid(f"{key!r} is an unknown key: it takes changes", key, allowed="changes")
    if not isinstance(given, list) or len(given) > LIMIT:
        what = f"a list of {LIMIT} at most"
        raise invalid(f"changes: it takes {what}", "changes", allowed=what)
    parts: list[Part] = []
    wrong: list[Refusal] = []
    for number, each in enumerate(given):
        try:
            parts.append(_part(call, number, each))
        except Refusal as refusal:
            wrong.append(refusal)
    if wrong:
        raise _together(wrong)
    return parts


def _part(call: Call, number: int, item: object) -> Part:
    """Return the change that an item of the list asks for.

    Raises:
        Refusal: all that is wrong with it.
    """
    place = ("changes", number)
    if not isinstance(item, Mapping):
        raise invalid("it takes a table", *place, allowed="a table")
    _check_keys(item, place)
    method, path = str(item["method"]), str(item["path"])
    generation = item.get(IF_GENERATION)
    where, _, query = path.partition("?")
    segments = [
        "v1",
        *(unquote(each) for each in where.removeprefix("/v1/").lstrip("/").split("/")),
    ]
    found = {
        known: route for known, route in call.table.find(segments).items() if route[0].is_change
    }
    if method not in found:
        allowed = ", ".join(found) or "the path of a change, such as proxies/NAME"
        key = "method" if found else "path"
        detail = f"{method} {path} is not a change that can be made here"
        raise invalid(detail, *place, key, given=repr(item[key]), allowed=allowed)
    route, arguments = found[method]
    body = item.get("body", NO_BODY)
    if route.body is not None and route.needs_body and body is NO_BODY:
        raise invalid("body is missing", *place, "body")
    headers = {} if generation is None else {IF_MATCH.lower(): f'"{generation}"'}
    with _within(number):
        values = parsed_query(parse_qsl(query, keep_blank_values=True), route.query)
        part = replace(call, arguments=arguments, query=values, headers=headers, body=body)
        change = route.handle(part)
    assert isinstance(change, Change)
    created = body.get("name") if isinstance(body, Mapping) else None
    return Part(number, change, f"{method} {path}", arguments.get("proxy", created))


def _check_keys(item: Mapping[str, object], place: Path) -> None:
    """Check the keys of an item of the list, but for its body.

    Raises:
        Refusal: all that is wrong with them.
    """
    wrong = [
        Wrong(f"{key!r} is an unknown key", (*place, key), allowed=", ".join(KEYS))
        for key in item
        if key not in KEYS
    ]
    wrong += [
        Wrong(f"{key}: it takes a text", (*place, key), allowed="a text")
        for key in ("method", "path")
        if not isinstance(item.get(key), str)
    ]
    generation = item.get(IF_GENERATION)
    if generation is not None and (type(generation) is not int or generation < 0):
        what = "a whole number, from 0"
        detail = f"{IF_GENERATION}: it takes {what}"
        wrong.append(Wrong(detail, (*place, IF_GENERATION), allowed=what))
    if wrong:
        raise Refusal(422, errors=wrong)


def _together(refusals: list[Refusal]) -> Refusal:
    """Return one refusal for several, with the status of the first."""
    first = refusals[0]
    if len(refusals) == 1:
        return first
    errors = [error for each in refusals for error in each.errors]
    return Refusal(first.status, errors=errors)


def _result(part: Part, state: State) -> dict[str, object]:
    """Return the answer of one change, as of the end; what a later one removed has no body."""
    try:
        answer = part.change.answer(state)
    except Refusal as gone:
        if gone.status != 404:
            raise
        return {"status": 200}
    body = {} if answer.body is NO_BODY else {"body": answer.body}
    return {"status": answer.status, **body}


ROUTES = [
    Route(
        "POST",
        "/v1/changes",
        post,
        "Make several changes as one: all or none.",
        body=ref("Changes"),
        answers={200: ref("Results")},
        statuses=[404, 409, 412],
    )
]
