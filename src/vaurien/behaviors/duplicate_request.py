"""duplicate-request: a request that arrives twice."""

from __future__ import annotations

from typing import Self

from ..behavior import Behavior, Firing
from ..errors import OptionError
from ..protocol import Protocol
from ..values.actions import Actions, Forward
from ..values.messages import Message

KEEP_LIMIT = 1024 * 1024
"""Bytes of a request that are kept to send them again; a longer one is sent once."""


class DuplicateRequest(Behavior):
    """Hands the request to the backend twice; the client gets the first answer.

    Handed on once are: a request of more than 1 MiB; one that the backend may ask more of, as
    it does of a mail's content, since it would take the second for that; and what then follows.
    """

    name = "duplicate-request"
    lasting = True
    needs_messages = True

    def fit(self, protocol: type[Protocol]) -> Self:
        if not protocol.framed:
            raise OptionError(
                f"is not allowed with the protocol {protocol.name!r}, "
                "which can't tell responses apart",
                key="behavior",
                given=self.name,
            )
        return self

    def on_message(self, message: Message, firing: Firing) -> Actions:
        kept = firing.kept
        if not message.to_backend:
            if not kept or kept[-1].to_backend:
                yield Forward(message)
            if kept and message.final and message.ends:
                kept[:] = [message.with_data(b"")]  # what comes now is the second answer
            return
        yield Forward(message)
        if message.continues or not message.final:
            return
        if message.offset + len(message.data) > KEEP_LIMIT:
            kept.clear()
        elif kept or message.begins:
            kept.append(message)
            if message.ends:
                for piece in kept:
                    yield Forward(piece._replace(again=True))
