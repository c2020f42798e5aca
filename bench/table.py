"""Results as text: a table, and the goals below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from goals import Verdict
from results import Results, Spread
from systems import System
from work import Work

HEADS = ("", "median", "min … max", "/ haproxy", "")
MARKS = {True: "pass", False: "FAIL", None: "  - "}


def table(works: Sequence[Work], systems: Sequence[System], results: Results) -> str:
    """Format a block of rows for each work, with a row for each system it suits."""
    rows: list[Sequence[str]] = [HEADS]
    for work in works:
        rows.append(())
        if work.key in results.skipped:
            rows.append((f"{work.title}: skipped, {results.skipped[work.key]}",))
            continue
        rows.append((f"{work.title}, {work.unit}",))
        rows += [_row(work, system, results) for system in systems if work.suits(system)]
    return _aligned(rows)


def _row(work: Work, system: System, results: Results) -> tuple[str, ...]:
    title = f"  {work.direct if system.name == 'direct' else system.title}"
    spread = results.spread(work.key, system.name, work.figure)
    reason = results.failures.get((work.key, system.name), "")
    if system.name in results.skipped:
        return (title, "-", "", "", f"skipped: {results.skipped[system.name]}")
    if spread is None:
        return (title, "-", "", "", f"failed: {reason}" if reason else "not run")
    remarks = work.remarks(_medians(results, work.key, system.name))
    failed = f"one run or more failed: {reason}" if reason else ""
    return (
        title,
        f"{spread.median:,.{work.decimals}f}",
        _range(spread, work.decimals),
        "" if work.trouble else _beside(work, system, results),
        "; ".join(filter(None, (remarks, failed))),
    )


def _beside(work: Work, system: System, results: Results) -> str:
    ratio = results.ratio(work.key, system.name, work.beside, work.figure)
    return f"{ratio.median:.2f}" if ratio else ""


def _medians(results: Results, work: str, system: str) -> dict[str, float]:
    names = {name for sample in results.of(work, system) for name in sample}
    spreads = {name: results.spread(work, system, name) for name in names}
    return {name: spread.median for name, spread in spreads.items() if spread}


def goals(verdicts: Iterable[Verdict]) -> str:
    """Format a line for each goal: the mark, the figure, the limit."""
    rows: list[Sequence[str]] = []
    for verdict in verdicts:
        goal, seen = verdict.goal, verdict.seen
        limit = f"{'≥' if goal.at_least else '≤'} {goal.limit:g} {goal.unit}"
        figure = f"{seen.median:,.{goal.decimals}f}" if seen else "-"
        between = _range(seen, goal.decimals) if seen else ""
        title = f"{MARKS[verdict.reached]}  {goal.title}"
        rows.append((title, figure, between, limit, verdict.remark))
    return _aligned(rows)


def _range(spread: Spread, decimals: int) -> str:
    return f"{spread.low:,.{decimals}f} … {spread.high:,.{decimals}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Align columns; the first and the last are text, the others figures.

    A row of one cell is a heading and takes no part in the widths.
    """
    columns = zip(*(row for row in rows if len(row) > 1), strict=True)
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in rows:
        if len(row) < 2:
            lines.append("".join(row))
            continue
        first, *figures, last = row
        cells = [text.rjust(width) for text, width in zip(figures, widths[1:-1], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells, last]).rstrip())
    return "\n".join(lines)
