"""Proxies in processes of their own, started and stopped from Python."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from live import LIMIT, echo
from servers import free_port
from vaurien import Client, launch, start_proxy, stop_proxy
from vaurien.net.address import Address


@pytest.fixture
def backend() -> Iterator[Address]:
    with echo() as address:
        yield address


def ask(port: int, data: bytes = b"hello") -> bytes:
    with socket.create_connection(("127.0.0.1", port), LIMIT) as sock:
        sock.sendall(data)
        return sock.recv(100)


def runs(pid: int) -> bool:
    """Whether there is such a process, zombies included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_oldest_names_of_its_backend(backend: Address) -> None:
    port = free_port()
    pid = start_proxy(host=backend.host, port=backend.port, proxy_port=port, http=False)
    try:
        assert ask(port) == b"hello"
    finally:
        stop_proxy(pid)


def test_the_token_of_another_api_is_not_its_own(
    backend: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within ``vaurien run``, it is that of the proxies around."""
    monkeypatch.setenv("VAURIEN_URL", "http://localhost:1")
    monkeypatch.setenv("VAURIEN_TOKEN", "x" * 20)
    http_port = free_port()
    pid = start_proxy(
        proxy_port=free_port(),
        backend_host=backend.host,
        backend_port=backend.port,
        http_port=http_port,
    )
    try:
        assert Client(port=http_port).get_backend() == str(backend)
    finally:
        stop_proxy(pid)


def test_it_accepts_at_once_and_no_more_after_it_was_stopped(backend: Address) -> None:
    port, http_port = free_port(), free_port()
    pid = start_proxy(
        proxy_port=port,
        backend_host=backend.host,
        backend_port=backend.port,
        http_port=http_port,
        log_level="error",
    )
    try:
        assert ask(port) == b"hello"
        assert Client(port=http_port).get_backend() == str(backend)
    finally:
        stop_proxy(pid)
    assert not runs(pid)
    with pytest.raises(ConnectionRefusedError):
        ask(port)
    with pytest.raises(ValueError, match=r"^Not found$"):
        stop_proxy(pid)


def test_options_and_no_http(backend: Address, tmp_path: Path) -> None:
    port, http_port = free_port(), free_port()
    journal = tmp_path / "journal"
    pid = start_proxy(
        proxy_port=port,
        backend_host=backend.host,
        backend_port=backend.port,
        http=False,
        http_port=http_port,
        options=["--behavior", "100:blackout", "--journal", str(journal)],
        log_output=str(tmp_path / "log"),
    )
    try:
        assert ask(port) == b""
        with pytest.raises(ConnectionRefusedError):
            ask(http_port)
    finally:
        stop_proxy(pid)
    assert json.loads(journal.read_text())["connection"] == 1  # none came before


def test_it_tells_its_free_ports(backend: Address) -> None:
    with start_proxy(
        proxy_port=0, backend_host=backend.host, backend_port=backend.port, http_port=0
    ) as proxy:
        assert (proxy.host, proxy.address) == ("localhost", f"localhost:{proxy.port}")
        assert ask(proxy.port) == b"hello"
        http_port = int(proxy.url.rpartition(":")[2])
        assert Client(port=http_port).get_backend() == str(backend)
        assert runs(proxy)
    assert not runs(proxy)


def test_a_block_in_which_it_was_stopped() -> None:
    with start_proxy(proxy_port=0, http=False) as proxy:
        stop_proxy(proxy)
    assert proxy.url == ""
    assert not runs(proxy)


def test_an_unknown_pid() -> None:
    with pytest.raises(ValueError, match=r"^Not found$"):
        stop_proxy(os.getpid())


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=rf"the proxy exited: .*{port}.*in use"):
            start_proxy(proxy_port=port, http=False)


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"the proxy exited: .*nope"):
        start_proxy(proxy_port=free_port(), http=False, options=["--behavior", "5:nope"])


def test_a_failure_leaves_nothing_behind() -> None:
    before = set(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    with pytest.raises(RuntimeError):
        start_proxy(proxy_port=free_port(), http=False, options=["--behavior", "5:nope"])
    assert set(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads
    assert not launch._launched


def test_a_process_that_never_accepts_is_ended(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    code = (
        "import os, sys\n"
        f"open({str(said)!r}, 'w').write(str(os.getpid()))\n"
        "print('still thinking', file=sys.stderr, flush=True)\n"
        "import signal; signal.pause()"
    )
    with pytest.raises(RuntimeError, match=r"was not ready within 2 s: still thinking"):
        launch._start([sys.executable, "-c", code], 2)
    assert not runs(int(said.read_text()))


def test_a_process_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launch, "STOP_LIMIT", 0.1)
    code = (
        "import signal; from vaurien.launch import report_ready\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); report_ready()\n"
        "while True: signal.pause()"
    )
    pid = launch._start([sys.executable, "-c", code], LIMIT)
    process = launch._launched[pid].process
    stop_proxy(pid)
    assert process.returncode == -signal.SIGKILL


def test_its_standard_error_is_ours(backend: Address, capfd: pytest.CaptureFixture[str]) -> None:
    pid = start_proxy(
        proxy_port=free_port(),
        backend_host=backend.host,
        backend_port=backend.port,
        http=False,
    )
    stop_proxy(pid)
    assert "Bye!" in capfd.readouterr().err


def test_it_ends_with_the_process_that_started_it() -> None:
    start = f"start_proxy(proxy_port={free_port()}, http=False)"
    code = f"from vaurien import start_proxy; print({start})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert not runs(int(done.stdout))


def test_it_does_not_end_with_a_process_that_was_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import signal; from vaurien.launch import report_ready; report_ready(); signal.pause()"
    pid = launch._start([sys.executable, "-c", code], LIMIT)
    launched = launch._launched[pid]
    try:
        monkeypatch.setattr(launched, "starter", os.getpid() + 1)  # as a fork sees it
        launch._end_all()
        assert launched.process.poll() is None
    finally:
        launched.end()


def test_a_proxy_that_nobody_launched_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(launch.READY_FD, raising=False)
    launch.report_ready()
    monkeypatch.setenv(launch.READY_FD, "1000000")
    launch.report_ready()
    assert launch.READY_FD not in os.environ
