"""``pytest --chaos-explore``: runs each test with proxies under all that can happen to them.

Law: each run is a pytest of its own, which can be ended.  What is found of it is reported as if
the test had a parameter: the scenario.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest

from . import plugins
from .errors import VaurienError
from .explore import table
from .explore.exploration import Exploration, Options, reasons
from .explore.explorer import Explorer
from .explore.inside import InsideRunner
from .explore.memory import FOLDER
from .explore.results import Result
from .values.texts import printable, seconds_of

FIXTURES = {"chaos", "chaos_session"}
FLAGS = ("--verbosity=-2", "--tb=short", "--color=no", "--no-header")
FLAGS_OF_PLUGINS = {
    "cacheprovider": ("-o", "cache_dir={folder}/cache"),
    "junitxml": ("--junit-xml=",),
    "xdist": ("--numprocesses=0",),
    "timeout": ("--timeout=0",),
    "_cov": ("--no-cov",),
}
"""By the name of a plugin, what keeps it from what is to be done once, or by the explorer."""
Outcome = Literal["passed", "failed", "skipped"]


class PytestExplorer:
    """The hooks of a pytest that explores."""

    def __init__(
        self, config: pytest.Config, flags: Mapping[str, Mapping[str, Any]], seed: int
    ) -> None:
        """``flags``: those for exploring.

        Raises:
            pytest.UsageError: a flag is wrong.
        """
        if config.getoption("numprocesses", None):
            raise pytest.UsageError(
                "--chaos-explore runs tests itself, and takes no -n: use --chaos-jobs"
            )
        plugins.install()
        self._config = config
        self._folder = TemporaryDirectory(prefix="vaurien-")
        config.add_cleanup(self._folder.cleanup)
        self._arguments = list(_others(config, flags))
        self._seed = seed
        budget = _seconds(config, "--chaos-budget")
        self._end = None if budget is None else time.monotonic() + budget
        self._limit = _seconds(config, "--chaos-limit")
        self._left = 0
        self._found: dict[str, tuple[Exploration, Mapping[str, str]]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that have proxies."""
        kept = [each for each in items if not FIXTURES.isdisjoint(_fixtures(each))]
        gone = [each for each in items if each not in kept]
        if gone:
            self._config.hook.pytest_deselected(items=gone)
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        self._left = len(session.items)
        ended = yield
        explored = [exploration for exploration, _ in self._found.values()]
        if any(each.points for each in explored) and not any(each.scenarios for each in explored):
            raise pytest.UsageError("--chaos-only and --chaos-skip leave nothing to run")
        return ended

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Explore a test, and report all its runs."""
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        try:
            self._explore(item)
        finally:
            self._left -= 1
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell tables of points and faults."""
        for node, (exploration, expected) in self._found.items():
            if exploration.points:
                terminalreporter.section(f"explored: {node}")
                for line in (
                    *table.lines_of(exploration, expected),
                    table.summary(exploration, expected),
                ):
                    terminalreporter.line(line)

    def _explore(self, item: pytest.Item) -> None:
        config = self._config
        exploring = Exploring(item, self._found, self._again(item))
        left = None if self._end is None else max(1e-9, self._end - time.monotonic())
        scenarios = config.getoption("--chaos-scenario")
        options = Options(
            jobs=config.getoption("--chaos-jobs"),
            budget=None if left is None else left / self._left,
            depth=max([config.getoption("--chaos-depth"), *(s.count("+") + 1 for s in scenarios)]),
            everything=config.getoption("--chaos-all") or bool(scenarios),
            only=config.getoption("--chaos-only"),
            exactly=scenarios,
            skip=config.getoption("--chaos-skip"),
            again=config.getoption("--chaos-again") or bool(scenarios),
            limit=self._limit,
            lasting=config.getoption("--chaos-lasting"),
            folder=str(config.rootpath / FOLDER),
        )
        key = [*self._arguments, item.nodeid]
        explorer = Explorer(partial(self._runner, item), key, options, exploring)
        exploring.explorer = explorer
        try:
            exploration = explorer.explore()
        except (VaurienError, OSError) as error:
            exploring.report("", "failed", str(error))
            return
        missing = [each for each in scenarios if each not in exploration.results]
        if missing and not exploration.left:
            exploring.report(missing[0], "failed", "the test does not come to this scenario")

    def _runner(self, item: pytest.Item, job: int) -> InsideRunner:
        folder = f"{self._folder.name}/{job}"
        own = [
            flag.format(folder=folder)
            for name, flags in FLAGS_OF_PLUGINS.items()
            if self._config.pluginmanager.has_plugin(name)
            for flag in flags
        ]
        own += [*FLAGS, f"--basetemp={folder}/tmp", f"--chaos-seed={self._seed}"]
        command = [sys.executable, "-m", "pytest", *self._arguments, *own, _path_of(item)]
        return InsideRunner(command, job, str(self._config.invocation_params.dir))

    def _again(self, item: pytest.Item) -> list[str]:
        return ["pytest", *self._arguments, item.nodeid]


