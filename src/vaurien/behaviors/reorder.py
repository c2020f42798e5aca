"""reorder: chunks that overtake each other."""

from __future__ import annotations

from typing import Self

from ..behavior import Behavior, Firing
from ..errors import OptionError
from ..protocol import Protocol
from ..values.actions import Actions, Behind, Forward
from ..values.messages import Message
from ..values.options import option


class Reorder(Behavior):
    """Passes chunks of a raw stream on after the chunk that follows; nothing is lost.

    TCP keeps bytes in order; a broken tunnel, or a sender with several threads, does this to a
    stream of unnumbered records.  A chunk is what one read returns.  It waits ``patience`` seconds
    for the next chunk, and is passed on before the end of the stream in any case.  A chunk that
    overtakes is not held back itself, so with ``chance=100`` pairs are swapped.  Only for streams
    without messages.  Toxiproxy has no equivalent.
    """

    name = "reorder"
    resumable = True
    scopes = ("connection", "exchange")
    chance: float = option(100.0, "percentage of chunks that are overtaken", minimum=0, maximum=100)
    patience: float = option(0.05, "seconds that a chunk waits for the next one", minimum=0)

    def fit(self, protocol: type[Protocol]) -> Self:
        if protocol.framed:
            raise OptionError(
                f"is not allowed with the protocol {protocol.name!r}, whose messages "
                "it would tear apart: use the protocol 'tcp'",
                key="behavior",
                given=self.name,
            )
        return self

    def on_message(self, message: Message, firing: Firing) -> Actions:
        waiting = firing.own(Waiting, message.direction)
        again = message.at == waiting.at and waiting.updated_at < firing.updated_at
        if not again and message.at < waiting.until:
            waiting.until = 0.0
            yield Forward(message)
        elif again or 100 * firing.draws(message.direction).random() < self.chance:
            waiting.at, waiting.updated_at = message.at, firing.updated_at
            waiting.until = message.at + self.patience
            yield Behind(message, waiting.until)
        else:
            yield Forward(message)


class Waiting:
    """The chunk of a direction that waits for the next; a changed rule is asked about it again."""

    until = 0.0  # when it is passed on; 0 if none waits
    at = -1.0  # when it arrived
    updated_at = 0.0  # when the rule had been updated
