"""``vaurien explore``: find the exchanges at which a command breaks."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import click

from .. import plugins
from ..config.configuration import Configuration
from ..config.replay import read
from ..config.scenario import Fire, to_toml
from ..config.source import Source
from ..errors import OptionError
from ..explore import files, html, table
from ..explore.command import Stopped
from ..explore.exploration import Exploration, Options, reasons
from ..explore.explorer import Explorer, FirstRunError
from ..explore.memory import FOLDER
from ..explore.results import Result
from ..explore.runner import Runner
from ..values.texts import digest, printable, seconds_of
from . import logs
from .command import Flagged, say
from .execute import DIED_OF
from .files import CONFIG_OPTIONS, config_of, nothing_found
from .flags import document_of, flags_named
from .interrupted import stopped_by_signals

SAVE = "save-scenarios"
SUFFIX = ".toml"
NAME_LIMIT = 120
BROKEN, UNKNOWN, FIRST_RUN_FAILED = 1, 2, 3
HELP = """Find out at which exchange, with which dependency, a command breaks.

COMMAND is run once without faults, behind the proxies that the configuration declares. Then
it is run once for each thing that can happen at each exchange: the answer is lost, the
server gives one of its own errors, and so on; once, and from there on. A run that fails or
hangs is told, with the line that runs it again. What has passed is remembered, and not run
again while the command does the same.

\b
  vaurien explore --config vaurien.toml -- pytest -q tests/test_checkout.py

The exit status is 0 if nothing broke that the configuration does not list as expected, 1 if
something did, 2 for a mistake in the flags, 3 if COMMAND fails without any fault, or connects
to no proxy. After Ctrl-C or SIGTERM it tells what was found so far; the same command goes on.
"""


class Seconds(click.ParamType[float]):
    """A time such as 90, 90s, 10m or 1h, in seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            return seconds_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Teller:
    """Tells on standard error how far it is, and each finding as soon as there is one."""

    def __init__(
        self, expected: Sequence[tuple[str, str]], again: Sequence[str], options: Options
    ) -> None:
        self._expected = expected
        self._options = options
        self._again = again
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()
        self._told: dict[tuple[str, ...], str] = {}

    def __call__(self, exploration: Exploration, result: Result | None) -> None:
        if result is None:
            self._begin(exploration)
        else:
            self._tell(result)
        if self._live:
            self._show(exploration)

    def _tell(self, result: Result) -> None:
        if not result.broke or result.id in reasons([result], self._expected):
            return
        self._clear()
        before = self._told.setdefault(table.cause_of(result), result.id)
        lines = table.told(result, self._again)
        if before != result.id:
            lines = table.told_again(result, before)
        for line in lines:
            click.echo(line, err=True)

    def _begin(self, exploration: Exploration) -> None:
        self._began = time.monotonic()
        for line in table.estimate(exploration, self._options):
            say(line)
        remembered = [each for each in exploration.results.values() if each.broke]
        if remembered:
            say("found before, and not run again without --again:")
        for result in remembered:
            self._tell(result)

    def _show(self, exploration: Exploration) -> None:
        done = len(exploration.results) - exploration.remembered
        left = exploration.left
        passed = time.monotonic() - self._began
        estimate = f", about {table.time_of(passed / done * left)}" if done else ""
        click.echo(f"\r\x1b[K{done} run, {left} left{estimate}", nl=False, err=True)

    def _clear(self) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)

    def end(self) -> None:
        """Leave the line of progress."""
        self._clear()


