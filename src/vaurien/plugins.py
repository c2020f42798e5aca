"""The composition root: where plugins are loaded, and old ones meet the data plane.

Law: nothing else imports ``legacy`` (except the old public import paths), and ``legacy`` is
not imported before an old plugin is.

Only the command line and configuration files load classes by their dotted paths.  The API
takes the names of registered plugins, and may be the first to load one (a built-in plugin,
an entry point); it must never take a path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar, cast

from .behavior import Behavior
from .errors import PluginError
from .protocol import Protocol
from .registry import Registry, behaviors, protocols
from .values.options import Configurable

if TYPE_CHECKING:
    from .net.proxy import Proxy
    from .net.reactor import Reactor
    from .net.spec import ProxySpec
    from .values.events import Emit

BEHAVIORS = {
    "dummy": "Dummy",
    "delay": "Delay",
    "error": "Error",
    "hang": "Hang",
    "blackout": "Blackout",
    "transient": "Transient",
    "abort": "Abort",
    "request-lost": "RequestLost",
    "reply-lost": "ReplyLost",
    "partial-reply": "PartialReply",
    "duplicate-request": "DuplicateRequest",
    "latency": "Latency",
    "bandwidth": "Bandwidth",
    "slicer": "Slicer",
    "packet-loss": "PacketLoss",
    "corrupt": "Corrupt",
    "duplicate": "Duplicate",
    "reorder": "Reorder",
    "limit-data": "LimitData",
    "timeout": "Timeout",
    "reset": "Reset",
    "slow-close": "SlowClose",
    "half-open": "HalfOpen",
    "refuse": "Refuse",
    "slow-accept": "SlowAccept",
    "accept-then-silence": "AcceptThenSilence",
    "no-backend": "NoBackend",
    "handshake": "Handshake",
}
"""The class of each behavior, in the module of its name."""
PROTOCOLS = {
    "tcp": "Tcp",
    "http": "Http",
    "redis": "Redis",
    "memcache": "Memcache",
    "mysql": "MySQL",
    "postgresql": "PostgreSQL",
    "smtp": "Smtp",
    "tls": "Tls",
}
OLD_HOOKS = ("on_before_handle", "on_between_handle", "on_after_handle")

PluginType = TypeVar("PluginType", bound=Configurable)


def install() -> None:
    """Make the built-in plugins known; each is imported when it is first asked for."""
    for name, plugin in BEHAVIORS.items():
        behaviors.register_lazily(name, _loader("vaurien.behaviors", name, plugin))
    for name, plugin in PROTOCOLS.items():
        protocols.register_lazily(name, _loader("vaurien.protocols", name, plugin))


def _loader(package: str, name: str, plugin: str) -> Callable[[], object]:
    return lambda: getattr(import_module(f"{package}.{name.replace('-', '_')}"), plugin)


def load(registry: Registry[PluginType], path: str) -> type[PluginType]:
    """Return the plugin class at a dotted path, adapted if it is of an old form.

    The current directory is searched last, so nothing in it hides what is installed.

    Raises:
        PluginError: it cannot be imported, or is not a plugin of the registry's kind.
    """
    found = _import(path)
    plugin: type[object]
    if isinstance(found, type) and issubclass(found, (Behavior, Protocol)) and not _is_old(found):
        plugin = found
    else:
        from .legacy.adaptation import adapt

        plugin = adapt(found)
    if not issubclass(plugin, registry.base):
        raise PluginError(f"{path!r} is not a {registry.kind}")
    return plugin


def _is_old(plugin: type[object]) -> bool:
    """Whether a class that derives from one of today's is of an old form all the same."""
    return any(hasattr(plugin, hook) for hook in OLD_HOOKS)


def _import(path: str) -> object:
    module, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    if "" not in sys.path:
        sys.path.append("")
    try:
        found: object = import_module(module)
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(f"{path!r} cannot be imported: {reason}") from error
    try:
        return attrgetter(name)(found)
    except AttributeError:
        raise PluginError(f"{path!r} cannot be imported: {module!r} has no {name!r}") from None


def renamed(plugin: type[PluginType], name: str) -> type[PluginType]:
    """Return the same plugin under another name."""
    make = cast("Callable[..., type[PluginType]]", type(plugin))
    body = {"__doc__": plugin.__doc__, "__module__": plugin.__module__, "name": name}
    return make(plugin.__name__, (plugin,), body)


def load_named(kind: str, path: str, name: str = "") -> type[Configurable]:
    """Return the behavior or protocol at a dotted path, under this name if it is given.

    Raises:
        PluginError: see ``load``.
    """
    loaders: dict[str, Callable[[str], type[Configurable]]] = {
        behaviors.kind: partial(load, behaviors),
        protocols.kind: partial(load, protocols),
    }
    plugin = loaders[kind](path)
    return plugin if name in ("", plugin.name) else renamed(plugin, name)


def proxy_type(spec: ProxySpec, *, live: bool, plain: type[Proxy] | None = None) -> type[Proxy]:
    """Return the class of the proxy that can run what this one declares.

    ``live``: its plan may be replaced by one with any registered behavior.  ``plain``: the class
    of those without old plugins.
    """
    if _old_plugins_may_run(spec, live=live):
        from .legacy.proxy import LegacyProxy

        return LegacyProxy
    from .net.proxy import Proxy

    return plain or Proxy


def make_proxy(
    reactor: Reactor,
    spec: ProxySpec,
    emit: Emit,
    *,
    settings: Mapping[str, object],
    max_threads: int,
    live: bool,
    plain: type[Proxy] | None = None,
) -> Proxy:
    """Return a proxy that is not open yet, of the class that ``proxy_type`` tells.

    ``settings`` and ``max_threads`` are for old plugins.
    """
    if _old_plugins_may_run(spec, live=live):
        from .legacy.proxy import LegacyProxy

        return LegacyProxy(reactor, spec, emit, settings=settings, max_threads=max_threads)
    return proxy_type(spec, live=live, plain=plain)(reactor, spec, emit)


def is_old(plugin: type[Configurable]) -> bool:
    """Whether it was adapted from an old form."""
    if "vaurien.legacy" not in sys.modules:
        return False  # nothing can have been adapted
    from .legacy.adaptation import is_legacy

    return is_legacy(plugin)


def _old_plugins_may_run(spec: ProxySpec, *, live: bool) -> bool:
    if "vaurien.legacy" not in sys.modules:
        return False
    chosen: list[type[Configurable]] = [type(spec.protocol)]
    chosen += [type(rule.behavior) for rule in spec.plan.rules]
    return any(map(is_old, chosen)) or (live and any(map(is_old, _registered())))


def _registered() -> Iterator[type[Behavior]]:
    for name in behaviors.names():
        with suppress(PluginError):  # reported when it is used
            yield behaviors.get(name)
