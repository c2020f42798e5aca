"""No class is loaded by its path but from the command line and the configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from live import echo
from peers import PATIENCE
from serving import Served, proxy_table, served

MODULE = """
import pathlib
pathlib.Path({marker!r}).write_text("loaded")
from vaurien import Behavior, Protocol

class Evil(Behavior):
    name = "evil"
    def on_message(self, message, firing):
        yield

class Wicked(Protocol):
    name = "wicked"
"""
PATHS = ["wickedness.Evil", "wickedness:Evil", "os.system", "vaurien.behaviors.delay.Delay"]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """It exists as soon as the module is imported."""
    path = tmp_path / "marker"
    (tmp_path / "wickedness.py").write_text(MODULE.format(marker=str(path)))
    return path


@pytest.fixture
def serving(marker: Path, tmp_path: Path) -> Iterator[Served]:
    """A process that could import it."""
    config = tmp_path / "vaurien.toml"
    with echo() as backend:
        config.write_text(proxy_table("cache", backend))
        words = ["--config", str(config), "--port", "0", "--host", "127.0.0.1"]
        environment = {
            "PYTHONPATH": os.pathsep.join(
                [str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
            )
        }
        with served(*words, log=tmp_path / "log", environment=environment) as process:
            yield process
            assert not marker.exists()


def ask(serving: Served, method: str, path: str, body: object) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    address = serving.http
    with closing(HTTPConnection(address.host, address.port, timeout=PATIENCE)) as connection:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


@pytest.mark.parametrize("name", PATHS)
def test_the_older_api_loads_nothing(serving: Served, name: str) -> None:
    requests: list[tuple[str, Mapping[str, object]]] = [
        ("/behavior", {"name": name}),
        ("/behavior", {"name": f"50:{name}"}),
        ("/plan", {"rules": [{"behavior": name}]}),
    ]
    for path, body in requests:
        assert ask(serving, "PUT", path, body)[0] == 400


@pytest.mark.parametrize("name", PATHS)
def test_the_native_api_loads_nothing(serving: Served, name: str) -> None:
    new = {"name": "new", "backend": "localhost:1"}
    requests: list[tuple[str, str, object]] = [
        ("POST", "/v1/proxies", {**new, "protocol": name}),
        ("POST", "/v1/proxies", {**new, "rules": [{"behavior": name}]}),
        ("POST", "/v1/proxies", {**new, "behavior": f"50:{name}"}),
        ("POST", "/v1/proxies/cache/rules", {"behavior": name}),
        ("PATCH", "/v1/proxies/cache", {"protocol": name}),
        ("PUT", "/v1/proxies/cache/rules", {"rules": [{"behavior": name}]}),
        ("PUT", "/v1/state", {"proxies": [{**new, "protocol": name}]}),
        (
            "POST",
            "/v1/changes",
            {
                "changes": [
                    {"method": "POST", "path": "proxies/cache/rules", "body": {"behavior": name}}
                ]
            },
        ),
    ]
    for method, path, body in requests:
        answer = ask(serving, method, path, body)
        assert answer[0] == 422, (path, answer)


@pytest.mark.parametrize("name", PATHS)
def test_toxiproxys_api_loads_nothing(serving: Served, name: str) -> None:
    status, answer = ask(serving, "POST", "/proxies/cache/toxics", {"type": name})
    assert status == 400
    assert b"invalid toxic type" in answer


@pytest.mark.parametrize("key", ["protocol", "behavior"])
def test_the_state_file_loads_nothing(marker: Path, tmp_path: Path, key: str) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    environment = {"PYTHONPATH": str(tmp_path)}
    words = ["--state", str(state), "--port", "0", "--host", "127.0.0.1"]
    with served(*words, log=log, environment=environment) as process:
        body = {"name": "a", "listen": "127.0.0.1:0", "upstream": "localhost:1"}
        assert ask(process, "POST", "/proxies", body)[0] == 201
        assert ask(process, "POST", "/proxies/a/toxics", {"type": "latency"})[0] == 200
        assert process.end() == 0
    saved = json.loads(state.read_text())
    proxy = saved["proxies"]["a"]
    (proxy if key == "protocol" else proxy["rules"][0])[key] = "wickedness.Evil"
    state.write_text(json.dumps(saved))
    with (
        pytest.raises(AssertionError, match=r"'wickedness.Evil' is an unknown"),
        served(*words, log=log, environment=environment),
    ):
        pass
    assert not marker.exists()