class Exploring:
    """Reports the exploration of one test, as it goes on."""

    def __init__(
        self,
        item: pytest.Item,
        found: dict[str, tuple[Exploration, Mapping[str, str]]],
        again: Sequence[str],
    ) -> None:
        """``found``: what was explored, to which this adds; ``again``: the command line."""
        self._item = item
        self._found = found
        self._again = again
        self._expected = [
            (str(pattern), str(mark.kwargs.get("reason", "")))
            for mark in item.iter_markers("chaos_expected")
            for pattern in mark.args
        ]
        self._told: dict[tuple[str, ...], str] = {}
        self._counted = 0
        self.explorer: Explorer | None = None

    def __call__(self, exploration: Exploration, result: Result | None) -> None:
        expected = reasons(exploration.broken, self._expected)
        self._found[self._item.nodeid] = exploration, expected
        session = self._item.session
        session.testscollected += len(exploration.scenarios) - self._counted
        self._counted = len(exploration.scenarios)
        if result is not None:
            self._report(result, expected)
        elif not exploration.points:
            self.report("", "skipped", "its proxies have seen nothing")
        else:
            self.report("", "passed", seconds=exploration.quiet.seconds)
            for remembered in exploration.results.values():
                self._report(remembered, expected)
        if self.explorer is not None and (session.shouldfail or session.shouldstop):
            self.explorer.stop()

    def _report(self, result: Result, expected: Mapping[str, str]) -> None:
        if result.id in expected:
            self.report(result.id, "skipped", expected[result.id], result.seconds, expected=True)
        elif result.broke:
            self.report(result.id, "failed", self._text(result), result.seconds)
        elif result.result == "not reached":
            self.report(result.id, "skipped", f"not reached: {result.why}", result.seconds)
        else:
            self.report(result.id, "passed", seconds=result.seconds)

    def _text(self, result: Result) -> str:
        """Return what a finding is, in short if there was one with the same cause."""
        before = self._told.setdefault(table.cause_of(result), result.id)
        if before != result.id:
            return "\n".join([*result.findings, f"like {before}"])
        again = shlex.join([*self._again, "--chaos-scenario", result.id])
        return "\n".join(
            [
                result.text,
                *map(printable, result.findings),
                "",
                *map(printable, result.output.splitlines()),
                "",
                *map(printable, result.timeline),
                f"again: {again}",
            ]
        )

    def report(
        self,
        scenario: str,
        outcome: Outcome,
        text: str = "",
        seconds: float = 0.0,
        *,
        expected: bool = False,
    ) -> None:
        """Report a run of the test, without a scenario the first one."""
        path, line, domain = self._item.location
        name = f"[{scenario}]" if scenario else ""
        told: str | tuple[str, int, str] | None = text or None
        if outcome == "skipped":
            told = (path, (line or 0) + 1, f"Skipped: {text}")
        for when, what, why in (("call", outcome, told), ("teardown", "passed", None)):
            made = pytest.TestReport(
                nodeid=f"{self._item.nodeid}{name}",
                location=(path, line, f"{domain}{name}"),
                keywords=dict.fromkeys(self._item.keywords, 1),
                outcome=what,
                longrepr=why,
                when=when,  # type: ignore[arg-type]
                duration=seconds if when == "call" else 0.0,
            )
            if expected and when == "call":
                made.wasxfail = text
            self._item.ihook.pytest_runtest_logreport(report=made)


def _fixtures(item: pytest.Item) -> Collection[str]:
    return getattr(item, "fixturenames", ())


def _path_of(item: pytest.Item) -> str:
    """Return what a pytest in any folder finds a test by."""
    return "::".join([str(item.path), *item.nodeid.split("::")[1:]])


def _others(config: pytest.Config, flags: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the arguments that are neither these flags nor tests."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag, how in flags.items():
        parser.add_argument(flag, **{key: how[key] for key in how if key != "help"})
    tests = set(map(str, config.getoption("file_or_dir") or ()))
    for argument in parser.parse_known_args(list(config.invocation_params.args))[1]:
        if argument not in tests:
            yield argument


def _seconds(config: pytest.Config, flag: str) -> float | None:
    text: str | None = config.getoption(flag)
    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise pytest.UsageError(f"{flag}: {error}") from None
