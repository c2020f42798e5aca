# ruff: noqa: ARG002 - old plugins expect these parameters
"""The base classes of old plugins, and their calling conventions.

handler
    Versions 0.1 to 0.3.  It moves the data and causes the trouble.  If its first
    parameter is named ``client_sock``, it is called by keyword with the two ends of the
    connection; otherwise by position, with the source and the destination of the data.
protocol
    Since 0.4.  It moves the data, and calls the hooks of a behavior around that.  If
    its ``_handle`` has four parameters, the fourth is ``on_between_handle``.
behavior
    Since 0.4.  A protocol calls its hooks.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from socket import socket
from typing import ClassVar, cast

from .sockets import HandedSocket, Received

Call = Callable[[HandedSocket, HandedSocket, bool], object]
"""Calls a plugin with the client's socket, the backend's, and ``to_backend``."""
Declaration = tuple[object, ...]
"""An option: description, type, default and, optionally, choices."""

BUFFER = 8192
TRUE_WORDS = frozenset({"y", "yes", "1", "on", "true"})
HOOKS = ("on_before_handle", "on_between_handle", "on_after_handle")

log = logging.getLogger("vaurien")


class Optioned:
    """Settings and options, common to all old plugins."""

    name: str = ""
    options: ClassVar[Mapping[str, Declaration]] = {}

    def __init__(
        self, settings: Mapping[str, object] | None = None, proxy: object | None = None
    ) -> None:
        before: Mapping[str, object] = getattr(self, "settings", {})  # it may have been equipped
        self.settings: dict[str, object] = dict(before if settings is None else settings)
        self.proxy = proxy
        self.logger = log

    def update_settings(self, settings: Mapping[str, object]) -> None:
        self.settings.update(settings)

    def option(self, name: str) -> object:
        """Return the value of an option, converted to its type."""
        type_, default = self.options[name][1:3]
        return self._convert(self.settings.get(name, default), type_)

    def _convert(self, value: object, type_: object) -> object:
        if value is None or (isinstance(type_, type) and isinstance(value, type_)):
            return value
        if type_ is bool:
            return str(value).lower() in TRUE_WORDS
        return cast(Callable[[object], object], type_)(value)

    def _get_data(self, sock: socket, *rest: object, buffer: int | None = None) -> Received:
        """Read from ``(sock)``, or from the source in ``(client, backend, to_backend)``.

        A further argument, or ``buffer``, is the maximum number of bytes.
        """
        if len(rest) >= 2:
            backend, to_backend, *rest_of_all = rest
            sock = sock if to_backend else cast(socket, backend)
            rest = tuple(rest_of_all)
        size = rest[0] if rest else buffer
        if size is None:
            size = self.option("buffer") if "buffer" in self.options else BUFFER
        return Received(sock.recv(cast(int, size)))


class BaseHandler(Optioned):
    """The base of handlers."""

    def _get_data(self, sock: socket, *rest: object, buffer: int | None = None) -> Received:
        """Read as other plugins do, but nothing from a broken connection."""
        try:
            return super()._get_data(sock, *rest, buffer=buffer)
        except OSError:
            return Received()


class BaseProtocol(Optioned):
    """The base of protocols; subclasses define ``_handle``."""

    options: ClassVar[Mapping[str, Declaration]] = {
        "reuse_socket": ("If True, the socket is reused.", bool, False),
        "buffer": ("Buffer size", int, 8124),
        "keep_alive": ("Keep the connection alive", bool, False),
    }

    def __call__(self, source: socket, dest: socket, to_backend: bool, behavior: Dummy) -> object:
        if not behavior.on_before_handle(self, source, dest, to_backend):
            return True
        between = functools.partial(behavior.on_between_handle, self, source, dest, to_backend)
        try:
            if takes_between(self._handle):
                return self._handle(source, dest, to_backend, between)
            return self._handle(source, dest, to_backend)
        finally:
            behavior.on_after_handle(self, source, dest, to_backend)

    def _handle(self, source: socket, dest: socket, to_backend: bool, *between: object) -> object:
        raise NotImplementedError

    def _abort_handling(self, to_backend: bool, backend_sock: socket) -> None:
        if not to_backend and not self.option("reuse_socket"):
            backend_sock.close()


class Dummy(Optioned):
    """The base of behaviors, with hooks that do nothing."""

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        return True

    on_between_handle = on_before_handle
    on_after_handle = on_before_handle


Form = type[BaseHandler] | type[BaseProtocol] | type[Dummy]


def form_of(plugin: object) -> Form | None:
    """Return the base of a class, instance or function: the one it has, or the one it fits."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    if any(hasattr(cls, hook) for hook in HOOKS):
        return Dummy
    if hasattr(cls, "_handle"):
        return BaseProtocol
    # Not hasattr: every class is callable.
    if not any("__call__" in vars(base) for base in cls.__mro__):
        return None
    call = cast(Callable[..., object], plugin)
    parameters = _parameters(cls.__call__)[1:] if cls is plugin else _parameters(call)
    if len(parameters) > 3:
        return BaseProtocol
    variadic = any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters)
    return BaseHandler if len(parameters) == 3 or variadic else None


def call_of_handler(handler: Callable[..., object]) -> Call:
    """Return how to call a handler."""
    if takes_ends(handler):
        return lambda client, backend, to_backend: handler(
            client_sock=client, backend_sock=backend, to_backend=to_backend
        )
    return call_by_position(handler)


def call_by_position(plugin: Callable[..., object], *more: object) -> Call:
    """Return how to call a handler, or a protocol with a behavior."""
    return lambda client, backend, to_backend: plugin(
        *((client, backend) if to_backend else (backend, client)), to_backend, *more
    )


def takes_ends(handler: Callable[..., object]) -> bool:
    """Whether a handler takes ``client_sock``, ``backend_sock`` and ``to_backend``, by keyword."""
    first = next(iter(_parameters(handler)), None)
    return first is not None and (first.name == "client_sock" or first.kind is first.VAR_KEYWORD)


def takes_between(handle: Callable[..., object]) -> bool:
    """Whether a ``_handle`` takes ``on_between_handle`` after source, dest and direction."""
    parameters = _parameters(handle)
    return len(parameters) > 3 or any(one.kind is one.VAR_POSITIONAL for one in parameters)


def names_of_parameters(function: Callable[..., object]) -> list[str]:
    """Return the names of a function's parameters; none if it does not tell."""
    return [parameter.name for parameter in _parameters(function)]


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # written in C
        return []
