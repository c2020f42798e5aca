"""``vaurien explore``, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exploring import PAYING, program, toml
from peers import wait_until
from vaurien.cli.explore import Seconds, file_name
from vaurien.explore.exploration import reasons
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


def test_another_program_is_run_anew(tmp_path: Path, redis_address: Address) -> None:
    passing = ("--only", "*/request-lost/once")
    (tmp_path / "imported.py").write_text("patience = 1")
    for text, before in (("", 0), ("", 1), ("patience = 2", 0)):
        if text:
            (tmp_path / "imported.py").write_text(text)
        done = explore(tmp_path, redis_address, *passing)
        assert f"1 scenarios, {before} of them run before" in done.stderr


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


def test_a_command_that_connects_to_no_proxy(tmp_path: Path, redis_address: Address) -> None:
    done = explore(tmp_path, redis_address, text="pass")
    assert done.returncode == 3
    assert "the command passes, but has not connected to any proxy" in done.stderr


def test_a_first_run_that_does_not_end(tmp_path: Path, redis_address: Address) -> None:
    text = "import time; print('so far', flush=True); time.sleep(600)"
    done = explore(tmp_path, redis_address, "--limit", "0.5", text=text)
    assert done.returncode == 3
    assert "without any fault, the command had not ended after " in done.stderr
    assert done.stderr.endswith("so far\n")


def test_a_command_that_cannot_be_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vaurien", "explore", "--config"]
    command += [str(toml(tmp_path, Address("127.0.0.1", 1))), "--", "./nothing"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr == "vaurien: './nothing' cannot be run: No such file or directory\n"


def test_nothing_to_run(tmp_path: Path, redis_address: Address) -> None:
    done = explore(tmp_path, redis_address, "--only", "cach")
    assert done.returncode == 2
    assert "there is nothing to run: --only and --skip leave no scenario" in done.stderr


def test_two_at_once(tmp_path: Path, redis_address: Address) -> None:
    with stopping(tmp_path, redis_address):
        only = ("--limit", "600", "--only", "*/refused/once")
        second = explore(tmp_path, redis_address, *only, text=FINDING_THEN_WAITING)
    assert second.returncode == 2
    assert "is in use: this command is being explored" in second.stderr


FINDING_THEN_WAITING = """
import signal
with open("runs", "a") as file:
    print(os.getpid(), file=file)
runs = len(open("runs").readlines())
if runs == 3:
    signal.pause()
try:
    with connected(0.1) as sock:
        ask(sock, b"PING")
except OSError:
    sys.exit("found" if runs == 2 else 0)
"""
"""Passes, then fails, then waits; then passes."""


@contextmanager
def stopping(folder: Path, address: Address) -> Iterator[subprocess.Popen[str]]:
    """An exploration that has a finding, and a run that waits; it is killed after the block."""
    config = toml(folder, address)
    command = [sys.executable, "-m", "vaurien", "explore", "--config", str(config)]
    command += ["--limit", "600", "--json", "all.json", "--junit", "all.xml", "--html", "all.html"]
    runs = folder / "runs"
    with subprocess.Popen(
        [*command, "--", *program(folder, FINDING_THEN_WAITING, address)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as process:
        try:
            wait_until(lambda: runs.exists() and runs.read_text().count("\n") == 3, "the third run")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_found_is_told_when_it_is_ended(
    tmp_path: Path, redis_address: Address, number: int
) -> None:
    with stopping(tmp_path, redis_address) as process:
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == 128 + number
    assert "  | found\n" in err
    assert "broken: 1; not run: " in out
    assert len(json.loads((tmp_path / "all.json").read_text())["results"]) == 1
    assert (tmp_path / "all.xml").exists()
    assert (tmp_path / "all.html").exists()
    *_, last = map(int, (tmp_path / "runs").read_text().split())
    assert not Path(f"/proc/{last}").exists()
    only = ("--limit", "600", "--only", "*/refused/once", "--only", "*/reset/once")
    again = explore(tmp_path, redis_address, *only, text=FINDING_THEN_WAITING)
    assert ", 1 of them run before" in again.stderr
    assert "found before, and not run again without --again:\n" in again.stderr
    assert again.returncode == 1


@pytest.mark.parametrize(
    ("flag", "name", "why"),
    [
        ("--json", "missing/all.json", "cannot be written: there is no folder"),
        ("--html", ".", "is a folder"),
        ("--folder", "program.py/memory", "cannot be used: Not a directory"),
        ("--save-scenarios", "program.py", "is no folder"),
    ],
)
def test_files_are_checked_before_anything_is_run(
    tmp_path: Path, redis_address: Address, flag: str, name: str, why: str
) -> None:
    done = explore(tmp_path, redis_address, flag, name, text="open('ran', 'w')")
    assert done.returncode == 2
    assert f"{flag}='{name}' {why}" in done.stderr
    assert not (tmp_path / "ran").exists()


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
