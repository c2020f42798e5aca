"""What the service manager is told: see sd_notify(3)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from ..net.reactor import Reactor

NOTIFY = "NOTIFY_SOCKET"
MICROSECOND = 1e-6


class Notify:
    """Sends states to the service manager."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Take what concerns it out of the environment, so that no child does the same."""
        path = environment.pop(NOTIFY, "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        interval = environment.pop("WATCHDOG_USEC", "")
        ours = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._interval = float(interval) * MICROSECOND if ours and interval.isdigit() else 0.0
        self._status = ""

    def ready(self, status: str) -> None:
        """Everything listens."""
        self._status = status
        self._send("READY=1", f"STATUS={status}")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The configuration is read again in this block."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reloading")
        try:
            yield
        finally:
            self.ready(self._status)

    def stopping(self) -> None:
        """Connections get time to finish."""
        self._send("STOPPING=1", "STATUS=finishing connections")

    def keep_alive(self, reactor: Reactor) -> None:
        """Tell regularly that the reactor runs, if that is asked for."""
        if self._interval > 0:
            self._send("WATCHDOG=1")
            reactor.call_later(self._interval / 2, lambda: self.keep_alive(reactor))

    def _send(self, *lines: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                sock.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return  # nobody is there to be told
