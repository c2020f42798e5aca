"""vaurien, a chaos TCP proxy.

What is public is here, and imported when it is first asked for::

    from vaurien import Behavior, Forward, Wait, option, register
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost as much as all of --version

if TYPE_CHECKING:
    from . import errors as errors
    from .behavior import Behavior as Behavior
    from .behavior import Delaying as Delaying
    from .client.asynchronous import AsyncClient as AsyncClient
    from .client.blocking import Client as Client
    from .embedded.chaos import Chaos as Chaos
    from .embedded.chaos import chaos as chaos
    from .launch import start_proxy as start_proxy
    from .launch import stop_proxy as stop_proxy
    from .protocol import Parser as Parser
    from .protocol import Protocol as Protocol
    from .protocol import Stream as Stream
    from .registry import register as register
    from .rules.firing import Firing as Firing
    from .values.actions import Actions as Actions
    from .values.actions import Behind as Behind
    from .values.actions import Close as Close
    from .values.actions import Drop as Drop
    from .values.actions import Forward as Forward
    from .values.actions import Hold as Hold
    from .values.actions import Refuse as Refuse
    from .values.actions import Reply as Reply
    from .values.actions import Wait as Wait
    from .values.messages import Direction as Direction
    from .values.messages import Ended as Ended
    from .values.messages import Message as Message
    from .values.options import option as option
    from .version import __version__ as __version__

_HOMES = {
    "Actions": "values.actions",
    "AsyncClient": "client.asynchronous",
    "Behavior": "behavior",
    "Behind": "values.actions",
    "Chaos": "embedded.chaos",
    "Client": "client.blocking",
    "Close": "values.actions",
    "Delaying": "behavior",
    "Direction": "values.messages",
    "Drop": "values.actions",
    "Ended": "values.messages",
    "Firing": "rules.firing",
    "Forward": "values.actions",
    "Hold": "values.actions",
    "Message": "values.messages",
    "Parser": "protocol",
    "Protocol": "protocol",
    "Refuse": "values.actions",
    "Reply": "values.actions",
    "Stream": "protocol",
    "Wait": "values.actions",
    "__version__": "version",
    "chaos": "embedded.chaos",
    "option": "values.options",
    "register": "registry",
    "start_proxy": "launch",
    "stop_proxy": "launch",
}
"""Each public name, and the module it lives in."""


if not TYPE_CHECKING:  # which would take any name for a public one

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "logger":  # old plugins import it
            import logging

            return logging.getLogger("vaurien")
        if name == "errors":
            return import_module(".errors", __name__)
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "errors"})
