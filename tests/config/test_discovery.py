"""Where a configuration file is found, and which settings the environment gives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaurien.config import discovery
from vaurien.config.document import Flag
from vaurien.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_order(folder: Path) -> None:
    own = folder / "own" / "vaurien" / "vaurien.toml"
    own.parent.mkdir(parents=True)
    environment = {"XDG_CONFIG_HOME": str(folder / "own")}
    assert list(discovery.places(environment)) == [
        "vaurien.toml",
        "pyproject.toml",
        str(own),
        "/etc/vaurien/vaurien.toml",
    ]
    assert discovery.find(environment) == ""
    own.touch()
    assert discovery.find(environment) == str(own)
    (folder / "pyproject.toml").write_text("[tool.vaurien]\n")
    assert discovery.find(environment) == "pyproject.toml"
    (folder / "vaurien.toml").touch()
    assert discovery.find(environment) == "vaurien.toml"
    assert discovery.find({**environment, "VAURIEN_CONFIG": "/no/where"}) == "/no/where"
    assert discovery.find({**environment, "VAURIEN_CONFIG": ""}) == "vaurien.toml"


def test_a_home_that_is_relative_does_not_count(folder: Path) -> None:
    assert list(discovery.places({"XDG_CONFIG_HOME": "own"}))[2].startswith("/")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("[tool.vaurien]\n", True),
        ("[project]\nname = 'x'\n\n [tool . vaurien.proxies.a]\n", True),
        ("[[tool.vaurien.proxies]]", True),
        ('[tool."vaurien"]', True),
        ("[tool.vaurien]\nbroken =", True),
        ("[tool.vaurienne]\n", False),
        ("[tool.ruff]\n# [tool.vaurien]\n", False),
        ("", False),
    ],
)
def test_which_project_files_count(text: str, counts: bool, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(text)
    found = discovery.find({"XDG_CONFIG_HOME": str(folder)})
    assert found == ("pyproject.toml" if counts else "")


def test_what_cannot_be_read_is_not_found(folder: Path) -> None:
    (folder / "vaurien.toml").mkdir()
    (folder / "pyproject.toml").mkdir()
    assert discovery.find({"XDG_CONFIG_HOME": str(folder)}) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("name", ["vaurien.toml", "pyproject.toml"])
def test_a_file_of_another_user_is_not_taken_unasked(folder: Path, name: str) -> None:
    (folder / name).write_text("[tool.vaurien]\n")
    os.chown(folder / name, 12345, 12345)
    with pytest.raises(ConfigError) as failed:
        discovery.find({})
    assert (
        str(failed.value) == f"{name} belongs to another user: it takes --config={name} to use it"
    )
    assert discovery.find({"VAURIEN_CONFIG": name}) == name


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "vaurien.toml")
    os.mkfifo(folder / "pyproject.toml")
    assert discovery.find({"XDG_CONFIG_HOME": str(folder)}) == ""


def test_settings_of_the_environment() -> None:
    assert discovery.settings({}).content == {}
    found = discovery.settings({"VAURIEN_PORT": "1", "VAURIEN_SEED": "7", "VAURIEN_JOURNAL": ""})
    assert found.content == {"http_port": "1", "seed": "7"}
    assert found.origin(("http_port",)) == Flag("VAURIEN_PORT")
