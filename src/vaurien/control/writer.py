"""The single writer: it replaces the current state by a new one.

Law: a change is atomic, in the data plane, in the state file and in the answer to the
caller.  Changes are serialized, and each takes the same steps: compute the new state, write
it to a temporary file beside the state file, resolve the names to listen on, apply it to the
data plane, rename the file, return.  The data plane comes before the rename because it may
refuse.  Whatever may take long comes before the data plane, so a change that took too long can
still be withdrawn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

from ..config.state import to_document
from ..errors import EndingError, VaurienError
from ..net.proxies import ClosePolicy
from ..values.events import Changed
from .expiry import EXPIRES, ExpiryTimes, expiry_times
from .store import StoreError

if TYPE_CHECKING:
    from ..config.state import State
    from ..net.proxies import Hosts, Proxies
    from ..net.reactor import Reactor
    from ..net.recent import Recent
    from ..net.spec import ProxySpec
    from .store import Prepared, Store

T = TypeVar("T")
LOG = logging.getLogger("vaurien")

PATIENCE = 2.0
"""Seconds that a change may wait for earlier changes, and again for the data plane."""
ANSWER_LIMIT = 1.0
"""Seconds that a query may wait for the data plane."""
PREPARATION_LIMIT = 3 * PATIENCE
"""Seconds that writing a change to disk and resolving its names may take."""
AT_ONCE = ClosePolicy()
CONFIG_DIGEST = "config_digest"
"""The saved state's key for the digest of the configuration that it started from."""


class StalledError(VaurienError):
    """A change was withdrawn because it had to wait for too long."""


class Unsaved:
    """Stands in for ``Prepared`` when there is no state file."""

    def commit(self) -> None: ...

    def discard(self) -> None: ...


