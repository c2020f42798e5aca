"""All proxies of a process, changed together or not at all.

Law: whatever can fail comes first, and only listening can fail.  A change that fails
has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import EndingError, ListenError
from .address import Address
from .backends import Backends, Lead
from .listener import Listener, resolve_host
from .loops import literal
from .proxy import Proxy
from .reactor import Reactor
from .resolver import Resolved
from .spec import ProxySpec
from .system import Endpoint

Hosts = Mapping[str, Resolved]
"""The endpoints of hosts, with any port, or why there are none."""


@dataclass(frozen=True)
class ClosePolicy:
    """How a change closes open connections."""

    drain: float = 0.0
    """Seconds in which the connections of a proxy that is removed, replaced or disabled
    may finish; 0: reset them at once."""
    reset_moved: bool = False
    """Reset connections to a backend that is replaced; otherwise they stay open."""
    reset_relocated: bool = False
    """Reset the connections of a proxy that listens elsewhere; otherwise they stay open."""


class Proxies:
    """See the module.  Its methods are called in the reactor's thread, or before it runs."""

    def __init__(
        self,
        reactor: Reactor,
        make: Callable[[ProxySpec], Proxy],
        type_of: Callable[[ProxySpec], type[Proxy]] = lambda _: Proxy,
        backends: Backends | None = None,
    ) -> None:
        """``make`` returns a proxy that is not open yet; ``type_of`` tells its class.

        ``backends``: which are allowed.
        """
        self.backends = backends or Backends()
        self._reactor = reactor
        self._make = make
        self._type_of = type_of
        self._proxies: dict[str, Proxy] = {}
        self._specs: dict[str, ProxySpec] = {}
        self._leaving: dict[Proxy, None] = {}
        """Removed, replaced or disabled, with connections that may still finish."""
        self._draining = False

    def __iter__(self) -> Iterator[Proxy]:
        return iter(list(self._proxies.values()))

    @property
    def draining(self) -> bool:
        """They are ending for good."""
        return self._draining

    def get(self, name: str) -> Proxy | None:
        return self._proxies.get(name)

    def address_of(self, name: str) -> Address | None:
        """Where a proxy listens, or would if it were enabled; None without such a proxy."""
        proxy = self._proxies.get(name)
        return None if proxy is None else proxy.address

    def resolve(self, wanted: Sequence[ProxySpec]) -> Hosts:
        """Resolve the hosts that ``apply`` will listen on, and prepare the credentials.

        It may block, in any thread.

        Raises:
            AuthorityError: certificates cannot be made.
            BackendError: a backend is not allowed.
        """
        proxies, specs = self._proxies, self._specs
        found: dict[str, Resolved] = {}
        leads: list[Lead] = []
        # Those that change come last, so that they are found at fault.
        for spec in sorted(wanted, key=lambda spec: specs.get(spec.name) is not spec):
            proxy, before = proxies.get(spec.name), specs.get(spec.name)
            stays = proxy and before and proxy.listener and before.listen == spec.listen
            host = spec.listen.host
            if host and spec.enabled and not stays and host not in found:
                found[host] = resolve_host(self._reactor.system, spec.listen)
            if not spec.enabled:
                listening: Sequence[Endpoint] = ()
            elif stays:
                listening = self.backends.loops.listening(spec.name)
            else:
                listening = _with_port(found.get(host), spec.listen)
            leads.append(Lead(spec.name, listening, spec.backend))
            if spec.credentials is not None:
                spec.credentials.prepare()
            if spec.flaws:
                from .tls.server import prepare

                prepare(spec.flaws)
        if any(_leads_elsewhere(specs.get(spec.name), spec) for spec in wanted):
            self.backends.check_wanted(leads, self._reactor.system)
        return found

    def apply(
        self,
        wanted: Sequence[ProxySpec],
        *,
        close_policy: ClosePolicy = ClosePolicy(),
        hosts: Hosts = MappingProxyType({}),
    ) -> None:
        """Make the present proxies the wanted ones.

        ``hosts``: from ``resolve``; those that are missing are resolved now, which may block.

        An unchanged proxy keeps its connections, and so does one whose plan, TLS, listening
        address or (see ``close_policy``) backend changes.  One whose protocol or limits
        change is replaced, and its listener handed over.

        Raises:
            ListenError: a proxy cannot listen; nothing has changed.
            EndingError: all are ending; nothing has changed.
        """
        if self._draining:
            raise EndingError
        proxies = {spec.name: self._proxy_for(spec) for spec in wanted}
        places = {spec.name: self._place(spec) for spec in wanted if spec.enabled}
        listeners = self._listeners(places, proxies, hosts)
        changing = {
            listener for name, listener in listeners.items() if proxies[name].listener != listener
        }
        for name, old in self._proxies.items():
            was_open = old.listener is not None
            if old.listener in changing:
                old.detach_listener()
            if name not in proxies:
                self._end(old, close_policy, "the proxy was removed")
            elif proxies[name] is not old:
                self._end(old, close_policy, "the proxy was replaced")
            elif was_open and name not in places:
                self._end(old, close_policy, "the proxy was disabled")
        for spec in wanted:
            proxy = proxies[spec.name]
            if not spec.enabled:
                proxy.relocate(self._place(spec))
            elif proxy.listener is not listeners[spec.name]:
                self._open(proxy, listeners[spec.name], close_policy)
            if proxy.backend != spec.backend:
                proxy.change_backend(spec.backend, reset=close_policy.reset_moved)
            proxy.secure(spec)
            if proxy.plan != spec.plan:
                proxy.apply(spec.plan)
        self._proxies = proxies
        self._specs = {spec.name: spec for spec in wanted}

    def close(self) -> None:
        """Close all of them now."""
        for proxy in dict.fromkeys((*self, *self._leaving)):
            proxy.close("the process ends")

    def drain(self, done: Callable[[], None], limit: float) -> None:
        """Drain all of them for good, those that are leaving too, within ``limit`` seconds."""
        self._draining = True
        proxies = dict.fromkeys((*self, *self._leaving))
        left = len(proxies)

        def one_done() -> None:
            nonlocal left
            left -= 1
            if not left:
                done()

        if not left:
            done()
        for proxy in proxies:
            proxy.drain(one_done, limit)

    def _proxy_for(self, spec: ProxySpec) -> Proxy:
        """The present proxy, if it can become what is wanted, or a new one."""
        old = self._proxies.get(spec.name)
        before = self._specs.get(spec.name)
        if old is None or before is None:
            return self._made(spec)
        same = (before.protocol, before.limits) == (spec.protocol, spec.limits)
        stays = before == spec or (same and type(old) is self._type_of(spec))
        return old if stays else self._made(spec)

    def _made(self, spec: ProxySpec) -> Proxy:
        proxy = self._make(spec)
        proxy.backends = self.backends
        return proxy

    def _place(self, spec: ProxySpec) -> Address:
        """Where a proxy is to listen; port 0, wanted again, is the port that it became."""
        before = self._specs.get(spec.name)
        if before is not None and before.listen == spec.listen:
            return self._proxies[spec.name].address
        return spec.listen

    def _listeners(
        self, places: Mapping[str, Address], proxies: Mapping[str, Proxy], hosts: Hosts
    ) -> dict[str, Listener]:
        """A listener for each place, by the name of its proxy: a present one, or a new one.

        Raises:
            ListenError: a proxy cannot listen; nothing has changed.
        """
        present = {old.name: old.listener for old in self if old.listener is not None}
        found = {name: here for name, here in present.items() if here.address == places.get(name)}
        spare = {here.address: here for name, here in present.items() if name not in found}
        for name, place in places.items():
            if name not in found and place in spare:
                found[name] = spare.pop(place)
        missing = {name: place for name, place in places.items() if name not in found}
        try:
            return found | _listen(missing, proxies, hosts)
        except ListenError:
            if not spare:
                raise
        for listener in spare.values():  # one of them may cover an address
            listener.release()
        try:
            return found | _listen(missing, proxies, hosts)
        except ListenError:
            for listener in spare.values():
                self._reclaim(listener)
            raise

    def _reclaim(self, listener: Listener) -> None:
        try:
            listener.reclaim()
        except OSError as error:  # another process was faster
            self._reactor.report(f"cannot listen on {listener.address} again: {error}")

    def _open(self, proxy: Proxy, listener: Listener, close_policy: ClosePolicy) -> None:
        self._leaving.pop(proxy, None)
        moved = proxy.address != listener.address
        proxy.open(listener)
        if moved and close_policy.reset_relocated:
            proxy.reset_all("its address was replaced")

    def _end(self, proxy: Proxy, close_policy: ClosePolicy, why: str) -> None:
        """Close a proxy, and remember it until it has no connection left; ``why`` for each."""

        def ended() -> None:
            if not proxy.connections:  # it may have been opened again meanwhile
                self._leaving.pop(proxy, None)

        self._leaving[proxy] = None
        if close_policy.drain:
            proxy.drain(ended, close_policy.drain)
        else:
            proxy.reset(why, ended)