def explore_all(
    configuration: Configuration,
    words: Sequence[str],
    options: Options,
    outputs: Mapping[str, str],
    again: Sequence[str],
) -> int:
    """Explore, tell what was found, and return the exit status; ``outputs``: files, by kind."""
    configuration.names.adopt()
    _check(outputs)
    exploring = configuration.exploring
    teller = Teller(exploring.expected, again, options)
    explorer = Explorer(partial(Runner, configuration, words), words, options, teller)
    try:
        with stopped_by_signals(explorer.stop) as caught:
            exploration = explorer.explore()
    except FirstRunError as error:
        click.echo(f"vaurien: {error}", err=True)
        return FIRST_RUN_FAILED
    except Stopped:
        return DIED_OF + caught[0]
    finally:
        teller.end()
    if not exploration.points:
        say("the command passes, but has not connected to any proxy: does it know their addresses?")
        return FIRST_RUN_FAILED
    expected = reasons(exploration.broken, exploring.expected)
    for line in table.lines_of(exploration, expected):
        click.echo(line)
    click.echo(table.summary(exploration, expected))
    if explorer.trouble:
        say(explorer.trouble)
    _write(outputs, exploration, expected, again)
    _save(outputs.get(SAVE, ""), exploration, expected)
    if caught:
        return DIED_OF + caught[0]
    return _status(exploration, expected, options)


def _status(exploration: Exploration, expected: Mapping[str, str], options: Options) -> int:
    missing = [each for each in options.exactly if each not in exploration.results]
    if options.exactly or options.given:  # somebody relies on these
        results = exploration.results.values()
        missing += [each.id for each in results if each.result == "not reached"]
    if missing and not exploration.left:
        text = ", ".join(map(repr, missing))
        click.echo(f"vaurien: --scenario: the command does not come to {printable(text)}", err=True)
        return UNKNOWN
    if not exploration.scenarios:
        say("there is nothing to run: --only and --skip leave no scenario")
        return UNKNOWN
    return BROKEN if any(each.id not in expected for each in exploration.broken) else 0


def _check(outputs: Mapping[str, str]) -> None:
    """Fail at once if a file cannot be written at the end."""
    for kind, name in outputs.items():
        if kind == SAVE:
            if name and os.path.exists(name) and not os.path.isdir(name):
                raise OptionError("is no folder", key=f"--{kind}", given=name)
            continue  # it is made
        folder = os.path.dirname(name) or "."
        place = name if os.path.exists(name) else folder
        why = ""
        if os.path.isdir(name):
            why = "is a folder"
        elif not os.path.isdir(folder):
            why = f"cannot be written: there is no folder {folder!r}"
        elif not os.access(place, os.W_OK):
            why = "cannot be written"
        if why:
            raise OptionError(why, key=f"--{kind}", given=name)


def _write(
    outputs: Mapping[str, str],
    exploration: Exploration,
    expected: Mapping[str, str],
    again: Sequence[str],
) -> None:
    made: Mapping[str, Callable[[], str]] = {
        "json": lambda: files.to_json(exploration, expected),
        "junit": lambda: files.to_junit(exploration, expected),
        "html": lambda: html.to_html(exploration, expected, again),
    }
    for kind, make in made.items():
        if name := outputs.get(kind):
            with _written(kind, name):
                _put(name, make())


def _save(folder: str, exploration: Exploration, expected: Mapping[str, str]) -> None:
    """Write a scenario file for each scenario that broke the program."""
    if not folder:
        return
    by_id = {scenario.id: scenario for scenario in exploration.scenarios}
    with _written(SAVE, folder):
        os.makedirs(folder, exist_ok=True)
        for result in exploration.broken:
            if result.id not in expected:
                title = f"{result.text}: {result.findings[0]}"
                _put(
                    os.path.join(folder, file_name(result.id)),
                    to_toml(by_id[result.id].fires(), title),
                )


def file_name(identifier: str) -> str:
    """Return the name of a scenario file."""
    name = re.sub(r"[^A-Za-z0-9_.~+]+", "-", identifier)
    return f"{name if len(name) <= NAME_LIMIT else name[:NAME_LIMIT] + digest(identifier)}.toml"


