# ruff: noqa: ARG002 - parameters that are there because old plugins expect them
"""The classes that old plugins were derived from, and how their calls were made.

handler
    Versions 0.1 to 0.3.  It both moves the data and misbehaves.  The name of its
    first parameter tells how it is called: ``client_sock`` means by keyword, with
    the ends of the connection; anything else means by position, with the socket
    that has data and the one it is for.
protocol
    From 0.4 on.  It moves the data, around the hooks of a behavior.  The number of
    parameters of ``_handle`` tells whether it takes ``on_between_handle``.
behavior
    From 0.4 on.  Its hooks are called around a protocol's handling.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from socket import socket
from typing import ClassVar, Protocol, cast

from .sockets import HandedSocket, Received

Call = Callable[[HandedSocket, HandedSocket, bool], object]
"""A plugin, called with the client's socket, the backend's, and whether data is for the latter."""
Declaration = tuple[object, ...]
"""An option: description, type, default and perhaps choices."""

BUFFER = 8192
TRUE_WORDS = frozenset({"y", "yes", "1", "on", "true"})
HOOKS = ("on_before_handle", "on_between_handle", "on_after_handle")

log = logging.getLogger("vaurien")


class Hooks(Protocol):
    """What a protocol calls on a behavior."""

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object: ...
    def on_between_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object: ...
    def on_after_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object: ...


class Optioned:
    """Settings and options, as all old plugins know them."""

    name: str = ""
    options: ClassVar[Mapping[str, Declaration]] = {}

    def __init__(
        self, settings: Mapping[str, object] | None = None, proxy: object | None = None
    ) -> None:
        self.settings: dict[str, object] = dict(settings or {})
        self.proxy = proxy
        self.logger = log

    def update_settings(self, settings: Mapping[str, object]) -> None:
        self.settings.update(settings)

    def option(self, name: str) -> object:
        """The value of an option, converted to its type."""
        type_, default = self.options[name][1:3]
        return self._convert(self.settings.get(name, default), type_)

    def _convert(self, value: object, type_: object) -> object:
        if value is None or (isinstance(type_, type) and isinstance(value, type_)):
            return value
        if type_ is bool:
            return str(value).lower() in TRUE_WORDS
        return cast(Callable[[object], object], type_)(value)

    def _get_data(self, sock: socket, *rest: object, buffer: int | None = None) -> Received:
        """Read from ``(sock)``, or from the side with data of ``(client, backend, to_backend)``.

        One more argument, or ``buffer``, is how much to read at most.
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
        """As for all plugins; a handler reads nothing from a broken connection."""
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

    def __call__(self, source: socket, dest: socket, to_backend: bool, behavior: Hooks) -> object:
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
    """The base of behaviors: hooks that do nothing."""

    def on_before_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        return True

    def on_between_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        return True

    def on_after_handle(
        self, protocol: object, source: socket, dest: socket, to_backend: bool
    ) -> object:
        return True


Form = type[BaseHandler] | type[BaseProtocol] | type[Dummy]


def form_of(plugin: object) -> Form | None:
    """The base that a class (or an instance, or a function) has or could have had, if any."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    if any(hasattr(cls, hook) for hook in HOOKS):
        return Dummy
    if hasattr(cls, "_handle"):
        return BaseProtocol
    # Not hasattr: every class is callable itself.
    if not any("__call__" in vars(base) for base in cls.__mro__):
        return None
    call = cast(Callable[..., object], plugin)
    parameters = _parameters(cls.__call__)[1:] if cls is plugin else _parameters(call)
    if len(parameters) > 3:
        return BaseProtocol
    variadic = any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters)
    return BaseHandler if len(parameters) == 3 or variadic else None


def call_of_handler(handler: Callable[..., object]) -> Call:
    """How a handler is called."""
    if takes_ends(handler):
        return lambda client, backend, to_backend: handler(
            client_sock=client, backend_sock=backend, to_backend=to_backend
        )
    return lambda client, backend, to_backend: handler(
        *((client, backend) if to_backend else (backend, client)), to_backend
    )


def call_of_protocol(protocol: Callable[..., object], behavior: object) -> Call:
    """How a protocol is called, with the behavior whose hooks it calls."""
    return lambda client, backend, to_backend: protocol(
        *((client, backend) if to_backend else (backend, client)), to_backend, behavior
    )


def takes_ends(handler: Callable[..., object]) -> bool:
    """Whether a handler takes ``client_sock``, ``backend_sock`` and ``to_backend``, by keyword."""
    first = next(iter(_parameters(handler)), None)
    return first is not None and (first.name == "client_sock" or first.kind is first.VAR_KEYWORD)


def takes_between(handle: Callable[..., object]) -> bool:
    """Whether a ``_handle`` takes ``on_between_handle`` after source, dest and direction."""
    parameters = _parameters(handle)
    return len(parameters) > 3 or any(one.kind is one.VAR_POSITIONAL for one in parameters)


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # written in C
        return []
