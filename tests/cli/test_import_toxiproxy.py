"""Toxiproxy's JSON as TOML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from vaurien import plugins
from vaurien.cli.import_toxiproxy import import_toxiproxy
from vaurien.config.source import Source

PROXY = {
    "name": "shop/redis",
    "listen": "127.0.0.1:26379",
    "upstream": "localhost:6379",
    "enabled": False,
    "toxics": [
        {"type": "latency", "toxicity": 0.5, "attributes": {"latency": 100, "jitter": 20}},
        {"type": "bandwidth", "name": "slow", "stream": "upstream", "attributes": {"rate": 5}},
    ],
}


def convert(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        import_toxiproxy.main(list(words), "vaurien import")
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "toxiproxy.json"
    path.write_text(json.dumps([PROXY, {"name": "web", "listen": ":80", "upstream": "h:80"}]))
    return path


def test_the_same_proxies(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(str(file)) == 0
    said = capsys.readouterr()
    assert said.err == ""
    content = tomllib.loads(said.out)
    first, second = content["proxies"]["shop/redis"]["rules"]
    assert (first["behavior"], first["delay"], first["percent"]) == ("latency", 0.1, 50.0)
    assert (second["name"], second["rate"], second["direction"]) == ("slow", 5000, "to_backend")
    toml = tmp_path / "v.toml"
    toml.write_text(said.out)
    plugins.install()
    states = []
    for name in (file, toml):
        source = Source(str(name), plugins.load_named)
        source.seed = 7
        states.append(source.understand(source.read()).state)
    assert states[0] == states[1]


def test_what_has_no_meaning_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{**PROXY, "_comment": "x"}]))
    assert convert(str(path)) == 0
    assert "_comment" in capsys.readouterr().err


def test_a_file_is_written_once(file: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "out.toml")
    assert convert(str(file), "-o", output) == 0
    assert tomllib.loads(Path(output).read_text())["proxies"]
    assert convert(str(file), "-o", output) == 2
    assert convert(str(file), "-o", output, "--force") == 0


def test_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.json"
    path.write_text("[]")
    assert convert(str(path)) == 0
    assert tomllib.loads(capsys.readouterr().out)["proxies"] == {}


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{**PROXY, "toxics": [{"type": "nope"}]}]))
    assert convert(str(path)) == 2
    assert "nope" in capsys.readouterr().err
    assert convert("/no/where.json") == 2