class Writer:
    """Serializes changes of the state; ``state`` may be read at any time, from any thread.

    The parameters are those of ``Control``.
    """

    def __init__(
        self,
        reactor: Reactor,
        proxies: Proxies,
        state: State,
        store: Store | None,
        config_digest: str,
        recent: Recent,
    ) -> None:
        self._reactor = reactor
        self._proxies = proxies
        self._state = state  # replaced as a whole, so that readers need no lock
        self._store = store
        self._recent = recent
        self.config_digest = config_digest
        self._timer = time.monotonic
        self._expires = expiry_times(state, time.time(), state, {})
        self._writing = threading.Lock()

    @property
    def state(self) -> State:
        """The current state, without rules whose time to live is over."""
        return self._without_expired(self._state)

    @property
    def applied(self) -> State:
        """The state last applied, including rules that have expired since."""
        return self._state

    def change(
        self,
        change: Callable[[State], State],
        close_policy: ClosePolicy = AT_ONCE,
        config_digest: str | None = None,
    ) -> State:
        """Replace the current state by what ``change`` returns for it; return the new state.

        Raises:
            StalledError, EndingError, ListenError, StoreError: see ``Control``.
            Exception: whatever ``change`` raises; nothing has changed.
        """
        if not self._writing.acquire(timeout=PATIENCE):
            raise StalledError(
                f"earlier changes did not finish within {PATIENCE:g} s; this one was withdrawn"
            )
        try:
            before = self._state
            digest = self.config_digest if config_digest is None else config_digest
            try:
                while not self._attempt(change, close_policy, digest):
                    pass  # a rule expired in the meantime: compute the change again
            finally:  # also after an error: what could not be undone is in force
                if self._state is not before:
                    self._reactor.post(partial(self._recent.add, difference(before, self._state)))
            return self._state
        finally:
            self._writing.release()

    def traffic_seconds(self) -> float:
        """Return the CPU time that traffic has taken."""
        return self._reactor.cpu_seconds()

    def ask(self, call: Callable[[Proxies], T]) -> T:
        """Return what a call in the reactor's thread returns.

        Raises:
            StalledError, EndingError: see ``Control``.
        """
        late = "the proxies did not answer within {:g} s"
        return self._called(partial(call, self._proxies), ANSWER_LIMIT, late)

    def _attempt(
        self, change: Callable[[State], State], close_policy: ClosePolicy, digest: str
    ) -> bool:
        before = self._state
        current = self._without_expired(before)
        after = _numbered(change(current), before, current)
        if after is before and digest == self.config_digest:
            return True
        expires = expiry_times(after, time.time(), current, self._expires)
        begun = self._timer()
        prepared = self._prepare(after, digest, expires)
        try:
            hosts = self._proxies.resolve(after.proxies)
            if self._timer() - begun > PREPARATION_LIMIT:
                raise StalledError(
                    f"the change could not be prepared within {PREPARATION_LIMIT:g} s; "
                    "it was withdrawn"
                )
            applied = self._on_reactor(partial(self._apply, current, after, close_policy, hosts))
        except BaseException:
            prepared.discard()
            raise
        if not applied:
            prepared.discard()
            return False
        try:
            prepared.commit()
        except StoreError as error:
            self._roll_back(current, after, error)
        self._state, self.config_digest, self._expires = after, digest, expires
        return True

    def _prepare(self, state: State, digest: str, expires: ExpiryTimes) -> Prepared | Unsaved:
        if self._store is None:
            return Unsaved()
        document = {**to_document(state), CONFIG_DIGEST: digest}
        if expires:
            document[EXPIRES] = expires
        try:
            return self._store.prepare(document)
        except StoreError as error:
            LOG.error("A change was refused because it cannot be saved: %s", error)
            raise

    def _apply(self, current: State, after: State, close_policy: ClosePolicy, hosts: Hosts) -> bool:
        """Apply a state, in the reactor's thread; return False if ``current`` is out of date."""
        if self._without_expired(self._state) != current:
            return False
        self._proxies.apply(after.proxies, close_policy=close_policy, hosts=hosts)
        return True

    def _roll_back(self, current: State, after: State, error: StoreError) -> NoReturn:
        """Undo in the data plane a change that could not be saved.

        Raises:
            StoreError: always; the text says so if the change could not be undone.
        """
        try:
            hosts = self._proxies.resolve(current.proxies)
            self._on_reactor(partial(self._proxies.apply, current.proxies, hosts=hosts))
        except VaurienError as trouble:
            self._state = after
            raise StoreError(
                f"{error}; the change could not be undone and is in force: {trouble}"
            ) from None
        self._state = current
        raise error

    def _on_reactor(self, call: Callable[[], T]) -> T:
        late = "the proxy did not apply the change within {:g} s; the change was withdrawn"
        return self._called(call, PATIENCE, late)

    def _called(self, call: Callable[[], T], patience: float, late: str) -> T:
        """Return what a call in the reactor's thread returns.

        ``late``: what to say if it has not begun within ``patience`` seconds.
        """
        future = self._reactor.submit(call)
        try:
            return future.result(patience)
        except CancelledError:
            raise EndingError from None
        except TimeoutError:
            if future.cancel():
                raise StalledError(late.format(patience)) from None
        # It has started, so it will finish.  If nobody waited, it would be applied but not saved.
        return future.result()

    def _without_expired(self, state: State) -> State:
        """The state without expired rules; safe to call from any thread.

        Each of them adds 1 to the generation of its proxy, and of the state, as if somebody had
        removed it.  ``Proxy.expired`` is an immutable set.  During a change it may belong to a
        plan that is newer than the state.
        """
        alive = tuple(map(self._alive, state.proxies))
        gone = sum(
            len(old.plan.rules) - len(new.plan.rules)
            for new, old in zip(alive, state.proxies, strict=True)
            if new is not old
        )
        return replace(state, proxies=alive, generation=state.generation + gone) if gone else state

    def _alive(self, spec: ProxySpec) -> ProxySpec:
        proxy = self._proxies.get(spec.name)
        if proxy is None or not (expired := proxy.expired):
            return spec
        rules = tuple(rule for rule in spec.plan.rules if rule.name not in expired)
        gone = len(spec.plan.rules) - len(rules)
        if not gone:
            return spec
        return replace(spec.with_rules(rules), generation=spec.generation + gone)


def difference(before: State, after: State) -> Changed:
    """Return the event of a change."""
    old = {spec.name: spec for spec in before.proxies}
    new = {spec.name: spec for spec in after.proxies}
    return Changed(
        "",
        after.generation,
        added=tuple(name for name in new if name not in old),
        changed=tuple(name for name, spec in new.items() if old.get(name, spec) is not spec),
        removed=tuple(name for name in old if name not in new),
    )


def _numbered(wanted: State, before: State, current: State) -> State:
    """Return ``wanted`` with increased generations, or ``before`` itself if nothing changes.

    ``current`` is ``before`` without expired rules.  ``wanted`` is compared with that,
    because an expired rule that is wanted again starts anew.
    """
    known = {old.name: (old, now) for old, now in zip(before.proxies, current.proxies, strict=True)}
    generation = current.generation + 1

    def numbered(spec: ProxySpec) -> ProxySpec:
        if spec.name not in known:
            return replace(spec, generation=generation)
        old, now = known[spec.name]
        plan = spec.plan
        if now is old and (plan.rules, plan.seed) == (old.plan.rules, old.plan.seed):
            plan = old.plan
        else:
            plan = replace(plan, generation=old.plan.generation + 1)
        if now is old and replace(spec, plan=plan) == old:
            return old
        return replace(spec, plan=plan, generation=generation)

    proxies = tuple(map(numbered, wanted.proxies))
    if (proxies, wanted.seed) == (before.proxies, before.seed):
        return before
    return replace(wanted, proxies=proxies, generation=generation)
