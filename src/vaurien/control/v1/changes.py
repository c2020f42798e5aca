"""Several changes in one request: made in order, as one change, all or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from ...errors import VaurienError
from ...net.proxies import ClosePolicy
from .problems import Refusal, Wrong, invalid, refusal_of
from .routes import NO_BODY, Answer, Call, Change, Route, parsed_query, ref

if TYPE_CHECKING:
    from ...config.state import State

LIMIT = 1000
KEYS = ("method", "path", "body")
METHODS = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Part:
    """One of the changes, and its number."""

    number: int
    change: Change


@contextmanager
def _within(number: int) -> Iterator[None]:
    """Tell where in the whole body something is that a change is refused for."""
    try:
        yield
    except VaurienError as error:
        refusal = refusal_of(error)
        place = ("changes", number)
        errors = [
            replace(
                each, path=(*place, "path") if each.path is None else (*place, "body", *each.path)
            )
            for each in refusal.errors or [Wrong(str(refusal))]
        ]
        status = 422 if refusal.status == 400 else refusal.status
        raise Refusal(status, str(refusal), errors, headers=refusal.headers) from None


def post(call: Call) -> Change:
    parts = _parts(call)

    def apply(state: State) -> State:
        call.check(state.generation)
        wrong: list[Refusal] = []
        for part in parts:
            try:
                with _within(part.number):
                    state = part.change.apply(state)
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

    policies = [part.change.close_policy for part in parts]
    policy = ClosePolicy(
        drain=max((each.drain for each in policies), default=0.0),
        reset_moved=any(each.reset_moved for each in policies),
    )
    return Change(apply, answer, close_policy=policy)


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
            parts.append(Part(number, _change(call, number, each)))
        except Refusal as refusal:
            wrong.append(refusal)
    if wrong:
        raise _together(wrong)
    return parts


def _change(call: Call, number: int, item: object) -> Change:
    """Return the change that an item of the list asks for.

    Raises:
        Refusal: all that is wrong with it.
    """
    place = ("changes", number)
    if not isinstance(item, Mapping):
        raise invalid("it takes a table", *place, allowed="a table")
    wrong = [
        Wrong(f"{key!r} is an unknown key", (*place, key), allowed=", ".join(KEYS))
        for key in item
        if key not in KEYS
    ]
    wrong += [
        Wrong(f"{key} is missing: it takes a text", (*place, key), allowed="a text")
        for key in ("method", "path")
        if not isinstance(item.get(key), str)
    ]
    if wrong:
        raise Refusal(422, errors=wrong)
    method, path = str(item["method"]), str(item["path"])
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
    with _within(number):
        values = parsed_query(parse_qsl(query, keep_blank_values=True), route.query)
        part = replace(call, arguments=arguments, query=values, headers={}, body=body)
        change = route.handle(part)
    assert isinstance(change, Change)
    return change


def _together(refusals: list[Refusal]) -> Refusal:
    """Return one refusal for several, with the status of the first."""
    first = refusals[0]
    if len(refusals) == 1:
        return first
    errors = [error for each in refusals for error in each.errors]
    return Refusal(first.status, errors=errors, headers=first.headers)


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
