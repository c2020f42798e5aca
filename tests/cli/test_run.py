"""Whole runs of the command, each a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import PLUGINS
from end_to_end.proxies import CommandLineProxy, command_line
from peers import (
    LOOPBACK,
    PATIENCE,
    Listening,
    Scripted,
    connect,
    echo,
    is_refused,
    receive,
    wait_until,
)
from vaurien.client import Client
from vaurien.net.address import Address

STUCK = """
class Stuck(Behavior):
    name = "stuck"

    def on_message(self, message, firing):
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass
        yield Forward(message)
"""

SHOWS_WHAT_IT_HAS = """
import gc, signal, sys
signal.signal(signal.SIGUSR2, lambda *_: print(gc.isenabled(), *sys.modules, flush=True))
from vaurien.cli import main
main(sys.argv[1:])
"""
UNUSED = {
    "asyncio",
    "concurrent.futures",
    "configparser",
    "difflib",
    "encodings.idna",
    "hashlib",
    "importlib.metadata",
    "json",
    "locale",
    "random",
    "shlex",
    "ssl",
    "subprocess",
    "tomllib",
    "vaurien.behaviors.delay",
    "vaurien.client",
    "vaurien.config.files",
    "vaurien.config.ini",
    "vaurien.control",
    "vaurien.legacy",
    "vaurien.protocols.http",
    "vaurien.rules.pattern",
    "vaurien.rules.possible",
}
"""What a proxy without rules does not need before it serves a client, or to serve it."""
MODULES_LIMIT = 98
"""Maximum number of modules of ours that such a proxy imports."""


@pytest.fixture(scope="module")
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def ask(address: Address, data: bytes = b"hello") -> bytes:
    with connect(address) as client:
        client.sendall(data)
        return receive(client, len(data))


def end(proxy: CommandLineProxy, number: signal.Signals = signal.SIGTERM) -> int:
    """Send a signal, and wait for the end; gives the exit status."""
    proxy.process.send_signal(number)
    return proxy.process.wait(PATIENCE)


def refused(*words: str) -> str:
    """The one line that a run which cannot begin says."""
    done = subprocess.run(
        [sys.executable, "-m", "vaurien", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vaurien: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("vaurien: ").rstrip("\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(number: signal.Signals, echoing: Address, log: Path) -> None:
    with command_line(echoing, "--seed", "7", log=log) as proxy:
        assert proxy.address.port
        assert ask(proxy.address) == b"hello"
        assert end(proxy, number) == 0
    ready, draining, bye = log.read_text().splitlines()
    assert ready.endswith(f"[INFO] ready: {proxy.address} forwards to {echoing}, seed 7")
    assert draining.endswith(f"[INFO] {number.name}: connections get 5 seconds to finish")
    assert bye.endswith(f"[{proxy.process.pid}] [INFO] Bye!")


def test_only_what_serves_a_client_is_imported(echoing: Address) -> None:
    words = ["--proxy", str(LOOPBACK), "--backend", str(echoing)]
    process = subprocess.Popen(
        [sys.executable, "-c", SHOWS_WHAT_IT_HAS, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            ready = process.stderr.readline().partition("ready: ")[2]
            assert ask(Address.parse(ready.split()[0])) == b"hello"
            process.send_signal(signal.SIGUSR2)
            collects, *modules = process.stdout.readline().split()
        finally:
            process.terminate()
    assert collects == "True"
    assert not UNUSED & {*modules}
    assert len([name for name in modules if name.startswith("vaurien")]) <= MODULES_LIMIT


def test_exchanges_under_way_are_finished(log: Path) -> None:
    with (
        Listening() as backend,
        command_line(backend.address, "--drain", str(PATIENCE), log=log) as proxy,
        connect(proxy.address) as client,
        backend.accept() as serving,
    ):
        client.sendall(b"question")
        assert receive(serving, 8) == b"question"
        proxy.process.terminate()
        wait_until(lambda: "connections get" in proxy.log, "the drain")
        with pytest.raises(ConnectionRefusedError):
            connect(proxy.address)
        serving.sendall(b"answer")
        assert receive(client, 6) == b"answer"
        assert proxy.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_files_that_were_moved_are_opened_anew(
    number: signal.Signals, echoing: Address, log: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    words = ["--journal", str(journal), "--log-output", str(log), "--rule", "delay sleep=0"]
    with command_line(echoing, *words, log=log) as proxy:
        for file in (journal, log):
            file.rename(file.with_suffix(".moved"))
        proxy.process.send_signal(number)
        wait_until(lambda: log.exists() and number.name in proxy.log, "the new log")
        assert ask(proxy.address) == b"hello"
        wait_until(lambda: journal.exists() and b"delay" in journal.read_bytes(), "the new journal")
        assert not journal.with_suffix(".moved").read_bytes()
        assert end(proxy) == 0


def test_signals_that_come_late_are_ignored(echoing: Address, log: Path) -> None:
    late = itertools.cycle((signal.SIGINT, signal.SIGHUP, signal.SIGUSR1))
    for _ in range(5):
        with command_line(echoing, log=log) as proxy:
            proxy.process.send_signal(signal.SIGINT)
            while proxy.process.poll() is None:
                proxy.process.send_signal(next(late))
            assert proxy.process.wait(PATIENCE) == 0
            assert log.read_text().endswith("[INFO] Bye!\n")


def test_what_does_not_finish_is_cut_at_the_limit(echoing: Address, log: Path) -> None:
    words = ["--behavior", "100:hang", "--drain", "0.1"]
    with command_line(echoing, *words, log=log) as proxy, connect(proxy.address) as client:
        client.sendall(b"question")
        assert end(proxy) == 0
        with pytest.raises(ConnectionResetError):  # no clean end: the question was held
            client.recv(1)


def test_a_second_signal_ends_it_at_once(echoing: Address, log: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    words = ["--behavior", "100:hang", "--drain", "600", "--journal", str(journal)]
    with command_line(echoing, *words, log=log) as proxy, connect(proxy.address) as client:
        client.sendall(b"question")
        wait_until(journal.read_bytes, "the hang")
        proxy.process.terminate()
        wait_until(lambda: "connections get 600 seconds" in proxy.log, "the drain")
        assert end(proxy, signal.SIGINT) == 0
    assert [line.partition("[INFO] ")[2] for line in log.read_text().splitlines()[-2:]] == [
        "stopped at once",
        "Bye!",
    ]


def test_a_second_signal_ends_a_plugin_that_never_returns(
    echoing: Address, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stuck.py").write_text(PLUGINS + STUCK)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    journal = tmp_path / "journal"
    words = ["--behavior", "100:stuck.Stuck", "--statsd.enabled", "--journal", str(journal)]
    with command_line(echoing, *words, log=log) as proxy, connect(proxy.address) as client:
        client.sendall(b"question")
        wait_until(lambda: cpu_ticks(proxy.process.pid) > 30, "the plugin is at work")
        proxy.process.terminate()
        assert proxy.process.poll() is None
        wait_until(lambda: not pending(proxy.process.pid, signal.SIGTERM), "the first signal")
        assert end(proxy, signal.SIGINT) == 0
    assert len(journal.read_text().splitlines()) == 1


def cpu_ticks(pid: int) -> int:
    """How long a process has computed."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def pending(pid: int, number: int) -> bool:
    """Whether a process has yet to be told of a signal."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(status["ShdPnd"], 16) >> (number - 1) & 1)


def test_the_same_seed_gives_the_same_decisions(
    echoing: Address, log: Path, tmp_path: Path
) -> None:
    runs = []
    for number in range(2):
        journal = tmp_path / f"journal-{number}"
        words = ["--behavior", "20:delay,30:dummy", "--behavior-delay-sleep", "0"]
        words += ["--rule", "delay sleep=0 percent=50 name=other", "--seed", "3"]
        with command_line(echoing, *words, "--journal", str(journal), log=log) as proxy:
            for _ in range(30):
                ask(proxy.address)
            assert end(proxy) == 0
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        runs.append([{**line, "time": "", "run": ""} for line in lines])
    assert runs[0] == runs[1]
    assert {line["rule"] for line in runs[0]} == {"delay", "other"}
    assert {line["direction"] for line in runs[0]} == {"to_backend"}


def test_statsd(echoing: Address, log: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        port = str(server.getsockname()[1])
        words = ["--statsd.enabled", "--statsd.host", "127.0.0.1", "--statsd.port", port]
        words += ["--statsd.prefix", "mine", "--behavior", "100:delay"]
        words += ["--behavior-delay-sleep", "0"]
        with command_line(echoing, *words, log=log) as proxy:
            for _ in range(3):
                ask(proxy.address)
            assert end(proxy) == 0
        server.setblocking(False)
        sums: dict[str, int] = {}
        try:
            while True:
                for line in server.recv(65536).decode().splitlines():
                    name, count, _ = line.replace("|", ":").split(":")
                    sums[name] = sums.get(name, 0) + int(count)
        except BlockingIOError:
            pass
    assert sums == {
        "mine.tcp.start": 3,
        "mine.tcp.end": 3,
        "mine.tcp.to_backend": 3,
        "mine.tcp.to_client": 3,
        "mine.tcp.fired": 3,
    }


def test_http_starts_with_the_mix_and_knows_the_options(echoing: Address, log: Path) -> None:
    words = ["--http", "--http-port", "0", "--behavior", "5:error,10:delay"]
    words += ["--behavior-delay-sleep", "0"]
    with command_line(echoing, *words, log=log) as proxy:
        (line,) = [line for line in proxy.log.splitlines() if "Started the HTTP server" in line]
        client = Client("localhost", int(line.rpartition(":")[2]))
        assert client.get_behavior() == "5:error,10:delay"
        client.set_behavior("delay")  # for a second, if it forgot its option
        assert ask(proxy.address) == b"hello"
        with client.with_behavior("blackout"), connect(proxy.address) as peer:
            peer.sendall(b"hello")
            assert peer.recv(1) == b""
        assert client.get_behavior() == "delay"
        assert end(proxy) == 0


def test_a_unix_socket(echoing: Address, log: Path, tmp_path: Path) -> None:
    listen = Address("", 0, str(tmp_path / "socket"))
    with command_line(echoing, log=log, listen=listen) as proxy:
        assert ask(listen) == b"hello"
        assert end(proxy) == 0
    assert not Path(listen.path).exists()


def test_a_refused_backend_is_told_once_and_counted(log: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        backend = Address("127.0.0.1", nobody.getsockname()[1])
    with command_line(backend, log=log) as proxy:
        for _ in range(5):
            assert is_refused(proxy.address)
        assert end(proxy) == 0
    warnings = [line for line in log.read_text().splitlines() if "[WARNING]" in line]
    assert len(warnings) == 2
    assert f"backend {backend} cannot be reached: " in warnings[0]
    assert warnings[1].endswith(f"backend {backend} cannot be reached (and 4 more like it)")


def test_a_host_that_is_none_is_blamed() -> None:
    words = ["--proxy", str(LOOPBACK), "--http", "--http-host", "a..b"]
    assert refused(*words) == "--http-host: 'a..b' is not a host"


@pytest.mark.parametrize("flag", ["--proxy", "--http-port"])
def test_a_port_in_use(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        if flag == "--proxy":
            words = ["--proxy", f"127.0.0.1:{port}"]
        else:
            words = ["--proxy", str(LOOPBACK), "--http", "--http-host", "127.0.0.1"]
            words += ["--http-port", str(port)]
        line = refused(*words)
    place = "--proxy" if flag == "--proxy" else "--http-host, --http-port"
    assert line == f"{place}: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_port_in_use_named_by_a_file(tmp_path: Path) -> None:
    config = tmp_path / "v.ini"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(f"[vaurien]\nproxy = 127.0.0.1:{port}\n")
        line = refused("--config", str(config))
    reason = f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert line == f"{config}: [vaurien] proxy: {reason}"


def test_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    line = refused("--proxy", str(LOOPBACK), "--journal", str(tmp_path))
    assert line == f"--journal={str(tmp_path)!r} cannot be written: Is a directory"


def test_an_address_of_another_machine() -> None:
    line = refused("--proxy", "192.0.2.1:80")
    assert line == "--proxy: cannot listen on 192.0.2.1:80: Cannot assign requested address"


def test_descriptors_are_not_the_first_limit(echoing: Address, log: Path) -> None:
    """The shell's soft limit is raised to the hard one."""
    with command_line(echoing, log=log) as proxy:
        limits = Path(f"/proc/{proxy.process.pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
        soft, hard = line.split()[3:5]
        assert soft == hard
