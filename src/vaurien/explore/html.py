"""What was found, as one HTML page that needs nothing else.

Law: nothing from traffic or output is taken for HTML; all of it is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape as html_escape

from ..values.texts import printable
from .exploration import Exploration
from .results import Result
from .table import LEGEND, again_line, mark_of, summary

STYLE = """
:root { color-scheme: light dark; --line: #8886; --bad: #c22; --good: #2a7a2a; --other: #777; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
.matrix { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px }
th, td { border: 1px solid var(--line); padding: 2px 6px; text-align: center }
tbody th { text-align: left; font-family: ui-monospace, monospace; white-space: nowrap }
thead th { writing-mode: vertical-rl; transform: rotate(180deg); font-weight: normal }
.broken { background: var(--bad); color: #fff; font-weight: bold }
.passed { color: var(--good) } .other { color: var(--other) }
a { color: inherit } pre { overflow-x: auto; background: #8881; padding: .5rem }
section { border-top: 1px solid var(--line); margin-top: 1rem }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def escape(text: str) -> str:
    """Return a text that is no HTML, and controls nothing."""
    return html_escape("\n".join(map(printable, text.split("\n"))))


def to_html(exploration: Exploration, expected: Mapping[str, str], command: Sequence[str]) -> str:
    """Return the page: a matrix of points and faults, and what is known of each finding."""
    return "\n".join(_page(exploration, expected, command)) + "\n"


def _page(
    exploration: Exploration, expected: Mapping[str, str], command: Sequence[str]
) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Exploration</title><style>{STYLE}</style></head><body>"
    yield f"<h1>Exploration</h1><p><code>{escape(' '.join(command))}</code></p>"
    yield f"<p>{escape(summary(exploration, expected))}</p>"
    yield from _matrix(exploration, expected)
    for result in exploration.broken:
        yield from _finding(result, expected, command)
    yield "</body></html>"


def _matrix(exploration: Exploration, expected: Mapping[str, str]) -> Iterator[str]:
    results = list(exploration.results.values())
    columns = list(dict.fromkeys((result.fault, result.mode) for result in results))
    cells = {(result.point, result.fault, result.mode): result for result in results}
    yield '<div class="matrix"><table><thead><tr><td></td>'
    for fault, mode in columns:
        yield f'<th scope="col">{escape(fault)}, {mode}</th>'
    yield "</tr></thead><tbody>"
    for point in dict.fromkeys(result.point for result in results):
        yield f'<tr><th scope="row">{escape(point)}</th>'
        for column in columns:
            yield _cell(cells.get((point, *column)), expected)
        yield "</tr>"
    yield f"</tbody></table></div><p>{escape(LEGEND)}</p>"


def _cell(result: Result | None, expected: Mapping[str, str]) -> str:
    if result is None:
        return "<td></td>"
    mark, label = (
        mark_of(result, expected),
        escape(f"{result.fault}, {result.mode}: {result.result}"),
    )
    if result.broke:
        link = f'<a href="#{escape(result.id)}">{mark}</a>'
        return f'<td class="broken" title="{label}">{link}</td>'
    kind = "passed" if result.result == "passed" else "other"
    return f'<td class="{kind}" title="{label}">{mark}</td>'


def _finding(result: Result, expected: Mapping[str, str], command: Sequence[str]) -> Iterator[str]:
    yield f'<section id="{escape(result.id)}"><h2>{escape(result.text)}</h2><ul>'
    for finding in result.findings:
        yield f"<li>{escape(finding)}</li>"
    if result.id in expected:
        yield f"<li>Expected: {escape(expected[result.id])}</li>"
    yield "</ul>"
    yield f"<pre>{escape(again_line(command, result.id))}</pre>"
    lines = "\n".join(result.timeline)
    yield f"<details open><summary>Exchanges</summary><pre>{escape(lines)}</pre></details>"
    yield f"<details><summary>Output</summary><pre>{escape(result.output)}</pre></details>"
    yield "</section>"
