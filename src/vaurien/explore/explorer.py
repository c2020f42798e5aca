"""Runs the scenarios of a program, several at once, until all are run or the time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from ..errors import VaurienError
from ..values.texts import printable
from ..version import __version__
from .command import PREFIX, CommandRunner, Outcome, Stopped
from .exploration import Exploration, Options
from .judge import is_slow, judge
from .memory import Memory, key_of, make_folder
from .points import points_of, sampled, spread
from .process import kept
from .program import fingerprint
from .queue import Queue
from .results import Result, result_of
from .scenarios import Scenario, scenario_of, scenarios_at

FIRST_LIMIT = 600.0
"""Seconds that the first run may take, unless told otherwise."""
MOST_POINTS = 2000
"""Points that are explored."""
LEAST_LIMIT = 10.0
"""Seconds that a run may take at least, before it has hung, ..."""
TIMES_LIMIT = 5.0
"""... and how many times as long as the first."""


class FirstRunError(VaurienError):
    """The command fails without any fault."""


Tell = Callable[[Exploration, Result | None], None]
"""Called after the first run, with None, and after each further one; by one thread at a time."""


def trouble_of(quiet: Outcome) -> str:
    """Return why a program cannot be explored after its first run, or ``""``."""
    if quiet.status == "hung":
        after = f"had not ended after {quiet.seconds:.0f} s (a longer limit can be given)"
        return f"without any fault, the command {after}{_output(quiet)}"
    if quiet.status == "failed":
        how = f"failed without any fault, with exit status {quiet.code}"
        return f"the command {how}{_unreached(quiet)}{_output(quiet)}"
    for name, proxy in quiet.trace.proxies.items():
        if proxy.forgotten:
            kept = len(proxy.exchanges)
            return (
                f"the command has {kept + proxy.forgotten} exchanges with {printable(name)}, "
                f"and no more than {kept} can be explored"
            )
    return ""


def _unreached(quiet: Outcome) -> str:
    """Tell the backends that were not reached, if there are any."""
    names = [
        printable(name)
        for name, proxy in quiet.trace.proxies.items()
        if proxy.connections and all(each.opened_at is None for each in proxy.connections)
    ]
    return f"; not reached: the backend of {', '.join(names)}" if names else ""


def _output(quiet: Outcome) -> str:
    return f":\n{quiet.output}" if quiet.output else ""


class Explorer:
    """Explores one program."""

    def __init__(
        self,
        make_runner: Callable[[int], CommandRunner],
        key: Sequence[str],
        options: Options,
        tell: Tell = lambda _exploration, _result: None,
    ) -> None:
        """``make_runner``: makes one for each of the jobs, which are counted from 0.

        ``key``: the command, or more words; what is remembered of other programs has other ones.
        """
        self._make_runner = make_runner
        self._key = key
        self._options = options
        self._tell = tell
        self._runners: list[CommandRunner] = []
        self._stopping = threading.Event()
        self.trouble = ""
        """Why something could not be remembered, in words."""

    def stop(self) -> None:
        """End all runs, and begin no further one; any thread may call it, and a handler."""
        self._stopping.set()
        for runner in self._runners:
            runner.stop()

    def explore(self) -> Exploration:
        """Run the command quietly, then once under each scenario; return what was found.

        Raises:
            FirstRunError: it fails without any fault, or cannot be explored.
            OptionError: the folder cannot be used, or the command cannot be started.
            Stopped: it was stopped before the first run had ended.
            VaurienError: a proxy cannot be opened.
        """
        began = time.monotonic()
        make_folder(self._options.folder)
        program = fingerprint(self._key)
        with ExitStack() as closing:
            closing.enter_context(kept(PREFIX))
            runners = [self._runner(job, closing) for job in range(self._options.jobs)]
            exploration = self._first(runners[0])
            memory = Memory(self._options.folder, self._key_of(exploration), program)
            closing.callback(memory.close)
            queue = Queue(exploration, self._options, memory, began, self._stopping)
            self._tell(exploration, None)
            self._run_all(runners, queue, memory)
            if not self._stopping.is_set():
                memory.finish()
            self.trouble = memory.trouble
        exploration.sort()
        return exploration

    def _key_of(self, exploration: Exploration) -> str:
        """Return the name of what is remembered: nothing else may change what runs show."""
        how = __version__, self._options.lasting, str(self._options.limit)
        return key_of(self._key, how, sorted(point.id for point in exploration.points))

    def _runner(self, job: int, closing: ExitStack) -> CommandRunner:
        runner = self._make_runner(job)
        closing.callback(runner.close)
        self._runners.append(runner)
        if self._stopping.is_set():
            runner.stop()
        return runner

    def _first(self, runner: CommandRunner) -> Exploration:
        options = self._options
        quiet = runner.run(limit=options.limit or FIRST_LIMIT)
        trouble = trouble_of(quiet)
        if trouble:
            raise FirstRunError(trouble)
        points = points_of(quiet.trace)
        chosen = points if options.everything else spread(sampled(points), MOST_POINTS)
        found = scenarios_at(chosen, quiet.trace, every_fault=options.everything)
        given = [scenario_of(fires, quiet.trace) for fires in options.given]
        every = {each.id: each for each in (*filter(options.wants, found), *given)}
        left_out = 0 if options.everything else len(sampled(points)) - len(chosen)
        return Exploration(quiet, points, list(every.values()), left_out=left_out)

    def _run_all(self, runners: Sequence[CommandRunner], queue: Queue, memory: Memory) -> None:
        """Run scenarios on all runners, until none is left."""
        failures: list[BaseException] = []

        def work(runner: CommandRunner) -> None:
            try:
                while (scenario := queue.take()) is not None:
                    with queue.running():
                        self._run(runner, scenario, queue, memory)
            except Stopped:
                pass
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)
                self.stop()

        threads = [threading.Thread(target=work, args=(runner,)) for runner in runners[1:]]
        for thread in threads:
            thread.start()
        work(runners[0])
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _run(self, runner: CommandRunner, scenario: Scenario, queue: Queue, memory: Memory) -> None:
        quiet = queue.exploration.quiet
        limit = self._options.limit or max(LEAST_LIMIT, TIMES_LIMIT * quiet.seconds)
        outcome = runner.run(scenario, limit=limit)
        if is_slow(scenario, outcome, quiet):  # or the machine was busy
            again = runner.run(scenario, limit=limit)
            outcome = min(outcome, again, key=lambda each: each.seconds)
        judgement = judge(scenario, outcome, quiet, self._options.lasting)
        result = result_of(scenario, outcome, judgement, queue.fresh(scenario, outcome))
        with queue.lock:
            memory.add(result)
            if queue.add(result):
                self._tell(queue.exploration, result)
