"""The compose file: its services are started here as it says, in a place apart.

The programs are the real ones, of this machine; the names of services lead to addresses of its
loopback.  Then the commands of its README are run.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from deployment.apart import Apart, apart
from deployment.images import command, environment, healthcheck, last_stage
from peers import wait_until
from postgresql_server import as_postgres, program
from servers import require

yaml = pytest.importorskip("yaml")
EXAMPLE = Path(__file__).parents[2] / "examples" / "compose"
FILE = EXAMPLE / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
HOSTS = {name: f"127.0.1.{number}" for number, name in enumerate(SERVICES, 1)}
TOKEN = "a-token-of-this-test"
VARIABLE = re.compile(r"\$\{(\w+):\?[^}]*\}")
README = (EXAMPLE / "README.md").read_text()
LOCAL = "127.0.0.1:"


def image(name: str) -> Path | None:
    """The Dockerfile of a service that has one here."""
    context = SERVICES[name].get("build")
    return EXAMPLE / context / "Dockerfile" if context else None


def networks(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


# What can be seen.


def test_it_is_a_compose_file() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    words: list[str | Path] = [checker, "--builtin-schema", "vendor.compose-spec", FILE]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service(name: str) -> None:
    service = SERVICES[name]
    path = image(name)
    assert path is None or path.is_file()
    for volume in service.get("volumes", []):
        assert (EXAMPLE / volume.split(":")[0]).is_file()
    for port in service.get("ports", []):
        assert port.startswith(LOCAL), "others could reach it"
        assert path is not None
        assert port.split(":")[2] in dict(last_stage(path))["EXPOSE"]
    for other, wanted in service.get("depends_on", {}).items():
        assert wanted == {"condition": "service_healthy"}
        assert check_of(other)
        assert networks(other) & networks(name)


def test_the_application_reaches_its_services_only_through_vaurien() -> None:
    assert networks("notes").isdisjoint(networks("database") | networks("cache"))
    assert set(SERVICES["notes"]["depends_on"]) == {"vaurien"}


# What works.


def check_of(name: str) -> list[str]:
    """The command that tells whether a service is healthy."""
    path = image(name)
    if "healthcheck" in SERVICES[name]:
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return list(words)
    assert path is not None
    return healthcheck(last_stage(path))


@dataclass
class Engine:
    """Runs the services."""

    place: Apart
    folder: Path
    stack: ExitStack
    environments: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a service after those that it depends on."""
        if name in self.environments:
            return
        for other in SERVICES[name].get("depends_on", {}):
            self.start(other)
            check = check_of(other)
            wait_until(lambda check=check, other=other: self.is_done(other, check), f"{other}")  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
        path = image(name)
        base = {"PATH": os.environ["PATH"]}
        if path is not None:
            base = environment(last_stage(path), Path(sys.executable).parent)
        given = SERVICES[name].get("environment", {})
        self.environments[name] = {
            **base,
            **{key: self.inside(name, VARIABLE.sub(TOKEN, value)) for key, value in given.items()},
        }
        self.stack.enter_context(
            self.place.running(
                *self.command(name),
                environment=self.environments[name],
                folder=str(path.parent if path else self.folder),
                log=self.folder / f"{name}.log",
            )
        )

    def inside(self, name: str, value: str) -> str:
        """A value whose path in the container is replaced by that of the file here."""
        for volume in SERVICES[name].get("volumes", []):
            source, target, mode = volume.split(":")
            assert mode == "ro"
            value = str(EXAMPLE / source) if value == target else value
        return value

    def command(self, name: str) -> Sequence[str]:
        path = image(name)
        if path is not None:
            return command(last_stage(path), SERVICES[name].get("command", ()))
        addresses = ["127.0.0.1", HOSTS[name]]
        if SERVICES[name]["image"].startswith("redis:"):
            return [require("redis-server"), "--bind", *addresses, "--save", "", "--port", "6379"]
        assert SERVICES[name]["image"].startswith("postgres:")
        folder = self.stack.enter_context(TemporaryDirectory(prefix="vaurien-compose-"))
        return postgres(Path(folder), addresses)

    def is_done(self, name: str, words: Sequence[str]) -> bool:
        return self.run(name, *words).returncode == 0

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container of a service."""
        where = shutil.which(words[0], path=self.environments[name]["PATH"]) or program(words[0])
        return self.place.run(where, *words[1:], environment=self.environments[name])


def postgres(data: Path, addresses: Sequence[str]) -> Sequence[str]:
    """The command of a database that lets everybody in."""
    shutil.chown(data, "postgres")
    made = [program("initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
    subprocess.run(as_postgres(*made), check=True, stdout=subprocess.DEVNULL, timeout=60, cwd="/")
    where = ["-p", "5432", "-h", ",".join(addresses), "-k", str(data)]
    return as_postgres(program("postgres"), "-D", str(data), *where, "-c", "fsync=off")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with apart(tmp_path, HOSTS) as place, ExitStack() as stack:
        engine = Engine(place, tmp_path, stack)
        for name in SERVICES:
            engine.start(name)
        healthy = ["curl", "--fail", "http://localhost:8000/healthy"]
        wait_until(lambda: engine.is_done("notes", healthy), "the application")
        yield engine


def commands() -> list[str]:
    lines = re.findall(r"^    (.+)$", README, re.MULTILINE)
    up = "docker compose up --build --detach --wait"
    assert lines[1] == up
    return lines[2:]


def test_the_commands_of_the_readme(engine: Engine) -> None:
    answers = []
    for line in commands():
        words = shlex.split(line)
        name = "notes"
        if words[:3] == ["docker", "compose", "exec"]:
            name, *words = words[3:]
        done = engine.run(name, *words)
        assert done.returncode == 0, f"{line}: {done}"
        answers += [done.stdout] if words[0] == "curl" else []
    tea = '{"name":"tea","text":"buy some"}'
    assert answers[:3] == [tea] * 3
    assert answers[3].startswith("HTTP/1.1 503 ")
    write = ["curl", "-X", "PUT", "localhost:8000/notes/tea", "-d", '{"text": "buy more"}']
    assert engine.run("notes", *write).stdout == '{"name":"tea","text":"buy more"}'
