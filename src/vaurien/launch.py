"""Start and stop a proxy in another process, from Python.

``start_proxy`` returns as soon as the proxy accepts connections.  The process reports that,
and where it listens, on a pipe, because the proxy would count a trial connection.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .net.address import Address

if TYPE_CHECKING:
    from subprocess import Popen

READY_FD = "VAURIEN_READY_FD"
"""The environment variable with the pipe's file descriptor."""
START_LIMIT = 10.0
"""Minimum seconds that a process gets to start; ``warmup`` may be longer."""
STOP_LIMIT = 10.0
"""Seconds that a process gets to finish its connections before it is killed."""

RELAY_LIMIT = 1.0
"""Seconds to wait for the end of its standard error, which its children may hold open."""

_launched: dict[int, _Launched] = {}


class StartedProxy(int):
    """The process id of a proxy, which also knows where it listens.

    As a context manager it stops the proxy at the end, unless ``stop_proxy`` has.
    """

    address: str = ""
    """``HOST:PORT``."""
    url: str = ""
    """The URL of its HTTP API; ``""`` if it has none."""

    @property
    def host(self) -> str:
        return Address.parse(self.address).host

    @property
    def port(self) -> int:
        return Address.parse(self.address).port

    def __enter__(self) -> StartedProxy:
        return self

    def __exit__(self, *exception: object) -> None:
        if self in _launched:
            stop_proxy(self)


def start_proxy(
    proxy_host: str = "localhost",
    proxy_port: int = 8000,
    backend_host: str = "localhost",
    backend_port: int = 8888,
    protocol: str = "tcp",
    http: bool = True,
    warmup: float = 2,
    http_host: str = "localhost",
    http_port: int = 8080,
    options: Sequence[str] | None = None,
    log_level: str = "info",
    log_output: str = "-",
    *,
    host: str | None = None,
    port: int | None = None,
) -> StartedProxy:
    """Start a proxy, and return its process id once it and its HTTP API accept connections.

    What is returned also tells where it listens, and stops it at the end of a ``with`` block.

    ``proxy_port``, ``http_port``: 0 stands for a free port.
    ``warmup``: maximum seconds to wait for that, but at least ``START_LIMIT``.
    ``options``: further command-line arguments, such as ``["--behavior", "20:delay"]``.
    ``host``, ``port``: names of ``backend_host`` and ``backend_port`` in version 0.1.
    If ``stop_proxy`` is not called, the proxy is stopped when the calling process exits.

    Raises:
        RuntimeError: the process exited, or was not ready in time; with the last line of
            its standard error.
    """
    backend_host = backend_host if host is None else host
    backend_port = backend_port if port is None else port
    command = [sys.executable, "-m", "vaurien"]
    command += ["--proxy", str(Address(proxy_host, proxy_port))]
    command += ["--backend", str(Address(backend_host, backend_port))]
    command += ["--protocol", protocol, "--log-level", log_level, "--log-output", log_output]
    if http:
        command += ["--http", "--http-host", http_host, "--http-port", str(http_port)]
    return _start([*command, *(options or ())], max(warmup, START_LIMIT))


def stop_proxy(pid: int) -> None:
    """Stop a proxy that ``start_proxy`` started, and wait until its process has exited.

    It gets ``STOP_LIMIT`` seconds to finish its connections, then it is killed.

    Raises:
        ValueError: there is no such process.
    """
    launched = _launched.pop(pid, None)
    if launched is None:
        raise ValueError("Not found")
    launched.end()


def report_ready(listing: Callable[[], str] = str) -> None:
    """Report to ``start_proxy``, if that started this process, that connections are accepted.

    ``listing``: tells, in a line of JSON, where everything listens.
    """
    given = os.environ.pop(READY_FD, "")
    if given.isdigit():
        with contextlib.suppress(OSError):  # it no longer waits
            os.write(int(given), f"\n{listing()}".encode())
            os.close(int(given))


def _start(command: list[str], limit: float) -> StartedProxy:
    import subprocess

    environment = dict(os.environ)
    if "VAURIEN_URL" in environment:
        environment.pop("VAURIEN_TOKEN", None)  # it is for that API, not for the one to start
    ready, report_fd = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[report_fd],
            env={**environment, READY_FD: str(report_fd)},
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(report_fd)
    launched = _Launched(process)
    poll = select.poll()
    poll.register(ready, select.POLLIN)
    try:
        # It is written at once; b"": it has exited.
        report = os.read(ready, select.PIPE_BUF) if poll.poll(limit * 1000) else None
    except BaseException:
        launched.end()
        raise
    finally:
        os.close(ready)
    if report:
        _launched[process.pid] = launched
        return _started(process.pid, report)
    launched.end()
    what = f"was not ready within {limit:g} s" if report is None else "exited"
    raise RuntimeError(f"the proxy {what}: {launched.last_line or 'it printed nothing'}")


def _started(pid: int, report: bytes) -> StartedProxy:
    import json

    told = json.loads(report) if report.strip() else {"proxies": {}, "api": []}
    started = StartedProxy(pid)
    started.address = next(iter(told["proxies"].values()), "")
    started.url = next(iter(told["api"]), "")
    return started


class _Launched:
    """A process whose standard error is relayed to ours."""

    def __init__(self, process: Popen[bytes]) -> None:
        self.process = process
        self.starter = os.getpid()
        self.last_line = ""
        self._relay = threading.Thread(target=self._relay_log, name="vaurien log", daemon=True)
        self._relay.start()

    def end(self) -> None:
        """Stop it, and wait until it has exited and its output has been relayed."""
        from subprocess import TimeoutExpired

        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._relay.join(RELAY_LIMIT)

    def _relay_log(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.last_line = line.decode(errors="replace").strip()
                with contextlib.suppress(OSError, ValueError):  # it is closed
                    if sys.stderr is not None:  # not file descriptor 2: a test may capture it
                        sys.stderr.write(line.decode(errors="replace"))
                        sys.stderr.flush()


@atexit.register
def _end_all() -> None:
    # A forked child has inherited this list, but must leave the processes alone.
    ours = [launched for launched in _launched.values() if launched.starter == os.getpid()]
    _launched.clear()
    for launched in ours:
        launched.process.terminate()  # signal all first, so that they stop in parallel
    for launched in ours:
        launched.end()
