"""Which configuration file is taken, by the commands that run many proxies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import PATIENCE, Scripted, echo
from serving import command, proxy_table, refused, served
from vaurien.net.address import Address


@pytest.fixture(scope="module")
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echoing: Address) -> Path:
    """The current directory, with a configuration; the log is not in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vaurien.toml").write_text("seed = 1\n" + proxy_table("here", echoing))
    return tmp_path


def project(folder: Path, table: str) -> None:
    """Have the configuration in a project's file only."""
    (folder / "vaurien.toml").unlink()
    (folder / "pyproject.toml").write_text(table.replace("[proxies", "[tool.vaurien.proxies"))


def test_the_one_of_the_current_directory(folder: Path) -> None:
    with served(log=folder / "log") as serving:
        assert serving.messages[0] == "Configuration: vaurien.toml"
        assert serving.ask("here") == b"hello"
        assert serving.messages[-1] == "ready: 1 proxy, seed 1"


def test_the_environment_wins_over_it(folder: Path) -> None:
    environment = {"VAURIEN_SEED": "7", "VAURIEN_PORT": "0", "VAURIEN_HOST": "127.0.0.1"}
    with served(log=folder / "log", environment=environment) as serving:
        assert serving.messages[-1] == "ready: 1 proxy, seed 7"
        assert serving.http.host == "127.0.0.1"


def test_flags_win_over_the_environment(folder: Path) -> None:
    words = ["--seed", "8", "--no-http"]
    environment = {"VAURIEN_SEED": "7", "VAURIEN_HTTP": "true"}
    with served(*words, log=folder / "log", environment=environment) as serving:
        assert serving.messages[-1] == "ready: 1 proxy, seed 8"
        assert "HTTP" not in serving.log


def test_a_named_file_wins(folder: Path, echoing: Address) -> None:
    (folder / "other.toml").write_text("seed = 2\n" + proxy_table("there", echoing))
    with served("--config", "other.toml", log=folder / "log") as serving:
        assert serving.messages[0] == "Configuration: other.toml"
    with served(log=folder / "log", environment={"VAURIEN_CONFIG": "other.toml"}) as serving:
        assert serving.messages[-1] == "ready: 1 proxy, seed 2"


def test_none_on_request(folder: Path) -> None:
    with served("--no-config", "--port", "0", log=folder / "log") as serving:
        assert serving.messages[-1].startswith("ready: 0 proxies")
    words = ["serve", "--no-config", "--config", "vaurien.toml"]
    assert refused(*words) == ["--config and --no-config exclude each other"]


def test_a_table_of_a_project(folder: Path, echoing: Address) -> None:
    project(folder, "[tool.vaurien]\nseed = 3\n" + proxy_table("here", echoing))
    with served(log=folder / "log") as serving:
        assert serving.messages[0] == "Configuration: pyproject.toml"
        assert serving.ask("here") == b"hello"
        assert serving.messages[-1] == "ready: 1 proxy, seed 3"


def test_a_mistake_in_a_project_names_the_table(folder: Path, echoing: Address) -> None:
    project(folder, proxy_table("here", echoing, "nope = 1"))
    line = refused("check-config")[0]
    assert line.startswith("pyproject.toml: tool.vaurien.proxies.here.nope = 1 is an unknown key")


def test_a_mistake_in_the_environment_names_the_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAURIEN_PORT", "x")
    assert refused("serve")[0].startswith("VAURIEN_PORT='x' is not allowed")


def says(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_a_command_around_it_and_a_check(folder: Path) -> None:
    done = says("run", "sh", "-c", "echo $VAURIEN_HERE_HOST")
    assert (done.returncode, done.stdout, done.stderr) == (0, "127.0.0.1\n", "")
    done = says("run", "--log-level", "info", "true")
    assert "Configuration: vaurien.toml" in done.stderr
    done = says("check-config")
    assert done.stdout == "vaurien.toml: ok, 1 proxy, 0 rules\n"


@pytest.mark.parametrize("words", [["run", "true"], ["check-config"]])
def test_there_is_none(words: list[str], folder: Path) -> None:
    (folder / "vaurien.toml").unlink()
    own = folder / "own" / "vaurien" / "vaurien.toml"
    places = f"vaurien.toml, pyproject.toml, {own}, /etc/vaurien/vaurien.toml"
    assert refused(*words) == [f"there is no configuration: none of {places}"]
