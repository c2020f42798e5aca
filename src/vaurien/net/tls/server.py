"""A server in memory, which a fault plays: it knows no socket, and answers no request.

Law: a step of a handshake takes some milliseconds at most, and what it needs is in memory already.
Imports ``ssl``, and more, only where there is such a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from ...parsing.client_hello import ClientHello


class TlsServer:
    """See ``protocol.TlsServer``."""

    def __init__(self, context: ssl.SSLContext, alpn: Sequence[str] = ()) -> None:
        """``alpn``: what the client offers, of which it chooses the first."""
        from ssl import MemoryBIO

        if alpn:
            context.set_alpn_protocols(list(alpn))
        self._incoming, self._outgoing = MemoryBIO(), MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.accepted = False
        self.refused = ""

    def feed(self, data: bytes) -> bytes:
        from ssl import SSLError, SSLWantReadError

        if self.accepted or self.refused:
            return b""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
            self.accepted = True
        except SSLWantReadError:
            pass
        except SSLError as error:
            self.refused = error.reason or str(error)
        return self._outgoing.read()


def tls_server(hello: ClientHello, flaw: str = "", *, demand: bool = False) -> TlsServer:
    """Return a server for a client; see ``protocol.Protocol.tls_server``."""
    from .credentials import Certificates

    return TlsServer(Certificates().for_name(hello.sni, flaw, demand=demand), hello.alpn)


def prepare(flaws: Iterable[str]) -> None:
    """Make ready what such servers will need, in any thread; ``flaws``: of their certificates.

    Raises:
        AuthorityError: certificates cannot be made.
    """
    from .credentials import Certificates

    for flaw in flaws:
        Certificates().for_name(None, flaw)
