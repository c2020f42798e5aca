"""Protocols: what the bytes of a connection mean.

A protocol is a pair of parsers, one for each direction, and the faults native to it.
Parsers are generators without I/O, which read a ``Stream`` and mark where messages begin
and end.  They can neither change nor lose bytes: messages are cut out of what arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self
from typing import Protocol as Interface

from .fault import NO_FAULTS, Catalogue
from .parsing.exchanges import Exchanges
from .parsing.reader import LINE_LIMIT, READ_LIMIT, Parser
from .parsing.stream import Stream
from .semantics import Semantics
from .values.actions import Forward, Reply
from .values.messages import NO_LABELS, Message
from .values.options import Configurable

if TYPE_CHECKING:
    from random import Random

    from .parsing.client_hello import ClientHello
    from .rules.kinds import Kind

__all__ = ["LINE_LIMIT", "READ_LIMIT", "Exchanges", "Parser", "Protocol", "Stream"]

ERROR_SIZE = 1000


class TlsServer(Interface):
    """A server of TLS in memory, which shakes hands with a client and does nothing else."""

    accepted: bool
    """The client has finished the handshake: it accepts what it was shown."""
    refused: str
    """Why the handshake has failed, in words; "" if it has not."""

    def feed(self, data: bytes) -> bytes:
        """Take what the client sends, and return what it gets."""


class Protocol(Configurable):
    """The base class of protocols.

    Each connection has its own copy of the instance: ``requests`` and ``responses`` run
    concurrently on it and may share attributes.
    """

    framed: ClassVar[bool] = True
    """Whether it cuts messages out of the stream; otherwise each chunk is a message."""
    labels: ClassVar[Mapping[str, str]] = NO_LABELS
    """The labels of its requests, which rules may match: label -> help."""
    response_labels: ClassVar[Mapping[str, str]] = NO_LABELS
    """Labels that are known only with the response: label -> help."""
    kind_labels: ClassVar[tuple[str, ...]] = ()
    """The labels that say which kind of request it is.

    A rule that matches on one replaces what its fault says in others, if they exclude each other.
    """
    tallied: ClassVar[str] = "command"
    """The label by which exchanges are counted."""
    decrypting: ClassVar[Mapping[str, object]] = {}
    """The options with which it ``decrypts``; none: TLS does not begin in its midst."""
    backend_first: ClassVar[bool] = False
    """The backend speaks first; a client that speaks first uses another protocol."""
    alpn: ClassVar[tuple[str, ...]] = ()
    """Its names in ALPN (RFC 7301): inside of TLS, clients that offer one speak no other."""
    reads_tls: ClassVar[bool] = False
    """It reads TLS itself, so there is nothing for it to read where that is decrypted."""
    allows_tls: ClassVar[bool] = True
    """Its proxies may have the key ``tls``."""
    has_tls: ClassVar[bool] = False
    """This proxy has it; set by ``rules.handshake``."""
    greeted: ClassVar[bool] = False
    """Its clients shake hands with vaurien, which speaks TLS to them."""
    faults: ClassVar[Catalogue] = NO_FAULTS
    """The errors that its servers report."""

    semantics: ClassVar[Semantics] = Semantics()
    """What its requests mean to who judges a client."""

    @classmethod
    def kinds(cls) -> Sequence[Kind]:
        """Return the kinds of exchanges: for each, the texts that its labels can have.

        A rule whose matches none of them meets is rejected, because it could never fire.  Without
        kinds, which is the default, no rule is.
        """
        return ()

    # Not annotated, so these are not options.
    adjusting = False
    """While it is set, each message passes through ``adjust`` before rules see it."""
    decrypts = False
    """Its parsers call ``encrypt`` where peers begin TLS, so that they can read what is inside."""
    delivers = False
    """Each message to the client passes through ``deliver`` after rules have acted on it."""
    backend = ""
    """The address of the proxy's backend, as text."""
    traced = 0, ""
    """The newest request with a ``traceparent`` (W3C Trace Context): its exchange, and that."""

    def __copy__(self) -> Self:
        """Return the copy of a connection, faster than ``copy`` does it of itself."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        state = object.__getstate__(self)
        if isinstance(state, tuple):  # with what is in slots of a subclass
            for name, value in state[1].items():
                setattr(copied, name, value)
        return copied

    def requests(self, stream: Stream) -> Parser:
        """Parse what the client sends, until the connection ends."""
        del stream
        raise NotImplementedError
        yield  # makes this a generator

    def responses(self, stream: Stream) -> Parser:
        """Parse what the backend sends, until the connection ends."""
        del stream
        raise NotImplementedError
        yield  # makes this a generator

    def adjust(self, message: Message) -> Forward | Reply:
        """Return the message to pass on, or a reply to its sender in place of the other peer."""
        return Forward(message)

    def deliver(self, message: Message) -> Message:
        """Return what the client gets of a message, after rules have acted on it."""
        return message

    def tell(self, text: str) -> None:
        """Log a text, once per proxy; connections replace this method."""

    def tls_server(self, hello: ClientHello, flaw: str = "", *, demand: bool = False) -> TlsServer:
        """Return a server whose certificate has a flaw; connections replace this method.

        ``demand``: it wants a certificate of the client.
        """
        raise NotImplementedError

    def error(self, message: Message, random: Random) -> bytes:
        """Return a typical error in answer to a request; by default, random bytes.

        Protocols with a catalogue of faults do not need it.
        """
        del message
        return random.randbytes(ERROR_SIZE)
