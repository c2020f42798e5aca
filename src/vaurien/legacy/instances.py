"""Instances of old plugins, with their settings, proxy and logger."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ..values.options import Configurable
from . import behaviors
from .adaptation import Adapted
from .forms import Form, form_of, log, names_of_parameters

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from ..net.view import ProxyView

MODERN_BEHAVIORS = "vaurien.behaviors."


class PluginProxy:
    """The ``proxy`` attribute of old plugins."""

    def __init__(self, proxy: ProxyView, settings: Mapping[str, object]) -> None:
        self._proxy = proxy
        self._logger: logging.Logger = log
        self.logger: logging.Logger = log
        self.settings = settings
        """The proxy's settings by their flags: ``timeout`` and so on."""

    @property
    def backend(self) -> str:
        """The backend's address, ``host:port``."""
        return str(self._proxy.backend)

    @property
    def dest(self) -> tuple[str, int]:
        """The backend's host and port."""
        return self._proxy.backend.host, self._proxy.backend.port

    @property
    def protocol(self) -> str:
        """The name of the protocol."""
        return self._proxy.protocol.name


class Instance:
    """One configured plugin on one proxy.

    The first thread that needs the instance creates it; the threads of all connections
    share it, and so its counters.
    """

    def __init__(self, adapted: Adapted, proxy: PluginProxy) -> None:
        self.adapted = adapted
        self._proxy = proxy
        self._making = threading.Lock()
        self._made: object | None = None

    def get(self) -> object:
        """Return the plugin; create it on the first call.

        Raises:
            Exception: raised by its ``__init__``; the next call tries again.
        """
        with self._making:
            if self._made is None:
                self._made = make(self.adapted, self._proxy)
            return self._made


def make(adapted: Adapted, proxy: PluginProxy) -> object:
    """Return an instance of an old plugin that is ready to be called.

    It has ``settings``, ``proxy`` and ``logger`` before ``__init__`` runs, and again
    afterwards.
    """
    made = adapted.plugin
    settings = adapted.old_settings()
    if isinstance(made, type):
        cls = completed(made)
        made = cast("Callable[[type], object]", cls.__new__)(cls)
        _equip(made, proxy)
        cast("dict[str, object]", getattr(made, "settings")).update(settings)  # noqa: B009
        _initialise(made, {"settings": dict(settings), "proxy": proxy})
    _equip(made, proxy)
    if hasattr(made, "update_settings"):
        made.update_settings(settings)
    else:
        cast("dict[str, object]", getattr(made, "settings")).update(settings)  # noqa: B009
    return made


def completed(cls: type) -> type:
    """Return the class, with the base class of its form added if it lacks that.

    A subclass of a built-in behavior gets that behavior's old form as a base, before the
    current one, so that ``super()`` finds what was there when it was written.
    """
    base: type = cast(Form, form_of(cls))
    for ancestor in cls.__mro__:
        if ancestor.__module__.startswith(MODERN_BEHAVIORS):
            base = getattr(behaviors, ancestor.__name__, base)
            break
    if issubclass(cls, base):
        return cls
    if not issubclass(cls, Configurable):
        return type(cls.__name__, (cls, base), {})
    made = _OldFirst(cls.__name__, (cls, base), {})
    for each in made.__mro__:
        if each is made or not each.__module__.startswith("vaurien."):
            _forget_generated(each)
    return made


class _OldFirst(type):
    """The classes of today, which a subclass of a built-in behavior has, come last."""

    def mro(cls) -> list[type]:
        found = super().mro()
        last = [each for each in found if issubclass(each, Configurable) and _is_ours(each)]
        return [*(each for each in found[:-1] if each not in last), *last, object]


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("vaurien.") and cls.__module__ != __name__


def _forget_generated(cls: type) -> None:
    """Remove the ``__init__`` that being a subclass of ``Configurable`` has added to a class."""
    code = getattr(vars(cls).get("__init__"), "__code__", None)
    if code is not None and code.co_filename == "<string>":
        del cls.__init__  # type: ignore[misc]


def _initialise(made: object, known: Mapping[str, object]) -> None:
    """Call ``__init__`` with the settings and the proxy, if it has parameters for them."""
    initialise: Callable[..., None] = getattr(made, "__init__")  # noqa: B009 - of any class
    parameters = names_of_parameters(initialise)
    initialise(**{name: value for name, value in known.items() if name in parameters})


def _equip(made: object, proxy: PluginProxy) -> None:
    if not isinstance(getattr(made, "settings", None), dict):
        setattr(made, "settings", {})  # noqa: B010 - of any class
    setattr(made, "proxy", proxy)  # noqa: B010
    setattr(made, "logger", log)  # noqa: B010
