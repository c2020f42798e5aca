"""All proxies as a file: applied, compared and exported."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path

import pytest

from cli.remote.conftest import Run
from live import Http, Live
from serving import proxy_table
from vaurien.cli.remote.output import GREEN, PLAIN, Resource
from vaurien.cli.remote.states import diff_lines
from vaurien.net.address import Address

RULE = {"behavior": "delay", "sleep": 2, "paused": False}
NOBODY = Address("127.0.0.1", 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that has other proxies than the one that runs."""
    path = tmp_path / "v.toml"
    rules = 'rules = [{behavior = "delay", name = "slow", percent = 10}]'
    path.write_text(
        'journal = "j"\nconnect-timeout = 3\n[behaviors.delay]\nsleep = 2\n'
        + proxy_table("mail", NOBODY, rules)
        + proxy_table("web", NOBODY)
    )
    return path


def test_a_file_is_applied(http: Http, running: Live, run: Run, file: Path) -> None:
    seed = running.control.state.seed
    said = run(f"apply -f {file} --dry-run")
    added = "127.0.0.1:0 forwards to 127.0.0.1:1"
    assert said.status == 0
    assert sorted(said.lines)[:3] == [
        f"+ mail: {added}",
        "+ mail: rules/slow: delay percent=10 sleep=2 before=true",
        f"+ web: {added}",
    ]
    assert said.lines[3].startswith("- cache: 127.0.0.1:0 forwards to ") or any(
        line.startswith("- cache: ") for line in said.lines
    )
    assert said.err.splitlines() == [
        "vaurien: ignored, because only the process itself can set them: journal",
        "vaurien: 3 changes would be made",
    ]
    assert run("list -o name").lines == ["cache"]
    assert run(f"apply -f {file}").out == said.out
    assert run("list -o name").lines == ["mail", "web"]
    mail = json.loads(run("inspect mail -o json").out)
    assert (mail["connect_timeout"], mail["rules"][0]["sleep"]) == (3.0, 2.0)
    assert running.control.state.seed == seed
    said = run(f"apply -f {file} -o json")
    assert json.loads(said.out) == []
    assert said.err.splitlines()[-1] == "vaurien: 0 changes made"
    file.write_text(file.read_text().replace("sleep = 2", "sleep = 3"))
    (line,) = run(f"apply -f {file}").lines
    assert line.startswith("~ mail: ")
    assert line.endswith(": 2.0 -> 3.0")


def test_standard_input(http: Http, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("seed = 5\n" + proxy_table("a", NOBODY)))
    assert run("apply -f -").status == 0
    assert run("list -o name").lines == ["a"]
    assert run("export").lines[0] == "seed = 5"


def test_nothing_on_standard_input_changes_nothing(
    http: Http, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in ``vaurien export --url MISTYPED | vaurien apply -f -``."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = run("apply -f -")
    assert (said.status, said.out) == (4, "")
    assert "proxies declares no proxy" in said.err
    assert run("list -o name").lines == ["cache"]


@pytest.mark.parametrize("form", ["json", "toml"])
def test_what_is_exported_can_be_applied_from_standard_input(
    http: Http, run: Run, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    exported = run(f"export -o {form}").out
    monkeypatch.setattr("sys.stdin", io.StringIO(exported))
    said = run("apply -f -")
    assert (said.status, said.out) == (0, "")
    run("delete cache")
    empty = run(f"export -o {form}").out
    monkeypatch.setattr("sys.stdin", io.StringIO(empty))
    assert run("apply -f -").status == 0


def test_a_file_with_problems_changes_nothing(http: Http, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "v.toml"
    path.write_text(proxy_table("a", NOBODY, "nope = 1", "timeout = -1"))
    said = run(f"apply -f {path}")
    assert (said.status, said.out) == (4, "")
    assert len(said.err.splitlines()) == 3
    assert run("apply -f /no/where.toml").status == 4
    assert run("list -o name").lines == ["cache"]


def test_what_is_exported_can_be_applied(http: Http, run: Run, file: Path, tmp_path: Path) -> None:
    run(f"apply -f {file}")
    exported = run("export").out
    content = tomllib.loads(exported)
    assert set(content) == {"seed", "proxies"}
    assert content == json.loads(run("export -o json").out)
    again = tmp_path / "again.toml"
    again.write_text(exported)
    said = run(f"apply -f {again}")
    assert (said.out, said.message) == ("", "0 changes made")


def test_nothing_to_export(http: Http, run: Run) -> None:
    run("delete cache")
    content = tomllib.loads(run("export").out)
    assert content == {"seed": content["seed"], "proxies": {}}


def test_lines_of_a_difference() -> None:
    changes: list[Resource] = [
        {"op": "change", "proxy": "\x1b[2J", "path": "a", "before": "\x1b", "after": None},
        {"op": "change", "path": "seed", "before": 1, "after": 2},
        {"op": "remove", "proxy": "x", "path": "/rules/r", "before": {"name": "r", **RULE}},
        {"op": "change", "proxy": "x", "path": "/options", "before": {}, "after": {"a": 1}},
        {"op": "add", "proxy": "x", "after": {"listen": "a", "backend": "b", "rules": []}},
    ]
    assert list(diff_lines(changes, has_colors=False)) == [
        r"~ \x1b[2J: a: " + '"\\u001b"',
        "~ seed: 1 -> 2",
        "- x: rules/r: delay sleep=2",
        '~ x: options: {} -> {"a": 1}',
        "+ x: a forwards to b",
    ]
    assert list(diff_lines(changes[4:], has_colors=True)) == [f"{GREEN}+ x: a forwards to b{PLAIN}"]
