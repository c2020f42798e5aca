"""What is published: complete, the same each time, and it works where it is installed.

``make test`` builds the archives, and installs the wheel for the running Python, without its
dependencies.  ``make dist`` leaves the archives in ``dist/``, and has them installed with all
extras for each Python of this machine, as ``DIST`` asks for.
"""

from __future__ import annotations

import email
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from peers import PATIENCE
from servers import free_port

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
PUBLISHED = os.environ.get("DIST", "")
"""The folder of the archives that ``make dist`` has built."""
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
COMMANDS = ("vaurien", "vaurienctl", "toxiproxy-cli", "meta-vaurien")
LEFT_OVER = re.compile(r"__pycache__|\.pyc$|(^|/)\.(venv|git|[a-z]+_cache|hypothesis)/")
TEST = """
def test_refused(chaos):
    cache = chaos.proxy("127.0.0.1:1", protocol="redis")
    assert cache.port
"""
IMPORTS_ALL = """
import importlib, pathlib, sys, vaurien
folder = pathlib.Path(vaurien.__file__).parent
for path in sorted(folder.rglob("*.py")):
    name = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
    if not name.endswith(("__main__", ".testcontainers")):
        importlib.import_module(name.removesuffix(".__init__"))
print(folder)
"""


def run(*words: str | Path, cwd: Path = ROOT) -> str:
    """What a program says; it must succeed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def build(source: Path, target: Path, kind: str) -> Path:
    """Build an archive of a source tree."""
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, cwd=source)
    (archive,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    if PUBLISHED:
        (archive,) = (ROOT / PUBLISHED).glob("*.whl")
        return archive
    return build(ROOT, folder / "wheel", "wheel")


@pytest.fixture
def sdist(folder: Path) -> Path:
    if PUBLISHED:
        (archive,) = (ROOT / PUBLISHED).glob("*.tar.gz")
        return archive
    return build(ROOT, folder / "sdist", "sdist")


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def version() -> str:
    found = re.search(r'"(.+)"', (SOURCE / "vaurien" / "version.py").read_text().split("=")[-1])
    assert found is not None
    return found[1]


# What is in the archives.


def test_the_wheel_has_all_files_of_the_package_and_no_others(wheel: Path) -> None:
    there = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "vaurien").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "vaurien/py.typed" in there
    about = f"vaurien-{version()}.dist-info/"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {name for name in names if not name.startswith(about)} == there
        assert f"{about}licenses/LICENSE" in names
        assert archive.read(f"{about}WHEEL").endswith(b"Tag: py3-none-any\n")


def test_the_source_archive_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        archive.extractall(tmp_path, filter="data")
    assert {"Makefile", "tests/conftest.py", "docs/index.md", "CHANGELOG.md"} <= set(names)
    assert [name for name in names if LEFT_OVER.search(name)] == []
    (tree,) = tmp_path.iterdir()
    again = build(tree, tmp_path / "again", "wheel")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_what_the_wheel_says_of_itself(wheel: Path, project: dict[str, object]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        about = f"vaurien-{version()}.dist-info"
        said = email.message_from_bytes(archive.read(f"{about}/METADATA"))
    assert (said["Name"], said["Version"]) == ("vaurien", version())
    assert (said["License-Expression"], said["License-File"]) == ("Apache-2.0", "LICENSE")
    assert said["Requires-Python"] == ">=3.11"
    assert said.get_payload() == (ROOT / "README.md").read_text()
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    assert set(said.get_all("Provides-Extra", [])) == set(extras)
    assert set(re.findall(r"[\w-]+", extras["all"][0])) - {"vaurien"} == set(extras) - {"all"}
    classifiers = said.get_all("Classifier", [])
    named = [each.split(" :: ")[-1] for each in classifiers if re.search(r":: 3\.\d+$", each)]
    assert set(named) <= set(VERSIONS)
    assert run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", wheel)


def test_the_version_comes_after_those_of_the_first_vaurien() -> None:
    """They were 0.1 to 2.0."""
    assert re.fullmatch(r"([3-9])\.\d+\.\d+((a|b|rc)\d+)?(\.dev\d+)?", version())


def test_the_changelog_can_be_gathered() -> None:
    told = run(sys.executable, "-m", "towncrier", "build", "--draft", "--date", "2000-01-02")
    assert f"## {version()} (2000-01-02)" in told
    fragments = list((ROOT / "changes").glob("*.*.md"))
    text = " ".join(told.split())
    missing = [each for each in fragments if " ".join(each.read_text().split()) not in text]
    assert missing == []
    headings = [each for each in ("Added", "Changed", "Fixed") if f"### {each}\n" in told]
    assert headings == re.findall(r"^### (.+)$", told, re.MULTILINE)
    assert {each.suffixes[0][1:].title() for each in fragments} == set(headings)


# Where it is installed.


def pythons() -> list[object]:
    """Each Python that is to have it, with a mark that says if it is not there."""
    if not PUBLISHED:
        return [pytest.param(sys.executable, id="this")]
    return [_python(number) for number in VERSIONS]


def _python(number: str) -> object:
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    paths = [str(path) for path in home.glob(f"versions/{number}.*/bin/python")]
    for path in filter(None, [*paths, shutil.which(f"python{number}")]):
        told = subprocess.run([path, "-c", "import ensurepip"], capture_output=True, check=False)
        if told.returncode == 0:
            together = pytest.mark.xdist_group(number)  # so that it is installed once
            return pytest.param(path, id=number, marks=together)
    skipped = pytest.mark.skip(reason=f"Python {number} is not installed")
    return pytest.param("", id=number, marks=skipped)


@pytest.fixture(scope="module", params=pythons())
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The programs of an environment into which the wheel has been installed."""
    environment = tmp_path_factory.mktemp("installed")
    if PUBLISHED:
        file = environment / "vaurien.toml"
        file.write_text('[proxies.a]\nbackend = "localhost:6379"\n')
        run(request.param, "-m", "venv", environment)
        pip: list[str | Path] = [environment / "bin/python", "-m", "pip", "install", "--quiet"]
        for wanted in ([wheel], [f"{wheel}[all]", "pytest"]):  # first as few as there can be
            run(*pip, *wanted)
            run(environment / "bin/python", "-m", "pip", "check")
            vaurien = environment / "bin/vaurien"
            assert (
                run(vaurien, "run", "--config", file, "--", vaurien, "list", "-o", "name") == "a\n"
            )
        return environment / "bin"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    pip = [sys.executable, "-m", "pip", "--python", environment, "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", "--no-compile", wheel)
    (libraries,) = environment.glob("lib/python*/site-packages")
    (libraries / "others.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


def test_it_works_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    imported = run(installed / "python", "-W", "error", "-c", IMPORTS_ALL, cwd=tmp_path)
    assert Path(imported.strip()).is_relative_to(installed.parent)
    assert run(installed / "python", "-m", "vaurien", "--version").strip() == version()
    for name in COMMANDS:
        assert "usage:" in run(installed / name, "--help").lower(), name
    (tmp_path / "test_it.py").write_text(TEST)
    told = run(installed / "python", "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "1 passed" in told


@pytest.fixture
def server(installed: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A ``vaurien serve`` from there, and its URL."""
    port = free_port()
    words: list[str | Path] = [installed / "vaurien", "serve", "--no-config", "--port", str(port)]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        heard = ""
        while "ready" not in heard:
            line = process.stderr.readline()
            assert line, heard
            heard += line
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def test_it_serves_where_it_is_installed(
    installed: Path, server: tuple[subprocess.Popen[str], str]
) -> None:
    process, url = server
    vaurien = installed / "vaurien"
    run(vaurien, "create", "cache", "--backend", "localhost:6379", "--url", url)
    assert run(vaurien, "list", "-o", "name", "--url", url) == "cache\n"
    run(vaurien, "healthcheck", "cache", "--url", url)
    page = urlopen(Request(url, headers={"Accept": "text/html"})).read().decode()
    files = re.findall(r'"(/ui/[^"]+)"', page)
    assert {path.rpartition("/")[2] for path in files} >= {"app.js", "style.css"}
    assert all(urlopen(url + path).status == 200 for path in files)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
