"""What blocks of the documentation come to that are not run in a terminal."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

import knowing
from vaurien import plugins
from vaurien.cli.command import configuration_given, vaurien
from vaurien.config import ini, replay
from vaurien.config.configuration import Configuration
from vaurien.config.files import read
from vaurien.config.understand import understand

VARIABLES = {"API_PORT": "8000", "REDIS_PORT": "6379"}
"""Of the environment, which examples name."""
EXTENDED = "[proxies.a]\nbackend = 'localhost:1'\n"


def understood(path: Path) -> Configuration:
    """What a file comes to, in which nothing is wrong."""
    return understand(read(str(path), VARIABLES), knowing.known())


def check_toml(text: str, folder: Path) -> None:
    """A configuration, a scenario, or a part of a project's own file."""
    if "[[fire]]" in text:
        assert replay.parse(text).fires
        return
    path = folder / "checked.toml"
    path.write_text(text)
    (folder / "common.toml").write_text(EXTENDED)
    assert understood(path).state.proxies


def check_ini(text: str, folder: Path) -> None:
    path = folder / "checked.ini"
    path.write_text(text)
    (folder / "common.ini").write_text("[vaurien]\nproxy = localhost:1234\n")
    assert ini.read(str(path), VARIABLES)


def check_json(text: str, folder: Path) -> None:
    json.loads(text)


def check_yaml(text: str, folder: Path) -> None:
    yaml.safe_load(text)


def check_commands(text: str, folder: Path) -> None:
    """Command lines with one proxy: there is nothing wrong in what they come to."""
    plugins.install()
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "vaurien"
            with vaurien.make_context("vaurien", words[1:]) as context:
                configuration_given(context)


def run_program(text: str, folder: Path) -> None:
    exec(compile(text, "a block of the documentation", "exec"), {"__name__": "__main__"})


CHECKS: Mapping[str, Callable[[str, Path], None]] = {
    "toml": check_toml,
    "ini": check_ini,
    "json": check_json,
    "yaml": check_yaml,
    "sh": check_commands,
    "python": run_program,
}
