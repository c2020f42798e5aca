"""Starting and stopping a proxy as a process of its own, from Python.

``start_proxy`` returns as soon as the proxy accepts connections.  It knows because the
process says so, on a pipe it is given for that: a trial connection would be the first
one that the proxy counts.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .net.address import Address

if TYPE_CHECKING:
    from subprocess import Popen

READY_FD = "VAURIEN_READY_FD"
"""The environment variable that names the descriptor of the pipe."""
START_LIMIT = 10.0
"""Seconds that a process gets to start, if ``warmup`` is not longer."""
STOP_LIMIT = 10.0
"""Seconds that a process gets to end its connections, before it is killed."""

RELAY_LIMIT = 1.0
"""Seconds to wait for the last of what it said; others may hold its standard error open."""

_launched: dict[int, _Launched] = {}


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
) -> int:
    """Start a proxy, and return its process id once it accepts (and its HTTP interface too).

    ``warmup``: seconds that this may take; it gets ``START_LIMIT`` in any case.
    ``options``: further words of the command line, such as ``["--behavior", "20:delay"]``.
    The process is stopped when this one exits, unless ``stop_proxy`` was called before.

    Raises:
        RuntimeError: it ended, or did not accept in time; with the last line of its
            standard error.
    """
    command = [sys.executable, "-m", "vaurien"]
    command += ["--proxy", str(Address(proxy_host, proxy_port))]
    command += ["--backend", str(Address(backend_host, backend_port))]
    command += ["--protocol", protocol, "--log-level", log_level, "--log-output", log_output]
    if http:
        command += ["--http", "--http-host", http_host, "--http-port", str(http_port)]
    return _start([*command, *(options or ())], max(warmup, START_LIMIT))


def stop_proxy(pid: int) -> None:
    """Stop a proxy that ``start_proxy`` started, and wait until it has ended.

    It gets ``STOP_LIMIT`` seconds to end its connections, then it is killed.

    Raises:
        ValueError: there is none of this process id.
    """
    launched = _launched.pop(pid, None)
    if launched is None:
        raise ValueError("Not found")
    launched.end()


def tell_ready() -> None:
    """Tell the process that started this one that it accepts now, if it wants to know."""
    given = os.environ.pop(READY_FD, "")
    if given.isdigit():
        with contextlib.suppress(OSError):  # it has given up waiting
            os.write(int(given), b"\n")
            os.close(int(given))


def _start(command: list[str], limit: float) -> int:
    import subprocess

    ready, tell = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[tell],
            env={**os.environ, READY_FD: str(tell)},
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(tell)
    launched = _Launched(process)
    try:
        word = _wait_for_word(ready, limit)
    except BaseException:
        launched.end()
        raise
    finally:
        os.close(ready)
    if word:
        _launched[process.pid] = launched
        return process.pid
    launched.end()
    fate = f"did not accept within {limit:g} s" if word is None else "ended"
    raise RuntimeError(f"the proxy {fate}: {launched.last_line or 'it said nothing'}")


def _wait_for_word(ready: int, limit: float) -> bytes | None:
    """What the process says: nothing if it ends instead, None if it takes too long."""
    poll = select.poll()
    poll.register(ready, select.POLLIN)
    return os.read(ready, 1) if poll.poll(limit * 1000) else None


class _Launched:
    """A process; its standard error is passed on to ours."""

    def __init__(self, process: Popen[bytes]) -> None:
        self.process = process
        self.starter = os.getpid()
        self.last_line = ""
        self._relay = threading.Thread(target=self._pass_on, name="vaurien log", daemon=True)
        self._relay.start()

    def end(self) -> None:
        """End it, and wait until it has ended and all it said is passed on."""
        from subprocess import TimeoutExpired

        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._relay.join(RELAY_LIMIT)

    def _pass_on(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.last_line = line.decode(errors="replace").strip()
                with contextlib.suppress(OSError):  # ours is closed
                    os.write(2, line)


@atexit.register
def _end_all() -> None:
    # A process that was forked since knows of them too, and they are none of its business.
    ours = [launched for launched in _launched.values() if launched.starter == os.getpid()]
    _launched.clear()
    for launched in ours:
        launched.process.terminate()  # all of them first, for each takes its time
    for launched in ours:
        launched.end()
