"""Faults of streams of events by script: events go in, and what the client gets comes out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from acting import firing, request, response
from vaurien.fault import values_of
from vaurien.protocols.http.event_faults import LAST_CHUNK
from vaurien.protocols.http.events import Content
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.http.heads import CHUNKED
from vaurien.rules.firing import Firing
from vaurien.values.actions import Action, Actions, Close, Forward
from vaurien.values.messages import Message

SENT = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = SENT.replace(b"text/event-stream", b"application/x-ndjson")
ASKED = b"POST /v1/x HTTP/1.1\r\nAccept-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"


def event(data: object, name: str = "") -> bytes:
    """A server-sent event; its data is a text, or becomes JSON."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


ONE, TWO, THREE, FOUR = (event(word) for word in ("one", "two", "three", "four"))
DONE = event("[DONE]")
PING = event({"type": "ping"}, "ping")
COMMENT = b": hello\n\n"


def chunks(content: bytes, size: int = 7) -> bytes:
    """A chunked body."""
    parts = [content[place : place + size] for place in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + LAST_CHUNK


def whole(data: object) -> bytes:
    """A response that is no stream, but JSON."""
    body = json.dumps(data, separators=(",", ":")).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


@dataclass
class Outcome:
    """What a fault has done."""

    actions: list[Action] = field(default_factory=list)
    """All but what was forwarded."""
    data: bytes = b""
    """What the client got."""
    pieces: list[bytes] = field(default_factory=list)
    """The same, piece by piece."""

    def take(self, actions: Actions) -> bool:
        """Note actions; return whether the connection goes on."""
        for action in actions:
            if isinstance(action, Forward):
                assert action.message.begins is (self.data == b"")
                assert action.message.offset == len(self.data)
                self.data += action.message.data
                self.pieces.append(action.message.data)
            else:
                self.actions.append(action)
                if isinstance(action, Close):
                    return False
        return True

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def content(self) -> bytes:
        """The content of a chunked body, which need not be whole."""
        return Content(CHUNKED).feed(self.body)

    @property
    def is_whole(self) -> bool:
        """Whether the last chunk has been sent."""
        return self.body.endswith(b"\r\n" + LAST_CHUNK)


def asked(provider: str, fired: Firing, name: str = "first-token-stall") -> bytes:
    """Have a fault see the request; return what the backend gets."""
    fault = CATALOGUE.find(name)
    message = request(ASKED)._replace(labels={"provider": provider}, about="POST")
    (action,) = fault.play(message, fired, values_of(fault, {}))
    assert isinstance(action, Forward)
    return action.message.data


def pieces_of(data: bytes, size: int = 0) -> list[Message]:
    """A response, whole or in pieces of this size, the first of which also has the head."""
    told = response(data)._replace(about="POST")
    if not size:
        return [told]
    head = data.index(b"\r\n\r\n") + len(b"\r\n\r\n")
    ends = [*range(head + size, len(data), size), len(data)]
    return [told.part(begin, end) for begin, end in pairwise([0, *ends])]


def told(
    name: str,
    answer: bytes | Iterable[bytes],
    *,
    provider: str = "",
    size: int = 0,
    **parameters: Any,
) -> Outcome:
    """Play a fault on a response, or on a stream of these events, in pieces of this size."""
    fault, fired = CATALOGUE.find(name), firing()
    if provider:
        asked(provider, fired, name)
    data = answer if isinstance(answer, bytes) else SENT + chunks(b"".join(answer))
    outcome = Outcome()
    for piece in pieces_of(data, size):
        if not outcome.take(fault.play(piece, fired, values_of(fault, parameters))):
            break
    return outcome
