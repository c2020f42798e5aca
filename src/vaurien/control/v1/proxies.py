"""Proxies: their resources, and the changes that requests ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ...config.document import Document
from ...config.problems import Problems
from ...config.proxies import ProxyReader
from ...config.settings import LIMITS
from ...config.state import State
from ...config.tables import Table
from ...net.spec import Limits, ProxySpec
from ...rules.notation import describe
from .bodies import Content
from .problems import Refusal, invalid, unknown
from .routes import CLOSING, DRAIN, Answer, Call, Change, Route
from .status import Status

if TYPE_CHECKING:
    from ..server import Control

Described = dict[str, object]
READ_ONLY = "status"


def described(spec: ProxySpec, seed: int, status: Described | None = None) -> Described:
    """Return a proxy as a resource; without its status, it is what makes it so."""
    own_seed = {} if spec.plan.seed == seed else {"seed": spec.plan.seed}
    last = {} if status is None else {READ_ONLY: status}
    return {
        "name": spec.name,
        "listen": str(spec.listen),
        "backend": str(spec.backend),
        "protocol": spec.protocol.name,
        "options": spec.protocol.settings(),
        "enabled": spec.enabled,
        **{option.name: getattr(spec.limits, name) for name, option in LIMITS.items()},
        **own_seed,
        "rules": [describe(rule) for rule in spec.plan.rules],
        **last,
    }


def read_proxy(control: Control, content: Content, name: str, state: State) -> ProxySpec:
    """Return the proxy that a resource describes.

    Raises:
        DocumentError: all that is wrong with it.
    """
    given = {key: value for key, value in content.items() if key not in ("name", READ_ONLY)}
    problems = Problems(Document(given))
    reader = ProxyReader(control.find_behavior, control.find_protocol, problems)
    spec = reader.proxy(name, Table(given, (), problems, joint="_"), Limits(), state.seed)
    reader.check_addresses([((), spec)])
    problems.check()
    return spec


def find(state: State, name: str) -> ProxySpec:
    """Return a proxy.

    Raises:
        Refusal: there is none of this name.
    """
    spec = state.get(name)
    if spec is None:
        raise unknown("proxy", name)
    return spec


def path_of(name: str) -> str:
    return f"/v1/proxies/{quote(name, safe='')}"


def answer(control: Control, state: State, name: str, status: int = 200) -> Answer:
    """Return the answer that shows a proxy."""
    spec = find(state, name)
    body = described(spec, state.seed, Status(control, [spec]).of_proxy(spec))
    location = path_of(name) if status == 201 else ""
    return Answer(body, status, spec.generation, location)


def get_all(call: Call) -> Answer:
    state = call.control.state
    status = Status(call.control, state.proxies)
    found = [described(spec, state.seed, status.of_proxy(spec)) for spec in state.proxies]
    return Answer({"proxies": found}, generation=state.generation)


def get(call: Call) -> Answer:
    return answer(call.control, call.control.state, call.arguments["proxy"])


def create(call: Call) -> Change:
    content = call.content
    name = content.get("name")
    if not isinstance(name, str):
        raise invalid("name is missing: it takes a text", "name", allowed="a text")

    def apply(state: State) -> State:
        spec = read_proxy(call.control, content, name, state)
        if state.get(name) is not None:
            raise Refusal(409, f"there is a proxy {name!r} already")
        return state.with_proxy(spec)

    return Change(apply, lambda state: answer(call.control, state, name, 201), call.close_policy)


def delete(call: Call) -> Change:
    name = call.arguments["proxy"]

    def apply(state: State) -> State:
        call.check(find(state, name).generation)
        return state.without_proxy(name)

    return Change(apply, lambda _: Answer(status=204), call.close_policy)


ONE = "/v1/proxies/{proxy}"
PROXY = {"$ref": "#/components/schemas/Proxy"}
WANTED = {"$ref": "#/components/schemas/WantedProxy"}
PROXIES = {"$ref": "#/components/schemas/Proxies"}
ROUTES = [
    Route("GET", "/v1/proxies", get_all, "All proxies.", answers={200: PROXIES}),
    Route(
        "POST",
        "/v1/proxies",
        create,
        "Create a proxy, with its rules.",
        query=CLOSING,
        body=WANTED,
        answers={201: PROXY},
        statuses=[409],
        is_change=True,
    ),
    Route("GET", ONE, get, "A proxy.", answers={200: PROXY}),
    Route(
        "DELETE",
        ONE,
        delete,
        "Remove a proxy.",
        query=[DRAIN],
        answers={204: None},
        statuses=[412],
        is_change=True,
    ),
]
