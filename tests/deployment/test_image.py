"""The image of vaurien.  No engine is needed: its steps are run here, in a place apart."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment.apart import Apart, apart, child_of
from deployment.images import (
    command,
    copied,
    environment,
    healthcheck,
    instructions,
    is_ordinary,
    last_stage,
    replaced,
)
from peers import PATIENCE, wait_until
from test_distribution import PUBLISHED, build, run

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "Dockerfile", ROOT / "examples" / "notes" / "Dockerfile"]
IMAGE = last_stage(FILES[0])
TOKEN = "a-token-of-this-test"
READY = "[1] [INFO] ready: 1 proxy"
"""What the log says of a server that is the first process."""
PROXY = '[proxies.cache]\nlisten = ":6380"\nbackend = "cache:6379"\n'


def copy(target: Path) -> Path:
    """Copy from here what is copied into the image."""
    target.mkdir()
    for name in copied(instructions(FILES[0])):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target)
    return target


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The folder of the image's programs: of ours, but ``make dist`` installs them as it says."""
    if not PUBLISHED:
        return Path(sys.executable).parent
    paths = {"/source": copy(tmp_path / "source"), "/opt/vaurien": tmp_path / "opt"}
    (step,) = (rest for kind, rest in instructions(FILES[0]) if kind == "RUN" and "pip" in rest)
    for line in replaced(step, paths).split("&&"):
        words = shlex.split(line)
        module = [] if words[0] == "python" else ["-m", words[0]]
        run(sys.executable, *module, *words[1:], cwd=paths["/source"])
    return tmp_path / "opt" / "bin"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_nothing_is_wrong_with_it(path: Path) -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [linter, "--no-color", "--failure-threshold", "style", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0
    found = instructions(path)
    assert [name for name in copied(found) if not (path.parent / name).exists()] == []
    assert is_ordinary(found)
    bases = {rest.split()[0] for kind, rest in found if kind == "FROM"}
    assert len(bases) == 1, "an environment needs the Python that it was made by"


def test_all_is_copied_that_it_is_built_of(tmp_path: Path) -> None:
    seen = (ROOT / ".dockerignore").read_text().splitlines()
    assert seen[1] == "*"
    assert {line[1:] for line in seen if line[0] == "!"} == set(copied(instructions(FILES[0])))
    wheel = build(copy(tmp_path / "source"), tmp_path, "wheel")
    assert wheel.read_bytes() == build(ROOT, tmp_path / "here", "wheel").read_bytes()


def test_the_user_exists() -> None:
    (added,) = (rest for kind, rest in IMAGE if kind == "RUN" and "useradd" in rest)
    assert f"--uid {dict(IMAGE)['USER']} " in added


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Apart]:
    with apart(tmp_path) as made:
        yield made


def status(place: Apart, path: str, *words: str) -> str:
    """The status that the API answers with, on another address than loopback's usual one."""
    url = f"http://127.0.0.2:8474{path}"
    return place.run("curl", "-s", "-o", os.devnull, "-w", "%{http_code}", *words, url).stdout


def test_it_serves_as_the_first_process(programs: Path, place: Apart, tmp_path: Path) -> None:
    """It is healthy, asks for its token, and ends as an engine asks it to."""
    file = tmp_path / "vaurien.toml"
    file.write_text(PROXY)
    variables = environment(IMAGE, programs)
    inside = {**variables, "VAURIEN_CONFIG": str(file), "VAURIEN_TOKEN": TOKEN}
    first = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with place.running(
        *first, *command(IMAGE), environment=inside, log=tmp_path / "log"
    ) as process:
        wait_until(lambda: READY in (tmp_path / "log").read_text(), "a server that is ready")
        assert place.run(*healthcheck(IMAGE), environment=variables).returncode == 0
        assert status(place, "/v1/state") == "401"
        assert status(place, "/v1/state", "-H", f"Authorization: Bearer {TOKEN}") == "200"
        server = child_of(process)
        assert server is not None
        os.kill(server, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
