"""``vaurien explore``, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exploring import PAYING, program, toml
from vaurien.cli.explore import Seconds, file_name
from vaurien.explore.explorer import reasons
from vaurien.explore.results import Result
from vaurien.net.address import Address

LOST = "cache/INCRBY-paid-N/1/reply-lost/once"


def explore(
    folder: Path, address: Address, *flags: str, more: str = "", text: str = PAYING
) -> subprocess.CompletedProcess[str]:
    config = toml(folder, address, more)
    command = [sys.executable, "-m", "vaurien", "explore", "--config", str(config), *flags]
    return subprocess.run(
        [*command, "--", *program(folder, text, address)],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=folder,
        check=False,
    )


ONE = ("--only", "*/reply-lost/once")


def test_a_finding_is_told_and_can_be_seen_again(tmp_path: Path, redis_address: Address) -> None:
    files = ("--json", "all.json", "--junit", "all.xml", "--html", "all.html")
    done = explore(tmp_path, redis_address, *ONE, *files)
    assert done.returncode == 1
    assert f"{LOST}: reply-lost at cache: INCRBY paid:0 #1, once\n" in done.stderr
    assert "  | paid 2 times\n" in done.stderr
    assert "2 points, 1 scenarios: 1 failed; broken: 1\n" in done.stdout
    line = next(line for line in done.stderr.splitlines() if "again: " in line)
    assert f"--scenario {LOST} --config" in line
    assert json.loads((tmp_path / "all.json").read_text())["results"][0]["id"] == LOST
    assert (tmp_path / "all.xml").exists()
    assert (tmp_path / "all.html").exists()
    again = explore(tmp_path, redis_address, "--scenario", LOST)
    assert again.returncode == 1
    assert "  | paid 2 times\n" in again.stderr


def test_the_same_finding_is_told_in_short(tmp_path: Path, redis_address: Address) -> None:
    only = ("--only", "*/reply-lost/once", "--only", "*/partial-reply/once")
    done = explore(tmp_path, redis_address, *only)
    assert f"cache/INCRBY-paid-N/1/partial-reply/once: like {LOST}\n" in done.stderr
    assert done.stderr.count("again: ") == 1


def test_what_broke_is_saved_as_a_scenario(tmp_path: Path, redis_address: Address) -> None:
    explore(tmp_path, redis_address, *ONE, "--save-scenarios", "found")
    (file,) = (tmp_path / "found").iterdir()
    assert file.name == file_name(LOST) == f"{LOST.replace('/', '-')}.toml"
    assert file.read_text().startswith("# reply-lost at cache: INCRBY paid:0 #1, once: it failed")
    again = explore(tmp_path, redis_address, "--scenario", f"found/{file.name}")
    assert again.returncode == 1
    assert f"{LOST}: reply-lost at" in again.stderr
    file.write_text(file.read_text().replace('"cache"', '"cash"'))
    wrong = explore(tmp_path, redis_address, "--scenario", f"found/{file.name}")
    assert wrong.returncode == 2
    assert "fire[0].proxy = 'cash' is an unknown proxy: it takes cache" in wrong.stderr


def test_a_scenario_is_replayed(tmp_path: Path, redis_address: Address) -> None:
    explore(tmp_path, redis_address, *ONE, "--save-scenarios", "found")
    words = ["run", "--config", "vaurien.toml", "--replay", f"found/{file_name(LOST)}", "--"]
    done = subprocess.run(
        [sys.executable, "-m", "vaurien", *words, *program(tmp_path, PAYING, redis_address)],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "VAURIEN_JOB": "0"},
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["paid 2 times", "replay: fired at 1 of 1 places"],
    )


def test_a_scenario_file_that_cannot_be_read(tmp_path: Path, redis_address: Address) -> None:
    done = explore(tmp_path, redis_address, "--scenario", "no.toml")
    assert "--scenario='no.toml' cannot be read: No such file" in done.stderr


def test_what_is_expected_is_no_failure(tmp_path: Path, redis_address: Address) -> None:
    more = f'[[explore.expected]]\nscenario = "{LOST}"\nreason = "as agreed"'
    done = explore(tmp_path, redis_address, *ONE, more=more)
    assert done.returncode == 0
    assert "broken: 0, and 1 as expected" in done.stdout


def test_what_was_run_is_remembered(tmp_path: Path, redis_address: Address) -> None:
    passing = ("--only", "*/request-lost/once")
    explore(tmp_path, redis_address, *passing)
    again = explore(tmp_path, redis_address, *passing)
    assert "1 scenarios, 1 of them run before" in again.stderr
    assert again.returncode == 0


def test_what_broke_is_run_again(tmp_path: Path, redis_address: Address) -> None:
    explore(tmp_path, redis_address, *ONE)
    again = explore(tmp_path, redis_address, *ONE)
    assert "1 scenarios, 0 of them run before" in again.stderr
    assert again.returncode == 1


def test_a_scenario_that_does_not_exist(tmp_path: Path, redis_address: Address) -> None:
    done = explore(
        tmp_path, redis_address, "--scenario", LOST, "--scenario", "cache/GET/1/hang/once"
    )
    assert done.returncode == 2
    assert done.stderr.endswith(
        "vaurien: --scenario: the command does not come to 'cache/GET/1/hang/once'\n"
    )


def test_a_command_that_fails_anyway(tmp_path: Path, redis_address: Address) -> None:
    done = explore(tmp_path, redis_address, text="sys.exit('broken anyway')")
    assert done.returncode == 3
    assert done.stderr.endswith(
        "vaurien: the command failed without any fault, with exit status 1:\nbroken anyway\n"
    )


@pytest.mark.parametrize(
    ("more", "flags", "why"),
    [
        ("", ("--budget", "soon"), "'soon' is not a time such as 90s, 10m or 1h"),
        ("", ("--jobs", "0"), "0 is not in the range 1<=x<=64"),
        ('[explore]\nlasting = "no"', (), "explore.lasting = 'no' is not allowed"),
        ("[explore]\nlastin = 1", (), "explore.lastin = 1 is an unknown key"),
        ("[[explore.expected]]\nscenario = 'x'", (), "explore.expected[0].reason is missing"),
        ("[explore]\nskip = 1", (), "explore.skip = 1 is not allowed: it takes a list"),
    ],
)
def test_mistakes(
    tmp_path: Path, redis_address: Address, more: str, flags: tuple[str, ...], why: str
) -> None:
    done = explore(tmp_path, redis_address, *flags, more=more)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_times() -> None:
    parsed = [Seconds().convert(text, None, None) for text in ("90", "1.5s", "10m", "1h")]
    assert parsed == [90.0, 1.5, 600.0, 3600.0]


def test_reasons() -> None:
    def result(name: str, *findings: str) -> Result:
        return Result(
            id=name, text="", point="", fault="", mode="once", result="failed", findings=findings
        )

    known = [result("a/b/1/x/once", "it failed"), result("a/b/1/y/once"), result("c", "it failed")]
    assert reasons(known, [("a/*", "why")]) == {"a/b/1/x/once": "why"}
