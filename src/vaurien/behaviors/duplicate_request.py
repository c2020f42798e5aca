"""duplicate-request: a request that arrives twice."""

from __future__ import annotations

from typing import Self

from ..behavior import Behavior, Firing
from ..errors import OptionError
from ..protocol import Protocol
from ..values.actions import Actions, Forward
from ..values.messages import Direction, Message

KEEP_LIMIT = 1024 * 1024
"""Bytes of a request that are kept to send it again; a longer request is sent once."""


class DuplicateRequest(Behavior):
    """Sends the request to the backend twice; the client gets the first response.

    Some requests are sent once: those longer than 1 MiB; those of which the backend may ask for
    more, such as a mail's content, as it would take the copy for that; what then follows; and
    those whose second response could not be told from others, as after ``CLIENT REPLY SKIP``.
    """

    name = "duplicate-request"
    lasting = True
    needs_messages = True
    ignores_unsolicited = True

    def fit(self, protocol: type[Protocol]) -> Self:
        if not protocol.framed:
            raise OptionError(
                f"is not allowed with the protocol {protocol.name!r}, "
                "which can't tell responses apart",
                key="behavior",
                given=self.name,
            )
        return self

    def acts_in(self, direction: Direction) -> bool:
        return direction is Direction.TO_BACKEND

    def on_message(self, message: Message, firing: Firing) -> Actions:
        progress = firing.of_exchange(Progress)
        if not message.to_backend:
            if not progress.answered:
                yield Forward(message)
            if progress.pieces and message.final and message.ends:
                progress.answered = True
            return
        yield Forward(message)
        if message.continues:
            return
        if not message.final or message.offset + len(message.data) > KEEP_LIMIT:
            progress.pieces.clear()
        elif progress.pieces or message.begins:
            progress.pieces.append(message)
            if message.ends:
                for piece in progress.pieces:
                    yield Forward(piece._replace(again=True))


class Progress:
    """How far an exchange has got."""

    def __init__(self) -> None:
        self.pieces: list[Message] = []  # of the request, to send it again
        self.answered = False  # the first response has arrived: the next is the second