def _leads_elsewhere(before: ProxySpec | None, spec: ProxySpec) -> bool:
    """Whether a proxy listens elsewhere than before, or has another backend."""
    return before is None or (
        (before.listen, before.backend, before.enabled) != (spec.listen, spec.backend, spec.enabled)
    )


def _with_port(resolved: Resolved | None, address: Address) -> Sequence[Endpoint]:
    """Return the endpoints that an address becomes; none if its port is not known yet."""
    if address.path:
        return literal(address)
    if not address.port or resolved is None or isinstance(resolved, OSError):
        return ()
    return [
        (family, where if isinstance(where, str) else (where[0], address.port, *where[2:]))
        for family, where in resolved
    ]


def _listen(
    places: Mapping[str, Address], proxies: Mapping[str, Proxy], hosts: Hosts
) -> dict[str, Listener]:
    """A new listener for each place; after a failure none of them.

    Raises:
        ListenError: a proxy cannot listen.
    """
    made: dict[str, Listener] = {}
    for name, place in places.items():
        try:
            made[name] = proxies[name].make_listener(place, hosts.get(place.host))
        except ListenError as error:
            for listener in made.values():
                listener.close()
            failure = ListenError(error.errno, f"proxy {name!r}: {error.strerror}")
            failure.proxy = name
            failure.endpoint = error.endpoint
            failure.reason = str(error.strerror)
            raise failure from None
    return made
