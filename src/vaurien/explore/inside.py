"""Run a command that opens its proxies itself: both ends of the line between it and the explorer.

The explorer writes the rules of a scenario in a line of JSON, and then a byte whenever it wants to
know what was seen.  The command answers with a line, ``Seen``, and sends one unasked when proxies
close.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from ..embedded.chaos import Chaos
from ..embedded.trace import Trace
from ..errors import VaurienError
from ..rules.notation import Entry
from .command import CommandRunner
from .process import Process
from .scenarios import Scenario
from .seen import Seen

DESCRIPTOR = "VAURIEN_EXPLORED"
"""The environment variable with the command's end."""
ANSWER_LIMIT = 5.0
"""Seconds that the command may take to answer; if it holds the interpreter, it never does."""


class Line:
    """The command's end."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)  # no child of ours may keep the line open
        self._file = self._socket.makefile("rb")
        self._rules: list[tuple[str, Entry]] = json.loads(self._file.readline())
        self._lock = threading.Lock()
        self._open: list[Chaos] = []
        self._ended: list[Trace] = []
        self._thread = threading.Thread(target=self._answer, name="vaurien explored", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._file.close()
        self._socket.close()

    def rules(self, own: Mapping[str, Sequence[Entry]]) -> dict[str, list[Entry]]:
        """Return the rules of the scenario by proxy, before others that these are to have."""
        found: dict[str, list[Entry]] = {}
        for name, entry in self._rules:
            found.setdefault(name, []).append(entry)
        for name, entries in own.items():
            found.setdefault(name, []).extend(entries)
        return found

    @contextmanager
    def watching(self, chaos: Chaos) -> Iterator[None]:
        """Tell what these proxies see; they are closed afterwards."""
        with self._lock:
            self._open.append(chaos)
        try:
            yield
        finally:
            with self._lock:
                self._open.remove(chaos)
                self._ended.append(chaos.trace())
            self._tell()

    def _answer(self) -> None:
        with suppress(OSError):
            while self._file.read(1):
                self._tell()

    def _tell(self) -> None:
        with self._lock, suppress(OSError):  # nobody listens any more
            traces = (*self._ended, *(chaos.trace() for chaos in self._open))
            ports = frozenset(proxy.port for chaos in self._open for proxy in chaos)
            named = (each for each in threading.enumerate() if each.name.startswith("vaurien"))
            threads = frozenset(each.native_id for each in named if each.native_id is not None)
            self._socket.sendall(Seen(traces, ports, threads).to_line())


class InsideRunner(CommandRunner):
    """Runs a command whose proxies are inside it; it must take up its end of the line."""

    def __init__(self, command: Sequence[str], job: int, folder: str) -> None:
        """``folder``: where it runs."""
        super().__init__(command, {}, job)
        self._folder = folder
        self._ours, self._theirs = socket.socketpair()
        self._reader: threading.Thread | None = None
        self._told = threading.Condition()
        self._seen = Seen()
        self._trouble: VaurienError | None = None
        """Why what was told cannot be read."""
        self._answers = 0
        self._hung_up = True

    def close(self) -> None:
        super().close()
        self._hang_up()

    def _hang_up(self) -> None:
        self._theirs.close()
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        if self._reader is not None:
            self._reader.join()
        self._ours.close()

    def prepare(self, scenario: Scenario | None) -> None:
        self._hang_up()
        self._ours, self._theirs = socket.socketpair()
        self._seen, self._trouble, self._hung_up = Seen(), None, False
        entries: Iterable[tuple[str, Entry]] = () if scenario is None else scenario.entries()
        self._ours.sendall(json.dumps(list(entries)).encode() + b"\n")
        self._environment[DESCRIPTOR] = str(self._theirs.fileno())
        self._inherited = (self._theirs.fileno(),)
        self._reader = threading.Thread(target=self._read, name="vaurien line", daemon=True)
        self._reader.start()

    def ports(self) -> set[int]:
        if not self._seen.ports:
            self._ask()
        return set(self._seen.ports)

    def threads(self) -> Collection[int]:
        return self._seen.threads

    def trace(self) -> Trace:
        """Return what all proxies of the run have seen so far.

        Raises:
            VaurienError: two proxies have the same name, or a protocol is not known here.
        """
        self._ask()
        if self._trouble is not None:
            raise self._trouble
        return self._seen.trace

    @contextmanager
    def _started(self) -> Iterator[Process]:
        with super()._started() as process:
            self._theirs.close()  # so that we see the end
            try:
                yield process
            finally:
                if process.code is None:
                    self._ask()  # the last occasion

    def _ask(self) -> None:
        """Have the command tell what it has seen, or what it told last if it has ended."""
        with self._told:
            enough = self._answers + 1
            try:
                self._ours.send(b"?")
            except OSError:  # it has ended; what it told last may be on the way
                enough = sys.maxsize
            self._told.wait_for(lambda: self._hung_up or self._answers >= enough, ANSWER_LIMIT)

    def _read(self) -> None:
        with self._ours.makefile("rb") as file, suppress(OSError):
            for line in file:
                try:
                    seen = Seen.from_line(line)
                except VaurienError as error:
                    self._trouble = error
                    break
                except ValueError:  # it was cut off, or something else writes there
                    break
                with self._told:
                    self._seen = seen
                    self._answers += 1
                    self._told.notify_all()
        with self._told:
            self._hung_up = True
            self._told.notify_all()
