"""Proxies and rules as resources: what users may write, and a status that is read only.

What is shown can be sent back: it makes the same proxy, the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...config.document import Document
from ...config.entries import Entries, LocatedEntry
from ...config.formatting import Path, format_value
from ...config.problems import Problems
from ...config.proxies import ProxyReader
from ...config.settings import PROTOCOL, TLS
from ...config.state import LIMITS, State
from ...config.tables import Table
from ...config.tls import described_tls
from ...net.spec import Limits, ProxySpec
from ...rules.notation import describe
from ...rules.plan import NAME_ALLOWED, Plan, Rule, is_name
from .bodies import Content
from .problems import invalid, unknown
from .routes import Answer
from .status import Described, Status

if TYPE_CHECKING:
    from ..server import Control

READ_ONLY = "status"
UNNAMED = "proxy"
"""Stands for a name that is not allowed."""
BRINGS_RULES = ("behavior", "profile", "recipe")
"""Keys of a proxy that bring rules besides ``rules``."""


# As resources.


def proxy_resource(spec: ProxySpec, seed: int, status: Status | None = None) -> Described:
    """Return a proxy as a resource; without a status, it is what makes it so."""
    own_seed = {} if spec.plan.seed == seed else {"seed": spec.plan.seed}
    last = {} if status is None else {READ_ONLY: status.of_proxy(spec)}
    return {
        "name": spec.name,
        "listen": str(spec.listen),
        "backend": str(spec.backend),
        "protocol": spec.protocol.name,
        "options": spec.protocol.settings(),
        "enabled": spec.enabled,
        **{option.name: getattr(spec.limits, name) for name, option in LIMITS.items()},
        **(described_tls(spec.tls) if spec.tls else {}),
        **own_seed,
        "rules": [rule_resource(spec, rule, status) for rule in spec.plan.rules],
        **last,
    }


def rule_resource(spec: ProxySpec, rule: Rule, status: Status | None = None) -> Described:
    """Return a rule as a resource."""
    last = {} if status is None else {READ_ONLY: status.of_rule(spec, rule)}
    return {"name": rule.name, **describe(rule), "paused": rule.paused, **last}


def proxy_path(name: str) -> str:
    return f"/v1/proxies/{quote(name, safe='')}"


def rule_path(proxy: str, name: str) -> str:
    return f"{proxy_path(proxy)}/rules/{quote(name, safe='')}"


def find_proxy(state: State, name: str) -> ProxySpec:
    """Return a proxy.

    Raises:
        Refusal: there is none of this name.
    """
    spec = state.get(name)
    if spec is None:
        raise unknown("proxy", name)
    return spec


def find_rule(spec: ProxySpec, name: str) -> Rule:
    """Return a rule.

    Raises:
        Refusal: there is none of this name.
    """
    for rule in spec.plan.rules:
        if rule.name == name:
            return rule
    raise unknown("rule", name)


def answer_with_proxy(control: Control, state: State, name: str, *, is_new: bool = False) -> Answer:
    """Return the answer that shows a proxy."""
    spec = find_proxy(state, name)
    body = proxy_resource(spec, state.seed, Status(control, [spec]))
    location = proxy_path(name) if is_new else ""
    return Answer(body, 201 if is_new else 200, spec.generation, location)


# From resources.


def writable(content: Content) -> dict[str, object]:
    """Return what a resource of a proxy says, without its status and those of its rules."""
    given = without_status(content)
    if isinstance(rules := given.get("rules"), list):
        given["rules"] = [
            without_status(rule) if isinstance(rule, Mapping) else rule for rule in rules
        ]
    return given


def without_status(content: Content) -> dict[str, object]:
    """Return what a resource says, without its status."""
    return {key: value for key, value in content.items() if key != READ_ONLY}


class ResourceReader:
    """Reads proxies out of a body, and collects all that is wrong with it."""

    def __init__(self, control: Control, state: State, body: Content) -> None:
        """``state``: the one to be changed."""
        self.table = body_table(body)
        """The whole body."""
        self.problems = self.table.problems
        self._state = state
        find_behavior, find_protocol = control.find_behavior, control.find_protocol
        self._reader = ProxyReader(find_behavior, find_protocol, self.problems)
        self._read: list[tuple[Path, ProxySpec]] = []

    def read(self, name: object, content: Content, path: Path = (), seed: int = 0) -> ProxySpec:
        """Return the proxy that is described at a path, as far as it can be understood.

        ``name``: as it was given; None if it was not.
        ``seed``: that of a proxy which has none of its own.
        """
        if not (isinstance(name, str) and is_name(name)):
            if name is None:
                self.problems.add((*path, "name"), why="is missing", allowed=NAME_ALLOWED)
            else:
                self.problems.add((*path, "name"), format_value(name), allowed=NAME_ALLOWED)
            name = UNNAMED
        before = self._state.get(name)
        given = writable(content)
        given.pop("name", None)
        kept = before is not None and _says_the_same_rules(given, before)
        if kept:
            given.pop("rules")
        table = Table(given, path, self.problems, joint="_")
        spec = self._reader.proxy(name, table, Limits(), seed)
        if before is not None:
            rules = before.plan.rules if kept else continued(spec.plan.rules, before.plan.rules)
            spec = replace(spec.with_rules(rules), generation=before.generation)
        self._read.append((path, spec))
        return spec

    def check(self) -> None:
        """Check that the proxies do not get in each other's way.

        Raises:
            DocumentError: all that is wrong.
        """
        self._reader.check_addresses(self._read)
        self.problems.check()


def _says_the_same_rules(given: Content, before: ProxySpec) -> bool:
    """Whether a proxy is given the rules that it has, which need not be read again."""
    same_protocol = given.get("protocol", PROTOCOL.default) == before.protocol.name
    same_labels = (given.get(TLS) is None) == (before.tls is None)
    alone = same_protocol and same_labels and not any(key in given for key in BRINGS_RULES)
    return alone and given.get("rules") == [
        rule_resource(before, each) for each in before.plan.rules
    ]


def read_proxy(control: Control, name: object, content: Content, state: State) -> ProxySpec:
    """Return the proxy that a body describes; ``name``: as it was given, or None.

    Raises:
        DocumentError: all that is wrong with it.
    """
    reader = ResourceReader(control, state, content)
    spec = reader.read(name, content, seed=state.seed)
    reader.check()
    return spec


def body_table(content: Content) -> Table:
    """Return a body as a table, to be read key by key; its ``problems`` are still to be checked."""
    return Table(content, (), Problems(Document(content)), joint="_")


def read_rules(
    control: Control, spec: ProxySpec, located: Sequence[LocatedEntry], problems: Problems
) -> tuple[Rule, ...]:
    """Return the rules that are described at these places of a body.

    Raises:
        DocumentError: all that is wrong with them, and the problems that there are already.
    """
    entries = Entries(control.find_behavior, spec.matching, problems)
    plan = entries.plan(located, ("rules",), spec.plan.seed)
    problems.check()
    return continued(plan.rules, spec.plan.rules)


def continued(rules: Sequence[Rule], before: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return rules which are, where their names are known, those that there were before."""
    restarts = {rule.name: rule.restarts for rule in before}
    return tuple(
        replace(rule, restarts=restarts[rule.name]) if restarts.get(rule.name) else rule
        for rule in rules
    )


def with_rules(state: State, spec: ProxySpec, rules: Sequence[Rule]) -> State:
    """Return the state in which a proxy has these rules."""
    plan = Plan(tuple(rules), spec.plan.generation, spec.plan.seed)
    return state.with_proxy(replace(spec, plan=plan))


def check_name(content: Content, name: str) -> None:
    """Check that a resource is called as its path says, if it says so at all.

    Raises:
        Refusal: it has another name.
    """
    given = content.get("name", name)
    if given != name:
        raise invalid("name is not that of the path", "name", given=repr(given), allowed=repr(name))
