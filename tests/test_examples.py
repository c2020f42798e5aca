"""What examples of the documentation come to; tests of its pages run all of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import knowing
from documents_checked import understood
from end_to_end.proxies import command_line
from live import echo
from peers import connect, receive, receive_until_fin
from vaurien import plugins, registry
from vaurien.config import ini
from vaurien.config.understand import understand
from vaurien.rules.notation import describe

ROOT = Path(__file__).parent.parent
FILE = re.compile(r"^```python file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^vaurien (--backend .*)$", re.MULTILINE)
ENTRY_POINTS = re.compile(r'^(\w+) = "my_package\.(\w+):(\w+)"$', re.MULTILINE)


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.fixture(autouse=True)
def _built_in_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other plugins are known, whatever tests have registered before."""
    for each in (registry.behaviors, registry.protocols):
        monkeypatch.setattr(each, "_plugins", {})
        monkeypatch.setattr(each, "_loaders", {})
    plugins.install()


# Plugins.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of processes, with the files of docs/plugins.md."""
    for name, text in FILE.findall(page("docs/plugins.md")):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return tmp_path


def run_python(*words: str) -> str:
    """What a Python process says; it must succeed."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def taught_command(plugin: str) -> list[str]:
    """The words, but for the backend's, of the command line that uses a plugin; all is hit."""
    line = next(line for line in COMMAND.findall(page("docs/plugins.md")) if plugin in line)
    return shlex.split(line.replace("10:", "100:"))[2:]


def test_tests_of_the_plugins_pass(folder: Path) -> None:
    assert "2 passed" in run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", ".")


def test_a_plugin_is_registered(folder: Path) -> None:
    said = run_python(
        "-c", "import registered; from vaurien.registry import behaviors; print(behaviors.names())"
    )
    assert "truncate" in said


def test_entry_points_name_the_plugins() -> None:
    text = page("docs/plugins.md")
    classes = {path.removesuffix(".py"): body for path, body in FILE.findall(text)}
    found = ENTRY_POINTS.findall(text)
    assert len(found) == 2
    for name, module, plugin in found:
        assert f"class {plugin}(" in classes[module]
        assert f'name = "{name}"' in classes[module]


def test_the_behavior_at_work(folder: Path, tmp_path: Path) -> None:
    words = taught_command("truncate.Truncate")
    with (
        echo() as backend,
        command_line(backend, *words, log=tmp_path / "log") as proxy,
        connect(proxy.address) as client,
    ):
        client.sendall(b"hello, world")
        assert receive_until_fin(client) == b"hell"


def test_the_protocol_at_work(folder: Path, tmp_path: Path) -> None:
    words = taught_command("frames.Frames")
    with (
        echo() as backend,
        command_line(backend, *words, log=tmp_path / "log") as proxy,
        connect(proxy.address) as client,
    ):
        for request, response in [
            (b"\0\0\0\2\1hi", b"\0\0\0\2\1hi"),
            (b"\0\0\0\2\3hi", b"\0\0\0\4\xffFAIL"),
            (b"\0\0\0\0\2", b"\0\0\0\0\2"),
        ]:
            client.sendall(request)
            assert receive(client, len(response)) == response


# Configuration.


def ini_files() -> list[str]:
    text = page("docs/configuration.md")
    return re.findall(r"^```ini\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "vaurien.ini"
    path.write_text(ini_files()[0])
    settings = understand(ini.read(str(path), {"REDIS_PORT": "6379"}), knowing.known())
    (proxy,) = settings.state.proxies
    assert str(proxy.backend) == "localhost:6379"
    assert [rule.name for rule in proxy.plan.rules] == ["delay", "error", "hang"]
    assert proxy.plan.rules[0].behavior.settings()["sleep"] == 2
    assert settings.statsd is not None


def test_a_file_that_names_a_class(folder: Path, tmp_path: Path) -> None:
    (folder / "vaurien.ini").write_text(ini_files()[1])
    with (
        echo() as backend,
        command_line(backend, "--config", "vaurien.ini", log=tmp_path / "log") as proxy,
    ):
        assert proxy.process.poll() is None


def test_a_file_that_extends_another(tmp_path: Path) -> None:
    (tmp_path / "vaurien.ini").write_text(ini_files()[2])
    (tmp_path / "common.ini").write_text("[vaurien]\nproxy = localhost:1234\n")
    document = ini.read(str(tmp_path / "vaurien.ini"), {})
    found = document.find("proxies", "vaurien", "listen")
    assert found is not None
    assert found[1] == "localhost:1234"


def examples(kind: str) -> list[tuple[str, str]]:
    """The code blocks of a kind in all pages, each with the name of its page."""
    block = re.compile(rf"^```{kind}(?: file=\S+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    pages = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    return [(path.name, text) for path in pages for text in block.findall(path.read_text("utf-8"))]


def test_the_file_of_many_proxies(tmp_path: Path) -> None:
    path = tmp_path / "vaurien.toml"
    path.write_text(examples("toml")[0][1])
    configuration = understood(path)
    assert [proxy.name for proxy in configuration.state.proxies] == ["cache", "api", "database"]
    cache, api, database = configuration.state.proxies
    assert [rule.name for rule in cache.plan.rules] == ["error", "stalls"]
    assert [rule.name for rule in api.plan.rules][:4] == ["delay", "error", "3g-latency", "3g-down"]
    assert api.plan.rules[0].behavior.settings()["sleep"] == 2
    assert api.limits.timeout == 120
    assert not database.enabled


def test_the_file_of_toxiproxy(tmp_path: Path) -> None:
    ((_, text),) = [found for found in examples("json") if found[0] == "toxiproxy.md"]
    path = tmp_path / "toxiproxy.json"
    path.write_text(text)
    (cache,) = understood(path).state.proxies
    assert [describe(rule) for rule in cache.plan.rules] == [
        {
            "behavior": "latency",
            "name": "latency_downstream",
            "direction": "to_client",
            "scope": "connection",
            "delay": 0.1,
            "jitter": 0.02,
            "distribution": "uniform",
            "correlation": 0.0,
        },
        {
            "behavior": "reset",
            "name": "cut",
            "percent": 10.0,
            "direction": "to_client",
            "seconds": 5.0,
            "bytes": 0,
            "wait": True,
        },
    ]
