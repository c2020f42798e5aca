"""What a link sends to its sink: at once, gathered with what follows, or when the sink takes more.

Law: bytes leave in the order in which they were written.
"""

from __future__ import annotations

from collections.abc import Callable

from .reactor import Reactor
from .splice import Siphon


class Outlet:
    """The side of a link towards its sink."""

    __slots__ = (
        "_pending",
        "_send",
        "_siphon",
        "gathered",
        "gathers",
        "reactor",
    )

    def __init__(self, reactor: Reactor, send: Callable[[bytes | memoryview], int]) -> None:
        """``send`` is that of the sink."""
        self.reactor = reactor
        self.gathers = False
        """What is written leaves with the next ``flush``, in one send."""
        self.gathered: list[bytes] | None = None
        """What leaves with it."""
        self._pending: memoryview | None = None  # what the sink has not taken yet
        self._siphon: Siphon | None = None  # the same, while bytes move inside the kernel
        self._send = send

    @property
    def blocked(self) -> bool:
        """The sink takes no more at the moment."""
        return self._pending is not None or (self._siphon is not None and self._siphon.held > 0)

    @property
    def unsent(self) -> int:
        """Bytes that the sink has not taken yet."""
        moving = 0 if self._siphon is None else self._siphon.held
        return moving + (0 if self._pending is None else len(self._pending))

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes to the sink; those that it does not take follow when it does."""
        if self.gathers:
            if self.gathered is None:
                self.gathered = []
            self.gathered.append(bytes(data))
            return
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._on_broken()
            return
        if sent < len(data):
            self._keep(memoryview(data)[sent:])

    def flush(self) -> None:
        """Send what is gathered."""
        gathered = self.gathered
        if gathered is not None:
            self.gathered = None
            gathers, self.gathers = self.gathers, False
            self.write(gathered[0] if len(gathered) == 1 else b"".join(gathered))
            self.gathers = gathers

    def drop_unsent(self) -> None:
        """Drop what the sink has not taken."""
        self.gathered = self._pending = None
        if self._siphon is not None:
            self._siphon.close()
            self._siphon = None

    def _send_pending(self) -> None:
        """Send what the sink has not taken yet."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self.write(pending)
        elif self._siphon is not None and self._siphon.held:
            self._drain(self._siphon)

    def _keep(self, rest: memoryview) -> None:
        """Hold what the sink has not taken."""
        shared = rest.obj is self.reactor.buffer
        self._pending = memoryview(bytes(rest)) if shared else rest
        self._block()

    def _begin_splicing(self, source_fd: int, sink_fd: int) -> None:
        """Move bytes inside the kernel from now on, where that is possible."""
        reactor = self.reactor
        if reactor.system.splice is not None and min(source_fd, sink_fd) >= 0:
            self._siphon = Siphon(reactor.system.splice, reactor.pipes, source_fd, sink_fd)

    def _drain(self, siphon: Siphon) -> None:
        try:
            siphon.drain()
        except OSError:
            self._on_broken()
            return
        if siphon.held:
            self._block()

    def _block(self) -> None:
        """Wait until the sink takes more."""
        raise NotImplementedError

    def _on_broken(self) -> None:
        """The sink takes nothing more, ever."""
        raise NotImplementedError
