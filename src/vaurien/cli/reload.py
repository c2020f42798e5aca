"""Reading a configuration again: all of it takes effect, or none of it and the log says why.

Law: neither the traffic nor a signal handler waits for it.  A thread of its own reads and
understands; the data plane is told when that has worked.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

from ..control.documents import Document, DocumentError
from ..errors import VaurienError
from ..net.proxies import Closing
from . import logs
from .configuration import Source, Understood, digest_of

if TYPE_CHECKING:
    from ..control.server import Control
    from ..control.state import State
    from .settings import Settings

LOG = logs.LOGGER
END_LIMIT = 5.0
"""Seconds to wait, at the end, for what is under way."""
SWITCH_INTERVAL = 0.00005
"""Seconds that the data plane waits for the interpreter, at most, while a file is read."""
AT_START = ("http", "statsd", "journal", "log_level", "log_output", "drain", "max_plugin_threads")
"""Settings that take effect at the next start only."""


Wishes = SimpleQueue[None]
"""Something in it for each signal that has not been attended to."""


def wished_by_signals() -> Wishes:
    """From now on a SIGHUP ends nothing: it is put into this queue, for ``Reloads``."""
    wishes: Wishes = SimpleQueue()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        wishes.put(None)  # which handlers may do

    signal.signal(signal.SIGHUP, on_signal)
    return wishes


class Reloads:
    """Has a file read again whenever a signal asks for it, one time after the other."""

    def __init__(
        self, source: Source, control: Control, settings: Settings, wishes: Wishes
    ) -> None:
        """``settings``: those that the process began with."""
        self._source = source
        self._control = control
        self._settings = settings
        self._ended = False
        self._wishes = wishes
        self._thread = threading.Thread(target=self._work, name="reload", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Read nothing more; wait for what is under way."""
        self._ended = True
        self._wishes.put(None)
        self._thread.join(END_LIMIT)

    def reload(self) -> None:
        """Read the file, and have what it declares, if it can be."""
        if not self._source.name:
            LOG.warning("SIGHUP: there is no configuration file to read again")
            return
        LOG.info("SIGHUP: reading %s again", logs.printable(self._source.name))
        try:
            document = self._source.read()
            understood = self._source.understand(document)
            self._apply(document, understood)
        except DocumentError as error:
            for problem in error.problems:
                LOG.error("%s", problem)
            count = len(error.problems)
            LOG.error("The configuration stays as it was; problems: %d", count)
        except VaurienError as error:
            reason = getattr(error, "strerror", None) or error
            LOG.error("The configuration stays as it was: %s", reason)

    def _apply(self, document: Document, understood: Understood) -> None:
        before = self._control.state
        undo = understood.adopt()
        try:
            self._control.replace(
                understood.configuration.state,
                closing=Closing(drain=self._settings.drain, moved=understood.settings.reset_moved),
                config_digest=digest_of(document),
                find_behavior=understood.find_behavior,
            )
        except BaseException:
            undo()
            raise
        for line in changes(before, self._control):
            LOG.info("%s", line)
        now, at_start = understood.settings, self._settings
        late = [key for key in AT_START if getattr(now, key) != getattr(at_start, key)]
        if late:
            LOG.warning("Takes effect at the next start: %s", ", ".join(late))

    def _work(self) -> None:
        while True:
            self._wishes.get()
            if self._ended:
                return
            try:
                with _giving_way():
                    self.reload()
            except Exception:  # a plugin's mistake; the next file may be better
                LOG.exception("The configuration stays as it was")


@contextmanager
def _giving_way() -> Iterator[None]:
    """Let other threads of Python have their turn soon.

    An exchange on a quiet connection asks for the interpreter about six times, so Python's
    own interval of 5 ms would hold it up for tens of milliseconds.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def changes(before: State, control: Control) -> Iterator[str]:
    """A line for each proxy that is not as it was."""
    now = control.state
    for declared in now.proxies:
        if before.get(declared.name) != declared:
            yield told(declared.name, control)
    for declared in before.proxies:
        if now.get(declared.name) is None:
            yield f"{declared.name}: gone"


def told(name: str, control: Control) -> str:
    """What a proxy does, in a line."""
    declared = control.state.get(name)
    if declared is None or not declared.enabled:
        return f"{name}: disabled"
    return f"{name}: {control.address(name)} passes on to {declared.backend}"
