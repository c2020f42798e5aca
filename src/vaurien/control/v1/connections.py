"""Open connections: what holds them, and how to end them.

Law: the data plane is asked for a bounded part at a time, so that it never stops for long.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from ...net.inspection import Inspected, inspect, kill, kill_one, newest
from ...net.turns import PORTION
from ...values.options import Option
from ..journal import timestamp
from .problems import Refusal, Wrong, unknown
from .routes import Answer, Call, Route

if TYPE_CHECKING:
    from ...net.proxies import Proxies

LIMIT = Option("limit", int, 100, "number of connections", minimum=1, maximum=1000)
AFTER = Option("after", str, "", "`next` of the page before")
RESET = "reset"
HOW = Option("how", str, RESET, "end them with a RST, or with a FIN", choices=(RESET, "close"))
LONGEST = 18
"""Digits of a number."""

Place = tuple[str, int]
"""Of a connection: the name of its proxy, and its number."""


def described(seen: Inspected, now: float) -> dict[str, object]:
    """Return a connection as a resource; ``now`` is in seconds since 1970."""
    return {
        "proxy": seen.proxy,
        "id": seen.number,
        "client": seen.client,
        "backend": seen.backend,
        "state": seen.state,
        "opened_at": timestamp(now - seen.age),
        "age": round(seen.age, 3),
        "bytes": {"to_backend": seen.bytes_to_backend, "to_client": seen.bytes_to_client},
        "exchanges": seen.exchanges,
        "held_by": list(seen.held_by),
        "waiting_bytes": seen.waiting_bytes,
    }


def get(call: Call) -> Answer:
    """Return a page of the connections, by proxy and number."""
    limit = int(call.query.get(LIMIT.name, LIMIT.default))
    place = _place(str(call.query.get(AFTER.name, "")))
    found: list[Inspected] = []
    names = [name for name in _names(call) if name >= place[0]]
    while names and len(found) < limit:
        most = min(PORTION, limit - len(found))
        part = call.control.ask(partial(_inspected, names=names[:PORTION], after=place, most=most))
        found += part
        if len(part) < most:  # there are no more in these proxies
            names = names[PORTION:]
        else:
            place = part[-1].proxy, part[-1].number
            names = names[names.index(place[0]) :]
    now = time.time()
    last = f"{found[-1].proxy}/{found[-1].number}" if len(found) == limit else None
    return Answer({"connections": [described(each, now) for each in found], "next": last})


def delete(call: Call) -> Answer:
    """End all connections that are open now."""
    killed = 0
    for name in _names(call):
        last = call.control.ask(partial(_newest, name=name))
        while part := call.control.ask(partial(_kill, name=name, last=last, reset=_resets(call))):
            killed += part
    return Answer({"killed": killed})


def delete_one(call: Call) -> Answer:
    """End a connection.

    Raises:
        Refusal: there is none with this number.
    """
    name, text = call.arguments["proxy"], call.arguments["connection"]
    _check(call, name)
    if not _is_number(text) or not call.control.ask(
        partial(_kill_one, name=name, number=int(text), reset=_resets(call))
    ):
        raise unknown("open connection", text)
    return Answer(status=204)


# Called in the reactor's thread.


def _inspected(proxies: Proxies, names: list[str], after: Place, most: int) -> list[Inspected]:
    found: list[Inspected] = []
    for name in names:
        proxy = proxies.get(name)
        if proxy is not None and len(found) < most:
            number = after[1] if name == after[0] else 0
            found += inspect(proxy, number, most - len(found))
    return found


def _newest(proxies: Proxies, name: str) -> int:
    proxy = proxies.get(name)
    return 0 if proxy is None else newest(proxy)


def _kill(proxies: Proxies, name: str, last: int, *, reset: bool) -> int:
    proxy = proxies.get(name)
    return 0 if proxy is None else kill(proxy, last, reset=reset)


def _kill_one(proxies: Proxies, name: str, number: int, *, reset: bool) -> bool:
    proxy = proxies.get(name)
    return proxy is not None and kill_one(proxy, number, reset=reset)


# Reading requests.


def _names(call: Call) -> list[str]:
    """Return the names of the proxies that a request is about, in order."""
    name = call.arguments.get("proxy")
    if name is None:
        return sorted(spec.name for spec in call.control.state.proxies)
    _check(call, name)
    return [name]


def _check(call: Call, name: str) -> None:
    if call.control.state.get(name) is None:
        raise unknown("proxy", name)


def _resets(call: Call) -> bool:
    return call.query.get(HOW.name, RESET) == RESET


def _place(text: str) -> Place:
    name, slash, number = text.rpartition("/")
    if text and not (slash and _is_number(number)):
        why = f"{text!r} is not the `next` of a page"
        raise Refusal(422, errors=[Wrong(why, parameter=AFTER.name, given=text)])
    return name, int(number or 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= LONGEST


COUNTS = {"type": "integer", "minimum": 0}
CONNECTION = {
    "type": "object",
    "properties": {
        "proxy": {"type": "string"},
        "id": {**COUNTS, "description": "Its number on the proxy, counted from 1."},
        "client": {"type": "string", "description": "Its address."},
        "backend": {"type": "string", "description": "The address it is connected to."},
        "state": {
            "enum": ["connecting", "held", "blocked", "half_closed", "unanswered", "idle"],
        },
        "opened_at": {"type": "string", "format": "date-time"},
        "age": {"type": "number", "description": "Seconds."},
        "bytes": {
            "type": "object",
            "properties": {"to_backend": COUNTS, "to_client": COUNTS},
        },
        "exchanges": COUNTS,
        "held_by": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The rules that make it wait.",
        },
        "waiting_bytes": {**COUNTS, "description": "Bytes of memory that wait on it."},
    },
}
PAGE = {
    "type": "object",
    "properties": {
        "connections": {"type": "array", "items": CONNECTION},
        "next": {
            "type": ["string", "null"],
            "description": "What to continue after; null: there are no more.",
        },
    },
    "required": ["connections", "next"],
}
KILLED = {"type": "object", "properties": {"killed": COUNTS}, "required": ["killed"]}
OF_PROXY = "/v1/proxies/{proxy}/connections"

ROUTES = [
    route
    for path, whose in (("/v1/connections", "all proxies"), (OF_PROXY, "a proxy"))
    for route in (
        Route(
            "GET",
            path,
            get,
            f"List the open connections of {whose}.",
            query=[LIMIT, AFTER],
            answers={200: PAGE},
        ),
        Route(
            "DELETE",
            path,
            delete,
            f"End the open connections of {whose}.",
            query=[HOW],
            answers={200: KILLED},
        ),
    )
]
ROUTES.append(
    Route(
        "DELETE",
        f"{OF_PROXY}/{{connection}}",
        delete_one,
        "End a connection.",
        query=[HOW],
        answers={204: None},
    )
)
