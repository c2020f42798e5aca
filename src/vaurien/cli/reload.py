"""Reading a configuration again: all of it takes effect, or none of it and the log says why.

A file that says what it said before changes nothing; one that has changed wins over what
was changed live, and a state file that had this is kept.

Law: neither the traffic nor a signal handler waits for it.  A thread of its own reads and
understands; the data plane is told when that has worked.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

from ..config.configuration import Source, Understood, digest_of
from ..config.documents import Document, DocumentError
from ..errors import VaurienError
from ..net.proxies import ClosePolicy
from ..values.texts import printable
from . import logs

if TYPE_CHECKING:
    from ..config.state import State
    from ..control.server import Control
    from ..control.store import Store
    from ..net.spec import ProxySpec

LOG = logs.LOGGER
END_LIMIT = 5.0
"""Seconds to wait, at the end, for what is under way."""
SWITCH_INTERVAL = 0.00005
"""Seconds that the data plane waits for the interpreter, at most, while a file is read."""
AT_START = ("http", "statsd", "journal", "log_level", "log_output", "drain", "max_plugin_threads")
"""Settings that take effect at the next start only."""


ReloadRequests = SimpleQueue[None]
"""Something in it for each signal that has not been attended to."""


def wished_by_signals() -> ReloadRequests:
    """From now on a SIGHUP ends nothing: it is put into this queue, for ``Reloads``."""
    wishes: ReloadRequests = SimpleQueue()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        wishes.put(None)  # which handlers may do

    signal.signal(signal.SIGHUP, on_signal)
    return wishes


class Reloads:
    """Has a file read again whenever signals ask for it: once for all that have come so far."""

    def __init__(
        self,
        source: Source,
        control: Control,
        understood: Understood,
        wishes: ReloadRequests,
        store: Store | None = None,
    ) -> None:
        """``understood``: what the process began with.  ``store``: where its state is saved."""
        self._source = source
        self._control = control
        self._settings = understood.settings
        self._declared = understood.configuration.state
        """By the configuration in force."""
        self._store = store
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
        LOG.info("SIGHUP: reading %s again", printable(self._source.name))
        try:
            document = self._source.read()
            understood = self._source.understand(document)
            if digest_of(document) == self._control.config_digest:
                LOG.info("The configuration is as it was; changes made live stay")
            else:
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
        wanted = understood.configuration.state
        lost = not any(same(state, before) for state in (self._declared, wanted))
        keeping = self._store.copied("replaced") if lost and self._store else nullcontext("")
        undo = understood.adopt()
        try:
            with keeping as copy:
                self._control.replace(
                    wanted,
                    close_policy=ClosePolicy(
                        drain=self._settings.drain, reset_moved=understood.settings.reset_moved
                    ),
                    config_digest=digest_of(document),
                    find_behavior=understood.find_behavior,
                )
        except BaseException:
            undo()
            raise
        self._declared = wanted
        if lost:
            kept = f"; the state with them is kept as {printable(copy)}" if copy else ""
            LOG.warning("Changes made live are gone%s", kept)
        for line in changes(before, self._control):
            LOG.info("%s", line)
        now, at_start = understood.settings, self._settings
        late = [key for key in AT_START if getattr(now, key) != getattr(at_start, key)]
        if late:
            LOG.warning("Takes effect at the next start: %s", ", ".join(late))

    def _work(self) -> None:
        while True:
            self._wishes.get()
            while not self._wishes.empty():  # nobody else takes what is in it
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


def same(spec: State, now: State) -> bool:
    """Whether proxies are as they were declared, but for rules that are gone by themselves."""
    there = {proxy.name: proxy for proxy in now.proxies}
    return len(there) == len(spec.proxies) and all(
        proxy.name in there and _is_left(proxy, there[proxy.name]) for proxy in spec.proxies
    )


def _is_left(spec: ProxySpec, now: ProxySpec) -> bool:
    """Whether a proxy is as declared, its rules of limited life as far as they are left."""
    lives = {rule.name: rule.ttl for rule in now.plan.rules if rule.ttl}
    left = tuple(
        replace(rule, ttl=lives[rule.name]) if rule.ttl else rule
        for rule in spec.plan.rules
        if not rule.ttl or rule.name in lives
    )
    # The seed is not compared: nobody changes it live, and one that was drawn is another one.
    return left == now.plan.rules and replace(spec, plan=now.plan) == now


def changes(before: State, control: Control) -> Iterator[str]:
    """A line for each proxy that is not as it was."""
    earlier = {spec.name: spec for spec in before.proxies}
    for spec in control.state.proxies:
        if earlier.pop(spec.name, None) != spec:
            yield told(spec, control)
    yield from (f"{name}: gone" for name in earlier)


def told(spec: ProxySpec, control: Control) -> str:
    """What a proxy does, in a line."""
    name = spec.name
    if not spec.enabled:
        return f"{name}: disabled"
    return f"{name}: {control.address(name)} passes on to {spec.backend}"
