"""Protocols: what the bytes of a connection mean.

A protocol is a pair of parsers, one for each direction, and the faults native to it.
Parsers are generators without I/O, which read a ``Stream`` and mark where messages begin
and end.  They cannot change the bytes, nor lose any: messages are cut out of what arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from .fault import NO_FAULTS, Catalogue
from .parsing.exchanges import Exchanges
from .parsing.stream import LINE_LIMIT, READ_LIMIT, Parser, Stream
from .values.actions import Forward, Reply
from .values.messages import NO_LABELS, Message
from .values.options import Configurable

if TYPE_CHECKING:
    from random import Random

__all__ = ["LINE_LIMIT", "READ_LIMIT", "Exchanges", "Parser", "Protocol", "Stream"]

ERROR_SIZE = 1000


class Protocol(Configurable):
    """The base class of protocols.

    Each connection has an instance of its own, a copy: ``requests`` and ``responses`` run
    side by side on it and may share attributes.
    """

    framed: ClassVar[bool] = True
    """It cuts messages out of the stream; otherwise each chunk is a message."""
    labels: ClassVar[Mapping[str, str]] = NO_LABELS
    """What its requests are labelled with, and so rules may match on: label -> help."""
    response_labels: ClassVar[Mapping[str, str]] = NO_LABELS
    """What is known with the response only: label -> help."""
    tallied: ClassVar[str] = "command"
    """The label by which its exchanges are counted."""
    backend_first: ClassVar[bool] = False
    """The backend speaks first; a client that does speaks something else."""
    faults: ClassVar[Catalogue] = NO_FAULTS
    """The errors that its servers give."""

    # Not annotated: they are no options.
    adjusting = False
    """While it is set, each message passes through ``adjust`` before rules see it."""
    backend = ""
    """The address of the proxy's backend, as text."""

    def requests(self, stream: Stream) -> Parser:
        """Parse what the client says; runs until the connection ends."""
        del stream
        raise NotImplementedError
        yield  # as every parser does

    def responses(self, stream: Stream) -> Parser:
        """Parse what the backend says; runs until the connection ends."""
        del stream
        raise NotImplementedError
        yield  # as every parser does

    def adjust(self, message: Message) -> Forward | Reply:
        """The message as it shall go on, or what its sender is told in the other peer's place."""
        return Forward(message)

    def tell(self, text: str) -> None:
        """Have something logged, once for each proxy; connections replace this."""

    def error(self, message: Message, random: Random) -> bytes:
        """A typical error in answer to a request; here, bytes that mean nothing.

        Protocols with a catalogue of faults need none.
        """
        del message
        return random.randbytes(ERROR_SIZE)
