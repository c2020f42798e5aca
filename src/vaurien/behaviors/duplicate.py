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
    """Passes chunks of a raw stream on twice, the copy right behind the original.

    TCP never does this; a sender that retries, or a broken tunnel, does it to a stream of
    unnumbered records.  A chunk is what one read returns.  Only for streams without messages:
    ``duplicate-request`` knows where a request ends.  Toxiproxy has no equivalent.
    """

    name = "duplicate"
    scopes = ("connection", "exchange")
    chance: float = option(100.0, "percentage of chunks that arrive twice", minimum=0, maximum=100)

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