@contextmanager
def _written(kind: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"cannot be written: {error.strerror}"
        raise OptionError(why, key=f"--{kind}", given=name) from None


def _put(name: str, text: str) -> None:
    with open(name, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def fires_in(name: str, configuration: Configuration) -> Sequence[Fire]:
    """Return what a scenario file says.

    Raises:
        DocumentError: it has problems, such as a proxy that there is not.
        OptionError: it cannot be read.
    """
    try:
        found = read(name)
    except OptionError as error:
        raise OptionError(error.why, key="--scenario", given=name) from None
    found.applied(configuration.state.proxies, configuration.names.behaviors.find)
    return found.fires


@click.pass_context
def _explore(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    jobs: int,
    budget: float | None,
    depth: int,
    everything: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    scenario: tuple[str, ...],
    limit: float | None,
    folder: str,
    again: bool,
    **given: object,
) -> int:
    config = config_of(ctx)
    if not config:
        raise nothing_found()
    plugins.install()
    logs.configure("error", "-")
    source = Source(config, plugins.load_named, document_of(ctx.command.params, ctx.params))
    configuration = source.understand(source.read())
    exploring = configuration.exploring
    given_files = [each for each in scenario if each.endswith(SUFFIX)]
    fires = [fires_in(name, configuration) for name in given_files]
    options = Options(
        jobs=jobs,
        budget=budget,
        depth=max([depth, *map(len, fires), *(each.count("+") + 1 for each in scenario)]),
        everything=everything or bool(scenario),
        only=only,
        exactly=[each for each in scenario if each not in given_files],
        given=fires,
        skip=(*exploring.skip, *skip),
        limit=limit,
        lasting="survive" if exploring.lasting == "survive" else "give-up",
        folder=folder,
        again=again or bool(scenario),
    )
    kinds = {"json": "json", "junit": "junit", "html": "html", "save_scenarios": SAVE}
    outputs = {kind: str(given[key]) for key, kind in kinds.items() if given[key]}
    return explore_all(configuration, words, options, outputs, ["--config", config, "--", *words])


explore = Flagged(
    "vaurien explore",
    callback=_explore,
    params=[
        CONFIG_OPTIONS[0],
        click.Option(
            ["--jobs"],
            type=click.IntRange(1, 64),
            default=1,
            show_default=True,
            help="Runs at a time; each has proxies of its own, and its number in VAURIEN_JOB.",
        ),
        click.Option(["--budget"], type=Seconds(), metavar="TIME", help="Begin no run after it."),
        click.Option(
            ["--depth"],
            type=click.IntRange(1, 3),
            default=1,
            show_default=True,
            help="Faults in a run; the second strikes while the command recovers.",
        ),
        click.Option(
            ["--all", "everything"],
            is_flag=True,
            help="Each occurrence of an exchange, and each fault of the protocol's catalogue.",
        ),
        click.Option(
            ["--only"], multiple=True, metavar="PATTERN", help="Run these scenarios alone."
        ),
        click.Option(["--skip"], multiple=True, metavar="PATTERN", help="Do not run these."),
        click.Option(
            ["--scenario"],
            multiple=True,
            metavar="ID|FILE",
            help="Run this one, even if it was run; or that of a file, whose name ends in .toml.",
        ),
        click.Option(
            ["--limit"],
            type=Seconds(),
            metavar="TIME",
            help="A run that takes longer has hung; by default 5 times the first, 10 s at least, "
            "and 10 minutes for the first.",
        ),
        click.Option(
            ["--folder"],
            default=FOLDER,
            show_default=True,
            metavar="PATH",
            help="What has been run.",
        ),
        click.Option(["--again"], is_flag=True, help="Run what has passed before, too."),
        click.Option(
            [f"--{SAVE}"],
            metavar="FOLDER",
            help="Write a file for each scenario that broke, for --scenario and --replay.",
        ),
        click.Option(["--json"], metavar="FILE", help="Write all results as JSON."),
        click.Option(["--junit"], metavar="FILE", help="Write all results as JUnit's XML."),
        click.Option(["--html"], metavar="FILE", help="Write all results as a page."),
        *flags_named(["seed"]),
        click.Argument(
            ["words"], metavar="COMMAND [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED
        ),
    ],
    help=HELP,
    context_settings={"allow_interspersed_args": False},
)
