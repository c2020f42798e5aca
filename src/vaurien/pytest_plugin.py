"""The pytest plugin: fixtures for proxies inside the process of the tests.

Law: nothing else of vaurien is imported before a test asks for it.
"""

from __future__ import annotations

import os
import random
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .embedded.chaos import Chaos
    from .explore.inside import Line

SEEDS = 2**32
TYPICAL = "typical"
MARKER = (
    'chaos(proxy, fault, protocol="", **rule): run the test once for each of these faults, '
    "each injected into the proxy of this name that the test opens; fault='typical': those that "
    "the protocol lists as typical; rule: further keys of the rule, such as times=2 or a label"
)
EXPECTED = (
    "chaos_expected(*patterns, reason): with --chaos-explore, the test may break under scenarios "
    "with these names"
)
REPLAY, SCENARIO = "--chaos-replay", "--chaos-scenario"
LIST: dict[str, Any] = {"action": "append", "default": []}


def _up_to(most: int) -> Callable[[str], int]:
    """Return what reads a number from 1 on."""

    def number(text: str) -> int:
        if text.isdecimal() and 1 <= int(text) <= most:
            return int(text)
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")

    return number


EXPLORING: dict[str, dict[str, Any]] = {
    "--chaos-explore": {
        "action": "store_true",
        "help": "run each test that has proxies under all that can happen to them",
    },
    SCENARIO: {**LIST, "metavar": "ID", "help": "explore, but run this scenario alone"},
    "--chaos-only": {**LIST, "metavar": "PATTERN", "help": "run these scenarios alone"},
    "--chaos-skip": {**LIST, "metavar": "PATTERN", "help": "do not run these"},
    "--chaos-budget": {"metavar": "TIME", "help": "begin no run after it: 90s, 10m, 1h"},
    "--chaos-limit": {
        "metavar": "TIME",
        "help": "a run that takes longer has hung; by default 5 times the first, 10 s at least",
    },
    "--chaos-jobs": {"type": _up_to(64), "default": 1, "metavar": "N", "help": "runs at a time"},
    "--chaos-depth": {"type": _up_to(3), "default": 1, "metavar": "N", "help": "faults in a run"},
    "--chaos-lasting": {
        "choices": ("give-up", "survive"),
        "default": "give-up",
        "help": "what a test may do under a fault that lasts",
    },
    "--chaos-all": {
        "action": "store_true",
        "help": "each occurrence of an exchange, and each fault of the protocol's catalogue",
    },
    "--chaos-again": {"action": "store_true", "help": "run what has passed before, too"},
}
"""Flags for exploring."""
EXPLORED = "VAURIEN_EXPLORED"
"""Tells that this pytest is a run of an exploration."""


@dataclass(frozen=True)
class Injection:
    """A fault that a marker has a test run under."""

    proxy: str
    fault: str
    rule: Mapping[str, object] = field(default_factory=dict)

    @property
    def entry(self) -> dict[str, object]:
        return {"behavior": "error", "fault": self.fault, **self.rule}


@dataclass
class Used:
    """What a test has used."""

    since: float
    chaos: list[Chaos] = field(default_factory=list)
    injection: Injection | None = None


USED = pytest.StashKey[Used]()
SEED = pytest.StashKey[int]()
REPLAYED = pytest.StashKey[str | None]()
OF_SESSION = pytest.StashKey["Chaos"]()
LINE: pytest.StashKey[Line] = pytest.StashKey()


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Iterator[Chaos]:
    """Yield a ``vaurien.Chaos``, whose proxies are closed after the test."""
    used = request.node.stash[USED]
    used.injection = injection = getattr(request, "param", None)
    rules = {} if injection is None else {injection.proxy: [injection.entry]}
    with _started(request.config, rules) as started:
        used.chaos.append(started)
        yield started


@pytest.fixture(scope="session")
def chaos_session(pytestconfig: pytest.Config) -> Iterator[Chaos]:
    """Yield a ``vaurien.Chaos``, whose proxies are closed after the last test."""
    with _started(pytestconfig, {}) as started:
        pytestconfig.stash[OF_SESSION] = started
        yield started


@contextmanager
def _started(
    config: pytest.Config, rules: Mapping[str, Sequence[Mapping[str, object]]]
) -> Iterator[Chaos]:
    from .embedded.chaos import Chaos

    line = config.stash.get(LINE, None)
    if line is not None:
        rules = line.rules(rules)
    with (
        Chaos(config.stash[SEED], rules=rules, replay=config.stash[REPLAYED]) as started,
        nullcontext() if line is None else line.watching(started),
    ):
        yield started


