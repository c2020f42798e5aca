"""The manifest of a pod with vaurien: valid, and its parts fit together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import knowing
from deployment.images import healthcheck, instructions, last_stage
from vaurien.cli import COMMANDS
from vaurien.config.configuration import Configuration
from vaurien.config.discovery import places
from vaurien.config.files import read
from vaurien.config.understand import understand

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "kubernetes"
FILE = EXAMPLE / "sidecar.yaml"
CONFIG, DEPLOYMENT = yaml.safe_load_all(FILE.read_text())
EXEC = re.compile(r"^    kubectl exec deploy/(\w+) -c (\w+) -- vaurien (.+)$", re.MULTILINE)
NOTES = ROOT / "examples" / "notes" / "Dockerfile"
IMAGE = last_stage(ROOT / "Dockerfile")


def container(kind: str) -> dict[str, Any]:
    (found,) = DEPLOYMENT["spec"]["template"]["spec"][kind]
    assert isinstance(found, dict)
    return found


CHAOS, APPLICATION = container("initContainers"), container("containers")


def variables(of: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in of["env"]}


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    path = tmp_path / "vaurien.toml"
    path.write_text(CONFIG["data"]["vaurien.toml"])
    return understand(read(str(path), {}), knowing.known())


def test_it_is_valid() -> None:
    checker = Path(sys.executable).with_name("kubernetes-validate")
    words: list[str | Path] = [checker, "--strict", "--no-warn", "--quiet", FILE]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_pod_is_that_of_the_deployment() -> None:
    spec = DEPLOYMENT["spec"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]


def test_vaurien_finds_its_configuration() -> None:
    (mount,) = CHAOS["volumeMounts"]
    (volume,) = DEPLOYMENT["spec"]["template"]["spec"]["volumes"]
    assert volume["name"] == mount["name"]
    assert volume["configMap"]["name"] == CONFIG["metadata"]["name"]
    (name,) = CONFIG["data"]
    assert f"{mount['mountPath']}/{name}" in places({})


def test_the_application_connects_to_a_proxy(configuration: Configuration) -> None:
    (proxy,) = configuration.state.proxies
    assert f"//{proxy.listen}/" in variables(APPLICATION)["CACHE"]
    assert configuration.http is not None


def test_only_the_pod_reaches_the_api() -> None:
    assert variables(CHAOS) == {"VAURIEN_HOST": "127.0.0.1"}
    assert "ports" not in CHAOS


def test_vaurien_starts_first_and_goes_on_running() -> None:
    assert CHAOS["restartPolicy"] == "Always"
    assert CHAOS["startupProbe"]["exec"]["command"] == healthcheck(IMAGE)


def test_vaurien_may_do_little() -> None:
    may = CHAOS["securityContext"]
    assert may["runAsNonRoot"]
    assert may["readOnlyRootFilesystem"]
    assert not may["allowPrivilegeEscalation"]
    assert may["capabilities"] == {"drop": ["ALL"]}


def test_the_images_are_those_of_the_readmes() -> None:
    assert CHAOS["image"] in (ROOT / "Dockerfile").read_text()
    assert f"`{APPLICATION['image']}`" in (EXAMPLE / "README.md").read_text()
    ports = {
        rest for kind, rest in instructions(ROOT / "examples/notes/Dockerfile") if kind == "EXPOSE"
    }
    assert ports == {str(each["containerPort"]) for each in APPLICATION["ports"]}


def test_the_commands_of_the_readme() -> None:
    ran = re.findall(
        r"^    kubectl exec deploy/(\w+) -c (\w+) -- vaurien (.+)$",
        (EXAMPLE / "README.md").read_text(),
        re.MULTILINE,
    )
    assert ran
    for deployment, name, words in ran:
        assert deployment == DEPLOYMENT["metadata"]["name"]
        assert name == CHAOS["name"]
        assert any(words.startswith(command) for command in COMMANDS)
