"""Clients of Toxiproxy that others wrote, unmodified, each with the example of its documentation.

What they need is downloaded and built once for each user, in a cache folder.  A client whose
toolchain or registry is absent is skipped, and says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from end_to_end.toxiproxies import Program
from peers import PATIENCE, Scripted, echo
from servers import free_port, require
from serving import served

SOURCES = Path(__file__).parent / "clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vaurien-tests"
DOWNLOAD_LIMIT = 120.0
"""Seconds that a registry gets."""
BUILD_LIMIT = 240.0
PYTHON_PACKAGES = ("toxiproxy-python==0.1.1",)
CHAOS_PACKAGES = ("chaostoolkit==1.19.0", "chaostoolkit-toxiproxy==0.3.1")
NODE_PACKAGES = ("toxiproxy-node-client@4.1.0",)
GO_CLIENT = "github.com/Shopify/toxiproxy/v2@v2.12.0"

pytestmark = pytest.mark.timeout(2 * BUILD_LIMIT)


class Place(NamedTuple):
    """Where a client finds what it needs, each as ``HOST:PORT``."""

    api: str
    listen: str
    upstream: str


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A vaurien, which must be empty again afterwards."""
    with (
        Scripted(echo) as backend,
        served("--host", "127.0.0.1", "--port", "0", log=tmp_path / "log") as serving,
    ):
        yield Place(str(serving.http), f"127.0.0.1:{free_port()}", str(backend.address))
        program = Program(serving.http)
        left = program("GET", "/proxies")
        program.close()
        assert left == (200, {})
        assert "ERROR" not in serving.log


def cached(source: Path, needs: Sequence[str], build: Callable[[Path], None]) -> Path:
    """Return the folder in which this was built, now or before, with copies of its sources."""
    digest = hashlib.sha256("\n".join([sys.version, *needs]).encode())
    for each in sorted(source.iterdir()):
        digest.update(each.read_bytes())
    folder = CACHE / f"{source.name}-{digest.hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{source.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            build(folder)
            (folder / "built").touch()
    return folder


def download(folder: Path, *words: str) -> None:
    """Run a command that asks a registry; skip the test if it cannot."""
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{words[0]} got no answer within {DOWNLOAD_LIMIT:g} s")
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        pytest.skip(f"{words[0]} cannot download what the client needs: {said[-1]}")


def run(*words: str, folder: Path, limit: float = PATIENCE, **environment: str) -> str:
    """What a command says, which must succeed."""
    done = subprocess.run(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_python(place: Place) -> None:
    folder = cached(SOURCES / "python", PYTHON_PACKAGES, installing(PYTHON_PACKAGES))
    host, _, port = place.api.partition(":")
    words = ("venv/bin/python", "program.py", host, port, place.listen, place.upstream)
    assert run(*words, folder=folder).endswith("done\n")


def test_chaos_toolkit(place: Place, tmp_path: Path) -> None:
    folder = cached(SOURCES / "chaos", CHAOS_PACKAGES, installing(CHAOS_PACKAGES))
    run(
        str(folder / "venv/bin/chaos"),
        "--no-version-check",
        "run",
        str(folder / "experiment.json"),
        folder=tmp_path,
        limit=60,
        API_PORT=place.api.partition(":")[2],
        LISTEN_PORT=place.listen.partition(":")[2],
        UPSTREAM_PORT=place.upstream.partition(":")[2],
    )
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    activities = journal["run"] + journal["rollbacks"]
    assert [each["status"] for each in activities] == ["succeeded"] * 8, activities
    assert all(each["output"] is not None for each in activities[:3])


def installing(packages: Sequence[str]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        run(sys.executable, "-m", "venv", "venv", folder=folder, limit=BUILD_LIMIT)
        pip = ("venv/bin/python", "-m", "pip", "--retries", "0", "install", "--quiet")
        download(folder, *pip, *packages)

    return build


def test_node(place: Place) -> None:
    node, npm = require("node"), require("npm")

    def build(folder: Path) -> None:
        (folder / "package.json").write_text('{"private": true}')
        flags = ("--no-audit", "--no-fund", "--fetch-retries=0")
        download(folder, npm, "install", *flags, *NODE_PACKAGES)

    folder = cached(SOURCES / "node", NODE_PACKAGES, build)
    assert run(node, "program.js", *place, folder=folder).endswith("done\n")


def test_go(place: Place) -> None:
    go = require("go")

    def build(folder: Path) -> None:
        download(folder, go, "mod", "download", GO_CLIENT)
        download(folder, go, "mod", "tidy")
        run(go, "build", "-o", "program", folder=folder, limit=BUILD_LIMIT)

    folder = cached(SOURCES / "go", (GO_CLIENT,), build)
    assert run("./program", *place, folder=folder).endswith("done\n")


def test_java(place: Place) -> None:
    java, javac, maven = require("java"), require("javac"), require("mvn")

    def build(folder: Path) -> None:
        copy = "dependency:copy-dependencies"
        download(folder, maven, "--quiet", "--batch-mode", copy, "-DoutputDirectory=lib")
        run(javac, "-cp", "lib/*", "Program.java", folder=folder, limit=BUILD_LIMIT)

    folder = cached(SOURCES / "java", (), build)
    host, _, port = place.api.partition(":")
    words = (java, "-cp", "lib/*:.", "Program", host, port, place.listen, place.upstream)
    assert run(*words, folder=folder).endswith("done\n")
