"""Where everything listens, as the log and a file tell."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from serving import proxy_table, refused, served
from vaurien.cli.announce import port_file
from vaurien.net.address import Address

BACKEND = Address("localhost", 1)


def test_the_log_and_the_file_name_every_address(tmp_path: Path) -> None:
    config, ports, api = (tmp_path / name for name in ("vaurien.toml", "ports", "api"))
    tables = [
        proxy_table("cache", BACKEND),
        proxy_table('"größe x"', BACKEND),
        proxy_table("off", BACKEND, "enabled = false"),
    ]
    config.write_text("".join(tables))
    words = ["--config", str(config), "--port", "0", "--http-socket", str(api)]
    words += ["--port-file", str(ports)]
    with served(*words, log=tmp_path / "log") as serving:
        text = ports.read_text()
        assert f"listening: {text.rstrip()}" in serving.messages
        assert json.loads(text) == {
            "api": [f"http://{serving.http}", f"unix:{api}"],
            "proxies": {
                "cache": str(serving.address("cache")),
                "größe x": str(serving.address("größe x")),
            },
        }
        assert serving.http.port
        assert serving.address("cache").port
        assert serving.end() == 0
    assert not ports.exists()
    assert not api.exists()


def test_a_single_proxy_has_a_file_too(tmp_path: Path) -> None:
    ports = tmp_path / "ports"
    with served("--port", "0", "--port-file", str(ports), log=tmp_path / "log") as serving:
        assert json.loads(ports.read_text()) == {"api": [f"http://{serving.http}"], "proxies": {}}


def test_a_file_is_complete_from_the_first_moment_on_and_removed_at_the_end(
    tmp_path: Path,
) -> None:
    name = tmp_path / "ports"
    name.write_text("old")
    with port_file(str(name), "new"):
        assert name.read_text() == "new\n"
        assert list(tmp_path.iterdir()) == [name]
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_another_process_is_left_alone(tmp_path: Path) -> None:
    name = tmp_path / "ports"
    with port_file(str(name), "one"):
        name.unlink()
        name.write_text("another")
    assert name.read_text() == "another"


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    name = tmp_path / "ports"
    name.mkdir()
    with pytest.raises(OSError, match=re.escape(str(name))), port_file(str(name), "one"):
        pass
    assert list(tmp_path.iterdir()) == [name]


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    name = str(tmp_path / "no" / "ports")
    (said,) = refused("serve", "--no-http", "--port-file", name, "--log-level", "error")
    assert said == f"--port-file={name!r} cannot be written: No such file or directory"
