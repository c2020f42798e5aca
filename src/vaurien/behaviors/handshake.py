"""handshake: a handshake with the client that goes wrong."""

from __future__ import annotations

from typing import ClassVar, Self

from ..behavior import Firing
from ..errors import OptionError
from ..protocol import Protocol
from ..values.actions import Actions
from ..values.messages import Message
from .error import Faulty


class Handshake(Faulty):
    """Breaks the handshake in which vaurien, where it speaks TLS to clients, is the server.

    The faults are those of the protocol ``tls``.  A client that accepts a certificate with a flaw
    is served; see the label ``accepted``.  Open connections are not affected.
    """

    name = "handshake"
    scopes = ("connection",)
    per_connection: ClassVar[bool] = True
    plays: ClassVar[str | None] = "tls"

    def fit(self, protocol: type[Protocol]) -> Self:
        if not protocol.greeted:
            raise OptionError(
                "needs a proxy that speaks TLS to its clients",
                key="behavior",
                given=self.name,
                allowed="the key tls of the proxy as terminate or both; "
                "elsewhere the behavior error with the protocol tls",
            )
        return super().fit(protocol)

    def on_hello(self, hello: Message, firing: Firing) -> Actions:
        chosen = self.only or self.chosen(firing)
        return chosen.fault.greet(hello, firing, chosen.values)
