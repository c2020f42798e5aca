"""How a state takes the place of another one.

Law: a change is whole or not at all: in the data plane, in the state file, and in what
whoever asks is told.  One takes its turn, and then: what is there now -> what shall be ->
it is written beside the state file -> the data plane takes it -> the file is renamed ->
it is told.  The data plane comes before the renaming, since it may refuse.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

from ..config.state import to_document
from ..errors import VaurienError
from ..net.proxies import ClosePolicy
from .expiry import EXPIRES, Moments, expiring
from .store import StoreError

if TYPE_CHECKING:
    from ..config.state import State
    from ..net.proxies import Proxies, ProxySpec
    from ..net.reactor import Reactor
    from .store import Prepared, Store

T = TypeVar("T")
LOG = logging.getLogger("vaurien")

PATIENCE = 2.0
"""Seconds that a change may wait for the data plane, and for the changes before it."""
AT_ONCE = ClosePolicy()
CONFIG_DIGEST = "config_digest"
"""The key under which a saved state says of which configuration it is a change."""


class StalledError(VaurienError):
    """The data plane did not take a change in time."""


class Unsaved:
    """What stands for a saved state where there is no state file."""

    def commit(self) -> None: ...

    def discard(self) -> None: ...


class Writer:
    """Replaces the state, one change after the other; ``state`` may be read at any time.

    ``state`` is what ``proxies`` do already.  ``store``: where it is saved, if anywhere.
    ``config_digest``: of the configuration that the state began with; it is saved too.
    """

    def __init__(
        self,
        reactor: Reactor,
        proxies: Proxies,
        state: State,
        store: Store | None,
        config_digest: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reactor = reactor
        self._proxies = proxies
        self._state = state  # replaced as a whole, so that readers need no lock
        self._store = store
        self.config_digest = config_digest
        self._clock = clock
        self._expires = expiring(state, clock())
        self._writing = threading.Lock()

    @property
    def state(self) -> State:
        """What is in force; rules whose time to live has passed are gone."""
        return self._without_expired(self._state)

    @property
    def applied(self) -> State:
        """What was applied last, rules included whose time to live has passed since."""
        return self._state

    def change(
        self,
        change: Callable[[State], State],
        close_policy: ClosePolicy = AT_ONCE,
        config_digest: str | None = None,
    ) -> State:
        """Have the state replaced by the one that this makes from what is in force.

        Gives the new one.

        Raises:
            StalledError, ListenError, StoreError: see ``Control``.
            Exception: whatever ``change`` raises; then nothing has changed.
        """
        with self._turn():
            digest = self.config_digest if config_digest is None else config_digest
            while not self._attempt(change, close_policy, digest):
                pass  # a rule expired just now, so what is in force is not what it was
            return self._state

    def _attempt(
        self, change: Callable[[State], State], close_policy: ClosePolicy, digest: str
    ) -> bool:
        before = self._state
        current = self._without_expired(before)
        after = _numbered(change(current), before, current)
        if after is before and digest == self.config_digest:
            return True
        expires = expiring(after, self._clock(), current, self._expires)
        prepared = self._prepared(after, digest, expires)
        try:
            taken = self._on_reactor(partial(self._apply, current, after, close_policy))
        except BaseException:
            prepared.discard()
            raise
        if not taken:
            prepared.discard()
            return False
        try:
            prepared.commit()
        except StoreError as error:
            self._take_back(current, after, error)
        self._state, self.config_digest, self._expires = after, digest, expires
        return True

    def _prepared(self, state: State, digest: str, expires: Moments) -> Prepared | Unsaved:
        if self._store is None:
            return Unsaved()
        document = {**to_document(state), CONFIG_DIGEST: digest}
        if expires:
            document[EXPIRES] = expires
        try:
            return self._store.prepare(document)
        except StoreError as error:
            LOG.error("A change is refused, as it cannot be saved: %s", error)
            raise

    def _apply(self, current: State, after: State, close_policy: ClosePolicy) -> bool:
        """In the reactor's thread: go on to another state, if this one is still in force."""
        if self._without_expired(self._state) != current:
            return False
        self._proxies.apply(after.proxies, close_policy=close_policy)
        return True

    def _take_back(self, current: State, after: State, error: StoreError) -> NoReturn:
        """The data plane does what cannot be saved: let it do again what it did before.

        Raises:
            StoreError: always; it says so if that did not work.
        """
        try:
            self._on_reactor(partial(self._proxies.apply, current.proxies))
        except VaurienError as trouble:
            self._state = after
            raise StoreError(f"{error}; the change is in force all the same: {trouble}") from None
        self._state = current
        raise error

    def _on_reactor(self, call: Callable[[], T]) -> T:
        future = self._reactor.submit(call)
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            if future.cancel():
                raise StalledError(
                    f"the proxy did not take the change within {PATIENCE:g} s; it is withdrawn"
                ) from None
        # It has begun, so it will end.  If nobody waited, it would be in force and not saved.
        return future.result()

    def _without_expired(self, state: State) -> State:
        """The state without the rules that are gone by themselves.

        Any thread may ask: proxies give a set that never changes, of their current plan.
        While a change is under way that plan may be newer than the state.
        """
        alive = tuple(map(self._alive, state.proxies))
        same = all(new is old for new, old in zip(alive, state.proxies, strict=True))
        return state if same else replace(state, proxies=alive)

    def _alive(self, spec: ProxySpec) -> ProxySpec:
        proxy = self._proxies.get(spec.name)
        if proxy is None or not (expired := proxy.expired):
            return spec
        rules = tuple(rule for rule in spec.plan.rules if rule.name not in expired)
        if len(rules) == len(spec.plan.rules):
            return spec
        return replace(spec, plan=replace(spec.plan, rules=rules))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One change after the other."""
        if not self._writing.acquire(timeout=PATIENCE):
            raise StalledError(f"other changes did not end within {PATIENCE:g} s; this one is left")
        try:
            yield
        finally:
            self._writing.release()


def _numbered(wanted: State, before: State, current: State) -> State:
    """What is wanted, its generations counted on; ``before`` itself, if nothing changes.

    ``current`` is ``before`` without the rules that have expired.  Such a rule begins
    anew if it is wanted again, so what is wanted is compared with that.
    """
    known = {
        old.name: (old.plan, now.plan)
        for old, now in zip(before.proxies, current.proxies, strict=True)
    }

    def numbered(spec: ProxySpec) -> ProxySpec:
        if spec.name not in known:
            return spec
        old, now = known[spec.name]
        plan = spec.plan
        same = (plan.rules, plan.seed) == (now.rules, now.seed)
        if same and now is old:
            return spec if plan is old else replace(spec, plan=old)
        return replace(spec, plan=replace(plan, generation=old.generation + 1))

    proxies = tuple(map(numbered, wanted.proxies))
    if (proxies, wanted.seed) == (before.proxies, before.seed):
        return before
    return replace(wanted, proxies=proxies, generation=before.generation + 1)
