"""Clients of the HTTP API.

Law: they work with proxies of any version, and import nothing else of vaurien.

``steps``         operations as generators, which do no I/O, and what makes methods of them
``classic``, ``native``, ``proxy``  the operations: each is written once, for both clients
``resources``     proxies and rules as the API answers them
``wire``, ``stream``  HTTP/1.1 and streams of events, without I/O
``blocking``      ``Client``, on sockets
``asynchronous``  ``AsyncClient``, on asyncio's streams
``errors``        what a request may fail with
``ctl``           the command ``vaurienctl``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .blocking import Client, ProxyHandle
from .ctl import main
from .errors import ApiError, ClientError, ConflictError, NotFoundError
from .resources import Proxy, Rule
from .wire import Event

if TYPE_CHECKING:
    from .asynchronous import AsyncClient, AsyncProxyHandle

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncProxyHandle",
    "Client",
    "ClientError",
    "ConflictError",
    "Event",
    "NotFoundError",
    "Proxy",
    "ProxyHandle",
    "Rule",
    "main",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:  # so that only who asks for it imports asyncio
        if name in ("AsyncClient", "AsyncProxyHandle"):
            from . import asynchronous

            return getattr(asynchronous, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
