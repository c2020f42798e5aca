"""Run third-party test suites, directly and through a vaurien without rules: ``make suites``.

Each suite runs against two servers of its own at the same time, one of them behind a vaurien
that parses the protocol.  The outcomes of its tests must be the same.  Tests that differ are
run again, because timing may be the cause, and count only if they differ every time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from catalogue import SUITES
from results import Failure
from suite import FAILED, Outcomes, Suite
from systems import SYSTEMS, System
from tls_systems import TLS_SYSTEMS

DIRECT, PROXIED, PROXIED_TLS = (
    next(system for system in (*SYSTEMS, *TLS_SYSTEMS) if system.name == name)
    for name in ("direct", "vaurien-framed", "vaurien-both")
)
ATTEMPTS = 3
"""How often a test must come out differently to count as different."""
NOT_RUN = "not run"
HEADS = ("suite", "tests", "failed", "through vaurien", "verdict")


@dataclass(frozen=True)
class Comparison:
    """The outcomes of a suite, directly and through vaurien."""

    suite: Suite
    direct: Outcomes
    proxied: Outcomes
    differing: frozenset[str]
    """Tests that came out differently in every attempt."""
    gave_up: tuple[str, ...] = ()
    """Why parsers of vaurien gave up."""


def compare(suite: Suite, folder: Path) -> Comparison:
    """Run a suite both ways. Raises Failure if that is impossible."""
    direct, proxied, gave_up = both(suite, folder, ())
    differing = differences(direct, proxied)
    for _ in range(1, ATTEMPTS):
        if differing:
            again = both(suite, folder, differing)
            differing &= differences(*again[:2])
    return Comparison(suite, direct, proxied, differing, gave_up)


def both(
    suite: Suite, folder: Path, only: Collection[str]
) -> tuple[Outcomes, Outcomes, tuple[str, ...]]:
    """Return the outcomes of both ways, and why parsers gave up."""
    with ThreadPoolExecutor() as pool:
        direct = pool.submit(one, suite, DIRECT, folder / "direct", only)
        through = PROXIED_TLS if suite.tls else PROXIED
        proxied = pool.submit(one, suite, through, folder / "proxied", only)
        return direct.result()[0], *proxied.result()


def one(
    suite: Suite, system: System, folder: Path, only: Collection[str]
) -> tuple[Outcomes, tuple[str, ...]]:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        suite.backend.running(folder) as backend,
        system.running(backend, folder, suite.protocol) as running,
    ):
        return suite.run(running.port, folder, sorted(only)), tuple(running.gave_up)


def differences(direct: Outcomes, proxied: Outcomes) -> frozenset[str]:
    return frozenset(
        test
        for test in direct.keys() | proxied.keys()
        if direct.get(test, NOT_RUN) != proxied.get(test, NOT_RUN)
    )


def row(comparison: Comparison) -> Sequence[str]:
    """Format a row of the table."""
    direct, proxied = comparison.direct, comparison.proxied
    return (
        comparison.suite.name,
        str(len(direct.keys() | proxied.keys())),
        *(str(list(outcomes.values()).count(FAILED)) for outcomes in (direct, proxied)),
        f"{len(comparison.differing)} DIFFER" if comparison.differing else "the same",
    )


def remarks(comparison: Comparison) -> Iterable[str]:
    """Yield a line for each test that differs, and for each parser that gave up."""
    for test in sorted(comparison.differing):
        direct = comparison.direct.get(test, NOT_RUN)
        proxied = comparison.proxied.get(test, NOT_RUN)
        yield f"  {test}: {direct}, and {proxied} through vaurien"
    for reason in comparison.gave_up:
        yield f"  a parser gave up: {reason}"


def show(row: Sequence[str]) -> None:
    name, *figures, verdict = row
    print(f"{name:26}", *(f"{figure:>15}" for figure in figures), f" {verdict}", flush=True)


def main(arguments: Sequence[str]) -> int:
    names = [suite.name for suite in SUITES]
    parser = argparse.ArgumentParser(prog="suites/compare.py", description=__doc__)
    parser.add_argument(
        "--only", metavar="SUITE,...", help=f"suites to run, out of {', '.join(names)}"
    )
    chosen = parser.parse_args(arguments).only
    for name in chosen.split(",") if chosen else ():
        if name not in names:
            parser.error(f"--only {name!r} is unknown; pick from {', '.join(names)}")
    same = True
    show(HEADS)
    for suite in SUITES:
        if chosen and suite.name not in chosen.split(","):
            continue
        if reason := suite.missing():
            show((suite.name, "", "", "", f"skipped: {reason}"))
            continue
        with tempfile.TemporaryDirectory(prefix="vaurien-suites-") as folder:
            try:
                suite.prepare()
                comparison = compare(suite, Path(folder))
            except Failure as error:
                show((suite.name, "", "", "", f"COULD NOT BE RUN: {error}"))
                same = False
                continue
        show(row(comparison))
        for line in remarks(comparison):
            print(line, flush=True)
        same = same and not comparison.differing
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