# Options.


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vaurien", "faults in what tests depend on")
    group.addoption(
        "--chaos-seed",
        type=int,
        metavar="N",
        help="seed of the fixtures chaos and chaos_session; without it, it is drawn",
    )
    group.addoption(
        REPLAY,
        metavar="FILE",
        help="have rules fire where this journal or scenario file says, and nowhere else",
    )
    for flag, how in EXPLORING.items():
        group.addoption(flag, **how)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    config.addinivalue_line("markers", EXPECTED)
    given: int | None = config.getoption("--chaos-seed")
    if given is not None and not 0 <= given < SEEDS:
        raise pytest.UsageError(f"--chaos-seed={given} is not allowed: it takes 0 to {SEEDS - 1}")
    of_controller: int | None = getattr(config, "workerinput", {}).get("chaos_seed")
    known = given if of_controller is None else of_controller
    config.stash[SEED] = random.SystemRandom().randrange(SEEDS) if known is None else known
    config.stash[REPLAYED] = _replayed(config)
    if (descriptor := os.environ.pop(EXPLORED, "")).isdigit():
        from .explore.inside import Line

        config.stash[LINE] = line = Line(int(descriptor))
        config.add_cleanup(line.close)
    elif config.getoption("--chaos-explore") or config.getoption(SCENARIO):
        from .pytest_explorer import PytestExplorer

        explorer = PytestExplorer(config, EXPLORING, config.stash[SEED])
        config.pluginmanager.register(explorer, "vaurien-explorer")


def _replayed(config: pytest.Config) -> str | None:
    """Return the path of what is to be replayed, which can be.

    Raises:
        pytest.UsageError: it cannot.
    """
    given: str | None = config.getoption(REPLAY)
    if given is None:
        return None
    from .config.replay import read
    from .errors import VaurienError

    if config.getoption("--chaos-explore") or config.getoption(SCENARIO):
        raise pytest.UsageError(f"{REPLAY} says where rules fire, so there is nothing to explore")
    try:
        read(given)
    except VaurienError as error:
        raise pytest.UsageError(f"{REPLAY}: {error}") from None
    return os.path.abspath(os.path.expanduser(given))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker of xdist the seed of all."""
    node.workerinput["chaos_seed"] = node.config.stash[SEED]


# Markers.


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked once for each of its faults."""
    injections = [
        injection
        for mark in metafunc.definition.iter_markers("chaos")
        for injection in _marked(metafunc.definition.nodeid, mark)
    ]
    if injections:
        if "chaos" not in metafunc.fixturenames:
            node = metafunc.definition.nodeid
            pytest.fail(f"{node} is marked chaos, but does not use the fixture", pytrace=False)
        ids = [f"{each.proxy}-{each.fault}" for each in injections]
        metafunc.parametrize("chaos", injections, indirect=True, ids=ids)


def _marked(node: str, mark: pytest.Mark) -> list[Injection]:
    """Return what a marker has a test run under, or fail."""
    from .errors import VaurienError

    try:
        return _injections(*mark.args, **mark.kwargs)
    except TypeError as error:
        why = str(error).removeprefix("_injections() ")
    except VaurienError as error:
        why = f"fault={TYPICAL!r}: {error} It may be given: protocol=."
    pytest.fail(f"{node}: the marker chaos: {why}", pytrace=False)


def _injections(
    proxy: str, fault: str | Iterable[str], *, protocol: str = "", **rule: object
) -> list[Injection]:
    names = [fault] if isinstance(fault, str) else list(fault)
    if not names:
        raise TypeError("fault has no fault")
    if names == [TYPICAL]:
        names = _typical(protocol or proxy)
    return [Injection(proxy, name, rule) for name in names]


def _typical(protocol: str) -> list[str]:
    """Return the names of a protocol's typical faults.

    Raises:
        VaurienError: there is no such protocol.
    """
    from . import plugins
    from .registry import protocols

    plugins.install()
    return [fault.name for fault in protocols.get(protocol).faults.typical]


# Reports.


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[USED] = Used(time.monotonic())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    used = item.stash.get(USED, None)
    if used is None or call.when != "call":
        return report
    started = list(used.chaos)
    if "chaos_session" in getattr(item, "fixturenames", ()) and OF_SESSION in item.config.stash:
        started.append(item.config.stash[OF_SESSION])
    if report.failed and started and LINE not in item.config.stash:  # the explorer tells
        report.sections.append(("vaurien", _journal(started, used.since)))
    elif report.passed and used.injection is not None:
        _check_injected(report, used.injection, started[0])
    return report


def _journal(started: Iterable[Chaos], since: float) -> str:
    from .embedded.journal import lines_of

    seeds = {each.seed for each in started}
    lines = [f"repeat with --chaos-seed={seed}" for seed in seeds]
    lines += [f"not placed: {place}" for each in started for place in each.not_placed]
    return "\n".join([*lines, *(line for each in started for line in lines_of(each, since))])


def _check_injected(report: pytest.TestReport, injection: Injection, chaos: Chaos) -> None:
    """Report a test as skipped whose fault has never happened: it proves nothing."""
    names = [proxy.name for proxy in chaos]
    if injection.proxy not in names:
        report.outcome = "failed"
        listed = ", ".join(names) or "none"
        report.longrepr = f"the test opened no proxy {injection.proxy!r}, but: {listed}"
    elif not chaos[injection.proxy].fired:
        report.outcome = "skipped"
        why = f"Skipped: {injection.fault} never happened on the proxy {injection.proxy!r}"
        path, line, _ = report.location
        report.longrepr = (path, (line or 0) + 1, why)
