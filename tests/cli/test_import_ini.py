"""INI files made TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from vaurien.cli import main

FULL = """
[DEFAULT]
extends = common.ini
[vaurien]
backend = ${HOST}:80
behavior =
    5:error
    10:delay
rule =
    delay sleep=3 percent=5.5 name="it's"
    error fault=READONLY command=~^S
journal = "${HOST}\\"
stay_connected = yes
[behavior:delay]
sleep = 2
before = no
[protocol:redis]
keep_alive = true
[statsd]
sample_rate = 0.5
"""
COMMON = """
[vaurien]
proxy = localhost:0
protocol = redis
backend = h:1
"""


@pytest.fixture
def ini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "common.ini").write_text(COMMON)
    path = tmp_path / "v.ini"
    path.write_text(FULL.replace('name="it\'s"', "name=mine"))
    monkeypatch.setenv("HOST", "example")
    return path


def imported(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    """The exit status, and what is written to standard output and standard error."""
    with pytest.raises(SystemExit) as caught:
        main(["import-ini", *words])
    said = capsys.readouterr()
    return caught.value.code, said.out, said.err


def test_what_is_written(ini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, trouble = imported(capsys, str(ini))
    assert (status, trouble) == (0, "")
    assert text.splitlines()[0] == f"# Converted from {ini}."
    note = "  # has no effect; kept for old plugins"
    assert f"stay_connected = true{note}\n" in text
    assert f"keep_alive = true{note}\n" in text
    assert tomllib.loads(text) == {
        "journal": "$${HOST}\\",
        "stay_connected": True,
        "behaviors": {"delay": {"sleep": 2.0, "before": False}},
        "protocols": {"redis": {"keep_alive": True}},
        "statsd": {"sample_rate": 0.5},
        "proxies": {
            "vaurien": {
                "listen": "localhost:0",
                "backend": "${HOST}:80",
                "protocol": "redis",
                "behavior": "5:error,10:delay",
                "rules": [
                    {"behavior": "delay", "sleep": 3.0, "percent": 5.5, "name": "mine"},
                    {"behavior": "error", "fault": "READONLY", "command": "~^S"},
                ],
            }
        },
    }


def test_a_file_is_not_replaced_but_by_force(
    ini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "v.toml"
    assert imported(capsys, str(ini), "-o", str(target)) == (0, "", "")
    first = target.read_text()
    assert tomllib.loads(first)
    status, _, trouble = imported(capsys, str(ini), "-o", str(target))
    assert (status, trouble) == (
        2,
        f"vaurien: -o={str(target)!r}: the file exists; --force overwrites it\n",
    )
    target.write_text("")
    assert imported(capsys, str(ini), "-o", str(target), "--force") == (0, "", "")
    assert target.read_text() == first


def test_a_file_that_cannot_be_written(
    ini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, trouble = imported(capsys, str(ini), "-o", str(tmp_path), "--force")
    assert status == 2
    assert trouble == f"vaurien: -o={str(tmp_path)!r} cannot be written: Is a directory\n"


def test_variables_that_are_not_set(
    ini: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOST")
    status, text, trouble = imported(capsys, str(ini))
    assert (status, tomllib.loads(text)["proxies"]["vaurien"]["backend"]) == (0, "${HOST}:80")
    assert trouble == "vaurien: not checked, because these variables are not set: HOST\n"


def test_variables_in_the_names_of_files_that_are_extended(
    ini: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ini.read_text()
    ini.write_text(text.replace("extends = common", "extends = ${NAME}"))
    status, _, trouble = imported(capsys, str(ini))
    assert (status, trouble) == (
        2,
        f"vaurien: {ini}: [DEFAULT] extends needs the environment variable 'NAME', "
        "which is not set\nvaurien: 1 problem\n",
    )
    monkeypatch.setenv("NAME", "common")
    assert imported(capsys, str(ini))[::2] == (0, "")


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("rule = hang ${X}", "[vaurien] rule='hang ${X}' is not a rule: '${X}' is not KEY=VALUE"),
        ("timeout = soon", "timeout = 'soon' is not allowed: it takes a number of at least 0"),
        ("rule = hang x", "[vaurien] rule='hang x' is not a rule: 'x' is not KEY=VALUE"),
        ("nope = 1", "[vaurien] nope='1' is an unknown key"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(
    line: str, trouble: str, ini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ini.write_text(f"[vaurien]\n{line}\n")
    target = tmp_path / "v.toml"
    status, text, told = imported(capsys, str(ini), "-o", str(target))
    assert (status, text) == (2, "")
    assert told.startswith(f"vaurien: {ini}: {trouble}")
    assert not target.exists()
