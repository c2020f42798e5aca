"""vaurien sends to OpenTelemetry by itself: as one proxy, and around a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector import Collector, collector, points, texts
from end_to_end.proxies import command_line
from peers import PATIENCE, Scripted, connect, echo
from serving import command, proxy_table
from vaurien.net.address import Address

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUEST = f"GET /a HTTP/1.1\\r\\nHost: h\\r\\ntraceparent: 00-{TRACE}-{PARENT}-01\\r\\n\\r\\n"
ASKS = f"""
import os, socket
host, _, port = os.environ["WEB"].rpartition(":")
with socket.create_connection((host, int(port))) as client:
    client.sendall(b"{REQUEST}")
    assert b" 503 " in client.recv(65536)
"""


@pytest.fixture
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


@pytest.fixture
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collector() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        yield server


def check(collecting: Collector, proxy: str) -> None:
    (span,) = collecting.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert (span.name, [event.name for event in span.events]) == ("error 503", ["vaurien.fault"])
    known = texts(span.attributes)
    assert (known["vaurien.proxy"], known["vaurien.label.path"]) == (proxy, "/a")
    faults = points(collecting.metrics["vaurien.injected_faults"])
    assert faults == [({"proxy": proxy, "fault": "503"}, 1)]


def test_one_proxy(collecting: Collector, echoing: Address, tmp_path: Path) -> None:
    words = ["--otel", "--protocol", "http", "--rule", "error fault=503"]
    with command_line(echoing, *words, log=tmp_path / "log") as proxy:
        with connect(proxy.address) as client:
            client.sendall(REQUEST.encode().decode("unicode_escape").encode())
            assert b" 503 " in client.recv(65536)
        proxy.process.terminate()
        assert proxy.process.wait(PATIENCE) == 0
    check(collecting, "vaurien")
    assert collecting.resource["service.name"] == "vaurien"
    assert collecting.resource["process.pid"] == str(proxy.process.pid)


def test_a_command(collecting: Collector, echoing: Address, tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    rule = '[[proxies.web.rules]]\nbehavior = "error"\nfault = "503"\n'
    web = proxy_table("web", echoing, 'protocol = "http"') + rule
    config.write_text(f'otel = true\n[environment]\nWEB = "{{web}}"\n{web}')
    words = command("run", "--config", str(config), "--", sys.executable, "-c", ASKS)
    subprocess.run(words, check=True, timeout=PATIENCE, env=os.environ)
    check(collecting, "web")
