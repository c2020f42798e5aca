"""Compare vaurien with other proxies: ``python bench/run.py``.

It starts everything itself, on loopback, and measures every system with every work, in
several rounds and in random order within each. Then it prints a table, and the goals with the
figures measured. Linux only. It stops everything it has started, on Ctrl-C too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import table
from goals import Verdict, judge
from machine import machine, versions
from network import congestion_control, enter_namespace, raise_file_limit
from results import Failure, Results
from settings import Settings, settings
from systems import System
from work import Work

NOT_CUBIC = "It could not be set to cubic; others throttle bulk transfers on loopback."
INTERRUPTED = "it was interrupted"
CAVEAT = "Medians over the rounds; differences under 15 % mean nothing here."


def measure(asked: Settings, folder: Path, results: Results) -> None:
    """Fill ``results``, until everything is measured or the time limit is reached."""
    for work in asked.works:
        if reason := work.missing():
            results.skipped[work.key] = reason
    for system in asked.systems:
        if reason := system.missing():
            results.skipped[system.name] = reason
    end = time.monotonic() + asked.limit
    for turn, work, system in runs(asked, results):
        pair = work.key, system.name
        if pair in results.failures and pair not in results.samples:
            continue  # it has never succeeded: do not spend more time on it
        if time.monotonic() > end:
            results.cut_short = f"the limit of {asked.limit:g} s was reached"
            return
        try:
            sample = work.measure(system, asked.seconds, folder)
        except (Failure, OSError) as error:
            results.failures[pair] = str(error)
            say(f"round {turn + 1}  {work.key:12} {system.name:16} failed: {error}")
        else:
            results.add(work.key, system.name, turn, sample)
            figure = f"{sample[work.figure]:,.{work.decimals}f} {work.unit}"
            say(f"round {turn + 1}  {work.key:12} {system.name:16} {figure}")


def runs(asked: Settings, results: Results) -> Iterator[tuple[int, Work, System]]:
    """Yield every run: round by round, work by work, the systems in random order each time."""
    for turn in range(asked.rounds):
        for work in asked.works:
            suited = [
                system
                for system in asked.systems
                if work.suits(system) and system.name not in results.skipped
            ]
            if work.key not in results.skipped and turn < work.rounds:
                for system in random.sample(suited, len(suited)):
                    yield turn, work, system


def say(line: str) -> None:
    """Report progress, separately from the table."""
    print(line, file=sys.stderr, flush=True)


def listed(pairs: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def as_json(about: dict[str, dict[str, str]], results: Results, verdicts: Sequence[Verdict]) -> str:
    """Everything, as JSON for programs."""
    return json.dumps(
        {
            **about,
            "samples": [
                {"work": work, "system": system, "round": turn + 1, **sample}
                for (work, system), rounds in results.samples.items()
                for turn, sample in rounds.items()
            ],
            "failures": [
                {"work": work, "system": system, "reason": reason}
                for (work, system), reason in results.failures.items()
            ],
            "skipped": results.skipped,
            "cut short": results.cut_short,
            "goals": [{**asdict(verdict), "title": verdict.goal.title} for verdict in verdicts],
        },
        indent=2,
        ensure_ascii=False,
    )


def end_on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    """Raise an exception, so that every block stops what it started."""
    raise SystemExit(143)


def main(arguments: Sequence[str]) -> int:
    asked = settings(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # vaurien starts compiled, as pip installs it
    enter_namespace()
    signal.signal(signal.SIGTERM, end_on_sigterm)
    congestion = congestion_control()
    about = {
        "machine": {
            **machine(),
            "open files": str(raise_file_limit()),
            "congestion control": congestion,
        },
        "versions": versions(),
    }
    results = Results()
    with tempfile.TemporaryDirectory(prefix="vaurien-bench-") as folder:
        try:
            measure(asked, Path(folder), results)
        except KeyboardInterrupt:
            results.cut_short = INTERRUPTED
    verdicts = judge(results, [work.key for work in asked.works], congestion)
    print(f"Machine: {listed(about['machine'])}")
    print(f"Versions: {listed(about['versions'])}")
    if congestion != "cubic":
        print(f"Congestion control is {congestion}. {NOT_CUBIC}")
    if results.cut_short:
        print(f"Not all rounds were run: {results.cut_short}.")
    print(f"{asked.rounds} rounds of {asked.seconds} s. {CAVEAT}\n")
    print(table.table(asked.works, asked.systems, results))
    print(f"\nGoals\n{table.goals(verdicts)}")
    if asked.report:
        asked.report.write_text(as_json(about, results, verdicts), encoding="utf-8")
    return 130 if results.cut_short == INTERRUPTED else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
