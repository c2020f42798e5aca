"""A small line-based protocol, framed, with all that framing has to cope with.

A request is a line ``VERB argument``; ``PUT n`` is followed by a body of n bytes,
and ``QUIET`` verbs get no response.  A response is a line; ``MORE`` announces
another response to the same request, ``BODY n`` is followed by n bytes, and a line
that begins with ``!`` is said unasked.
"""

from __future__ import annotations

from random import Random

from vaurien.errors import ProtocolError
from vaurien.messages import Message
from vaurien.protocol import Parser, Protocol, Stream


class Lines(Protocol):
    """See the module."""

    name = "lines"
    labels = {"command": "the first word of the line", "key": "the second"}

    def requests(self, stream: Stream) -> Parser:
        while True:
            words = (yield from stream.readline()).decode("latin-1").split()
            if not words:
                raise ProtocolError("an empty line")
            labels = dict(zip(("command", "key"), words, strict=False))
            stream.begin(labels, expects_reply=words[0] != "QUIET")
            if words[0] == "PUT":
                yield from stream.skip(int(words[1]))
            stream.end()

    def responses(self, stream: Stream) -> Parser:
        while True:
            line = yield from stream.readline()
            stream.begin(unsolicited=line.startswith(b"!"))
            if line.startswith(b"BODY"):
                yield from stream.skip(int(line.split()[1]))
            stream.end(final=not line.startswith(b"MORE"))

    def error(self, message: Message, random: Random) -> bytes:
        return b"ERROR\n"
