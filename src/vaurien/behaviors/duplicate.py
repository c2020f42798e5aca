"""duplicate: chunks that arrive twice."""

from __future__ import annotations

from typing import Self

from ..behavior import Behavior, Firing
from ..errors import OptionError
from ..protocol import Protocol
from ..values.actions import Actions, Forward
from ..values.messages import Message
from ..values.options import option


class Duplicate(Behavior):
    """Hands chunks of a raw stream on twice, the copy right behind; nothing is lost.

    TCP itself never does, so this is what a sender that tries again, or a broken tunnel, makes of
    a stream whose records it does not number.  A chunk is what one read of the system gives.
    Only for streams without messages: of a request, ``duplicate-request`` knows where it ends.
    Toxiproxy has nothing like it.
    """

    name = "duplicate"
    scopes = ("connection", "exchange")
    chance: float = option(100.0, "how many of 100 chunks arrive twice", minimum=0, maximum=100)

    def fit(self, protocol: type[Protocol]) -> Self:
        if protocol.framed:
            raise OptionError(
                f"is not allowed with the protocol {protocol.name!r}, whose messages "
                "it would break anywhere: use 'duplicate-request', or the protocol 'tcp'",
                key="behavior",
                given=self.name,
            )
        return self

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Forward(message)
        if 100 * firing.draws(message.direction).random() < self.chance:
            yield Forward(message._replace(again=True))
