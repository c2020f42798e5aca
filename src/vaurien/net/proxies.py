"""All proxies of a process: changed together, or not at all.

Law: whatever can fail comes first, and that is listening alone.  A change that fails
has changed nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ..errors import ListenError
from ..protocol import Protocol
from ..rules.plan import Plan
from ..values.events import Emit
from .address import Address
from .listener import Listener
from .proxy import Limits, Proxy, unheard
from .reactor import Reactor


@dataclass(frozen=True, kw_only=True)
class ProxySpec:
    """One proxy, as it shall be."""

    name: str
    listen: Address
    """Port 0 stands for a free one."""
    backend: Address
    protocol: Protocol
    plan: Plan = Plan()  # noqa: RUF009 - a value
    limits: Limits = Limits()  # noqa: RUF009
    enabled: bool = True


@dataclass(frozen=True)
class ClosePolicy:
    """What becomes of the connections of proxies that end, are disabled, or move."""

    drain: float = 0.0
    """Seconds that those of a proxy that ends get to finish; 0: they are reset at once."""
    moved: bool = False
    """Where the backend changes, connections to the old one are reset; otherwise they stay."""


def proxy_of(reactor: Reactor, spec: ProxySpec, emit: Emit = unheard) -> Proxy:
    """The proxy that is declared, not open yet; ``plugins`` makes those that run old plugins."""
    return Proxy(
        reactor,
        spec.listen,
        spec.backend,
        protocol=spec.protocol,
        name=spec.name,
        plan=spec.plan,
        emit=emit,
        limits=spec.limits,
    )


class Proxies:
    """See the module.  Its methods are called in the reactor's thread, or before it runs."""

    def __init__(self, reactor: Reactor, make: Callable[[ProxySpec], Proxy]) -> None:
        """``make`` gives a proxy that is not open yet."""
        self._reactor = reactor
        self._make = make
        self._proxies: dict[str, Proxy] = {}
        self._declared: dict[str, ProxySpec] = {}
        self._leaving: set[Proxy] = set()
        self._draining = False

    def __iter__(self) -> Iterator[Proxy]:
        return iter(list(self._proxies.values()))

    def get(self, name: str) -> Proxy | None:
        return self._proxies.get(name)

    def address_of(self, name: str) -> Address | None:
        """Where a proxy listens, or would: the port is the real one, if it ever listened."""
        proxy = self._proxies.get(name)
        return None if proxy is None else proxy.address

    def apply(
        self, wanted: Sequence[ProxySpec], *, close_policy: ClosePolicy = ClosePolicy()
    ) -> None:
        """Have these proxies, and no others.

        A proxy that stays as it was keeps its connections, and so does one of which the
        plan, the listening address or (see ``close_policy``) the backend changes.  With another
        protocol or other limits it is a new one, at the same listener.

        Raises:
            ListenError: a proxy cannot listen, or they are being drained; nothing has changed.
        """
        if self._draining:
            raise ListenError(errno.ESHUTDOWN, "the proxies are ending")
        proxies = {spec.name: self._proxy_for(spec) for spec in wanted}
        listeners = self._listeners(wanted, proxies)
        for name, old in list(self._proxies.items()):
            if proxies.get(name) is not old:
                self._end(old, close_policy)
        for spec in wanted:
            proxy = proxies[spec.name]
            if not spec.enabled and proxy.listener is not None:
                self._end(proxy, close_policy)
            if not spec.enabled and not self._stays_at(spec):
                proxy.listen = spec.listen
            if spec.name in listeners:
                moved = proxy.hand_over()
                if moved is not None:
                    moved.close()
                self._leaving.discard(proxy)
                proxy.open(listeners[spec.name])
            if proxy.backend != spec.backend:
                proxy.move(spec.backend, all_connections=close_policy.moved)
            if proxy.plan != spec.plan:
                proxy.apply(spec.plan)
        self._proxies = proxies
        self._declared = {spec.name: spec for spec in wanted}

    def close(self) -> None:
        """Close all of them now."""
        for proxy in (*self, *self._leaving):
            proxy.close()

    def drain(self, done: Callable[[], None], limit: float) -> None:
        """Drain all of them at once, and call back when all are closed: this is the end."""
        self._draining = True
        left = len(self._proxies)

        def one_done() -> None:
            nonlocal left
            left -= 1
            if not left:
                done()

        if not left:
            done()
        for proxy in self:
            proxy.drain(one_done, limit)

    def _proxy_for(self, spec: ProxySpec) -> Proxy:
        """The proxy that is there, if it can become what is declared, or a new one."""
        old = self._proxies.get(spec.name)
        before = self._declared.get(spec.name)
        if old is not None and before == spec:
            return old
        fresh = self._make(spec)
        if old is None or before is None:
            return fresh
        if before.listen == spec.listen:
            fresh.listen = old.address
        same = (before.protocol, before.limits) == (spec.protocol, spec.limits)
        return old if same and type(fresh) is type(old) else fresh

    def _listeners(
        self, wanted: Sequence[ProxySpec], proxies: dict[str, Proxy]
    ) -> dict[str, Listener]:
        """A listener for each proxy that needs another one; those that others leave included."""
        left: dict[str, Listener] = {}
        needing = {spec.name: spec for spec in wanted if spec.enabled}
        for name, old in self._proxies.items():
            if old.listener is None:
                continue
            there = needing.get(name)
            if there is not None and proxies[name] is old and self._stays_at(there):
                del needing[name]
            else:
                left[name] = old.listener
        givers = {}
        for name, spec in needing.items():
            giver = self._giver(spec, left)
            if giver is not None:
                givers[name] = giver
                del left[giver]
        missing = [spec for name, spec in needing.items() if name not in givers]
        found = self._listen(missing, proxies, list(left.values()))
        for name, giver in givers.items():
            listener = self._proxies[giver].hand_over()
            assert listener is not None
            found[name] = listener
        return found

    def _stays_at(self, spec: ProxySpec) -> bool:
        before = self._declared.get(spec.name)
        return before is not None and before.listen == spec.listen

    def _take_back(self, listener: Listener) -> None:
        try:
            listener.take_back()
        except OSError as lost:  # somebody was quicker, in the microseconds between
            self._reactor.report(f"cannot listen on {listener.address} again: {lost}")

    def _end(self, proxy: Proxy, close_policy: ClosePolicy) -> None:
        """Close a proxy; one that drains is remembered until it has closed."""
        if close_policy.drain:
            self._leaving.add(proxy)
            proxy.drain(partial(self._leaving.discard, proxy), close_policy.drain)
        else:
            proxy.close(reset=True)

    def _giver(self, spec: ProxySpec, left: dict[str, Listener]) -> str | None:
        """Whose listener is where this proxy is to listen; port 0 is nobody's but its own."""
        if spec.name in left and self._stays_at(spec):
            return spec.name
        if not spec.listen.port and not spec.listen.path:
            return None
        at = spec.listen
        return next((name for name in left if self._declared[name].listen == at), None)

    def _listen(
        self, missing: Sequence[ProxySpec], proxies: dict[str, Proxy], left: Sequence[Listener]
    ) -> dict[str, Listener]:
        """New listeners; what others leave is released for them, if nothing else helps."""
        made: dict[str, Listener] = {}
        released: Sequence[Listener] = ()
        for spec in missing:
            name = spec.name
            address = proxies[name].address if self._stays_at(spec) else spec.listen
            try:
                try:
                    made[name] = proxies[name].make_listener(address)
                except ListenError:
                    if released or not left:
                        raise
                    released = left
                    for listener in released:
                        listener.release()
                    made[name] = proxies[name].make_listener(address)
            except ListenError as error:
                for listener in made.values():
                    listener.close()
                for listener in released:
                    self._take_back(listener)
                failure = ListenError(error.errno, f"proxy {name!r}: {error.strerror}")
                failure.proxy = name
                raise failure from None
        return made
