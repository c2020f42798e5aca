"""How a connection gets its ends where there is TLS.

The client's hello comes first, for what it asks of a server; then the backend is dialled, and
shakes hands; and at last the client, which is told what the backend has chosen.  Each of these has
as long as connecting to a backend may take.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import Protocol

from ...parsing.client_hello import ClientHello, Unread, read_client_hello
from ...protocol import Protocol as WireProtocol
from ...values.actions import Shake
from ...values.events import Emit, Trouble
from ...values.messages import TO_BACKEND, Message
from ..address import Address
from ..closing import close_socket
from ..connection import Connection, MakeEnd
from ..end import End
from ..greeting import Greeting
from ..link import Link
from ..reactor import Reactor
from ..spec import Limits
from ..system import READ, Socket
from .ahead import prefixed
from .credentials import Credentials, is_address, load
from .end import IdleEnd, TlsEnd, go_on
from .facts import agreed, offered
from .handshake import GreetedHandshake, Handshake, Steps
from .hello import Answer, HelloReader
from .reasons import distrusts, reason_of
from .spec import Tls
from .stream import TlsStream

INTERNAL_ERROR = bytes.fromhex("15 03 03 0002 02 50")
"""An alert, as a record before anything is encrypted (RFC 8446 section 6)."""
UNASKED = "it has sent data in the clear behind its request for TLS"
UNNAMED = "http/1.1"
"""What those speak that have no name for it in ALPN (RFC 7301)."""


class SecuredProxy(Protocol):
    """The proxy whose connections are opened here."""

    reactor: Reactor
    backend: Address
    limits: Limits
    protocol: WireProtocol
    name: str
    emit: Emit

    def dial(self, connection: Connection, then: Callable[[Socket], None]) -> None: ...
    def refuse(
        self, connection: Connection, what: str, detail: str = "", *, reset: bool = False
    ) -> None: ...


class Opener:
    """Opens the connections of a proxy."""

    def __init__(self, proxy: SecuredProxy, tls: Tls, credentials: Credentials | None) -> None:
        """``credentials``: what is in the files; None: they are read now.

        Raises:
            OptionError: one cannot be used.
        """
        self.proxy = proxy
        self.reactor = proxy.reactor
        self.tls = tls
        self.credentials = credentials or load(tls)
        self.limit = proxy.limits.dial_timeout or inf
        self.steps = Steps(proxy.reactor)

    def open(self, connection: Connection) -> None:
        """Attach a backend to a connection, now or later, or close it."""
        assert connection.client_socket is not None
        if self.proxy.protocol.decrypts:  # it sees where TLS begins
            connection.encrypt = self.encrypt
            self.proxy.dial(connection, connection.attach_backend)
        else:
            Opening(self, connection, connection.client_socket).begin()

    def encrypt(self, connection: Connection) -> None:
        """Have both peers speak TLS, if its protocol asks for it, and nothing is on its way."""
        exchanges, links = connection.decisions.exchanges, connection.links
        if exchanges is not None and exchanges.encrypts:
            for link in links:
                link.flush()
            if not any(link.player or link.blocked or _receives(link) for link in links):
                connection.encrypt = None
                BegunOpening(self, connection).begin()


class Opening:
    """A connection on its way."""

    def __init__(self, opener: Opener, connection: Connection, client: Socket) -> None:
        self._opener = opener
        self._proxy = opener.proxy
        self._tls = opener.tls
        self._connection = connection
        self._client = client
        self._hello: ClientHello | None = None
        self._received = b""  # of the client
        self._greeting: Greeting | None = None  # if rules act on it
        self._backend: Socket | None = None
        self._backend_stream: TlsStream | None = None
        self._under_way: HelloReader | Handshake | None = None

    def begin(self) -> None:
        if self._tls.mode == "originate":
            self._dial()
        else:
            self._read_hello()

    def _read_hello(self, received: bytes = b"") -> None:
        opener, then = self._opener, partial(self._safely, self._on_hello)
        self._wait_for(HelloReader(opener.reactor, self._client, opener.limit, then, received))

    def _safely(self, call: Callable[..., None], *given: object) -> None:
        """Call; a failure ends this connection only."""
        try:
            call(*given)
        except Exception:  # noqa: BLE001 - a context may be refused by OpenSSL in any way
            self._cancel()
            self._connection.on_failure(traceback.format_exc())

    def _wait_for(self, step: HelloReader | Handshake) -> None:
        self._under_way = step
        self._connection.on_close = self._cancel

    def _cancel(self) -> None:
        """The connection is closed meanwhile."""
        self._connection.on_close = None
        if self._under_way is not None:
            self._under_way.cancel()
        self._drop_backend(reset=False)

    def _drop_backend(self, *, reset: bool) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            close_socket(self._opener.reactor, backend, reset=reset)

    # The client's hello, and the backend.

    def _on_hello(self, answer: Answer, received: bytes) -> None:
        self._under_way = self._connection.on_close = None
        self._received = received
        if isinstance(answer, ClientHello):
            self._hello = answer
        elif isinstance(answer, ConnectionResetError):
            self._connection.close(reset=True)
            return
        elif self._tls.mode != "pass":
            if isinstance(answer, ConnectionAbortedError) and not received:
                self._connection.close()  # it has only looked whether somebody listens
            else:
                why = "it does not speak TLS" if isinstance(answer, Unread) else reason_of(answer)
                self._refuse("the client", why)
            return
        if self._tls.with_clients and self._connection.proxy.active_plan.greeting:
            self._let_rules_greet()
        else:
            self._dial()

    def _let_rules_greet(self) -> None:
        clock, labels = self._opener.reactor.clock, offered(self._hello)
        hello = Message(self._received, TO_BACKEND, clock(), labels, about=self._hello)
        self._greeting = Greeting(hello, self._say_plainly)
        self._connection.make_hooks().greet(self._greeting, self._dial)

    def _say_plainly(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            while data:
                data = data[self._client.send(data) :]

    def _dial(self) -> None:
        self._proxy.dial(self._connection, partial(self._safely, self._on_dialled))

    def _on_dialled(self, sock: Socket) -> None:
        self._backend = sock
        if self._tls.mode == "pass":
            client = partial(prefixed, self._received) if self._received else End
            self._attach(offered(self._hello), client=client)
        elif self._tls.with_backend:
            self._greet_backend(sock)
        else:
            offer = self._offer()
            self._greet_client(UNNAMED if UNNAMED in offer else next(iter(offer), None))

    def _offer(self) -> Sequence[str]:
        """Return what the client offers to speak, as far as the proxy's protocol understands it."""
        offered = () if self._hello is None else self._hello.alpn
        known = self._connection.protocol.alpn
        return [name for name in offered if name in known] or offered

    # Handshakes.

    def _greet_backend(self, sock: Socket) -> None:
        name = self._name_of_backend()
        context = self._opener.credentials.backend
        assert context is not None
        if context.check_hostname and not name:  # OpenSSL would verify no name then
            self._on_backend_failed(OSError("it has no name to be verified by: see server-name"))
            return
        try:
            stream = self._backend_stream = TlsStream(
                self._opener.reactor,
                sock,
                context,
                alpn=self._offer(),
                server_name=name or None,
            )
        except (ValueError, OSError) as error:
            self._on_backend_failed(OSError(f"it cannot be asked for as {name!r}: {error}"))
            return
        self._shake(stream, self._on_backend)

    def _name_of_backend(self) -> str:
        """Return what the backend is asked for, and must have."""
        asked = (self._hello and self._hello.sni) or ""
        host = self._proxy.backend.host
        if host and not is_address(host) and self._opener.credentials.certificates.are_for(asked):
            asked = ""
        return self._tls.server_name or asked or host

    def _shake(
        self,
        stream: TlsStream,
        then: Callable[[OSError | None], None],
        greeting: Greeting | None = None,
    ) -> None:
        opener = self._opener
        given = stream, opener.steps, opener.reactor, opener.limit, partial(self._safely, then)
        if greeting is None or greeting.over:
            self._wait_for(Handshake(*given))
        else:
            self._wait_for(GreetedHandshake(*given, greeting))

    def _on_backend(self, error: OSError | None) -> None:
        stream = self._backend_stream
        assert stream is not None
        if error is not None:
            self._on_backend_failed(error)
        elif self._tls.with_clients:
            self._greet_client(stream.openssl.selected_alpn_protocol())
        else:
            self._attach(agreed(stream, stream.openssl.server_hostname), backend=_secured(stream))

    def _on_backend_failed(self, error: OSError) -> None:
        reset = isinstance(error, ConnectionResetError)
        alert = self._under_way.alert if isinstance(self._under_way, Handshake) else b""
        if self._hello is not None and not reset:
            self._say_plainly(alert or INTERNAL_ERROR)
        self._drop_backend(reset=False)
        self._refuse(f"backend {self._proxy.backend}", reason_of(error), reset=reset)

    def _greet_client(self, choice: str | None) -> None:
        certificates = self._opener.credentials.certificates
        assert self._hello is not None
        shake = Shake() if self._greeting is None else self._greeting.shake
        context = certificates.for_name(self._hello.sni, shake.flaw, demand=shake.demand)
        stream = TlsStream(
            self._opener.reactor,
            self._client,
            context,
            alpn=() if choice is None else (choice,),
            server_side=True,
        )
        stream.feed(self._received)
        self._shake(stream, partial(self._on_client, stream), self._greeting)

    def _on_client(self, stream: TlsStream, error: OSError | None) -> None:
        if error is not None:
            reset = isinstance(error, ConnectionResetError)
            if self._backend_stream is not None and not reset:
                self._backend_stream.say_goodbye(notify=True)
            self._drop_backend(reset=reset)
            own = self._opener.credentials.certificates.needs_authority
            hint = "; see vaurien ca" if own and distrusts(error) else ""
            self._refuse("the client", reason_of(error) + hint, reset=reset)
        elif self._greeting is None:
            self._attach_both(stream)
        else:
            if not self._greeting.shake.notifies:
                stream.say_goodbye(notify=False)
            self._under_way = None
            self._greeting.reach("done", partial(self._attach_both, stream))

    # The end.

    def _attach_both(self, client: TlsStream) -> None:
        assert self._hello is not None
        backend = self._backend_stream
        self._attach(
            agreed(client, self._hello.sni),
            client=_secured(client),
            backend=End if backend is None else _secured(backend),
        )

    def _attach(
        self, facts: Mapping[str, str], client: MakeEnd = End, backend: MakeEnd = End
    ) -> None:
        connection, sock, self._backend = self._connection, self._backend, None
        assert sock is not None
        self._under_way = connection.on_close = None
        connection.decisions.facts = {**facts, **connection.decisions.facts}
        connection.attach_backend(sock, client, backend)
        go_on(connection)

    def _refuse(self, peer: str, detail: str, *, reset: bool = False) -> None:
        self._proxy.refuse(self._connection, f"TLS with {peer} failed", detail, reset=reset)


class BegunOpening(Opening):
    """TLS that begins in the midst of a connection, where its protocol says so.

    What has arrived of a peer in the clear, and was not parsed, is the beginning of its handshake,
    or the handshake fails: nothing of it is read as if it had been inside of TLS.
    """

    def __init__(self, opener: Opener, connection: Connection) -> None:
        super().__init__(opener, connection, connection.client.sock)

    def begin(self) -> None:
        connection, conversation = self._connection, self._connection.conversation
        assert conversation is not None
        exchanges, left = conversation.exchanges, []
        for link in connection.links:
            assert link.framing is not None
            stream = link.framing.stream
            left.append((stream.in_message, stream.give_back()))
            link.paused = link.postponed = False
            self._opener.reactor.unwatch(link.source.fd)
        self._join(IdleEnd(connection, self._client), IdleEnd(connection, connection.backend.sock))
        (client_midway, received), (_, early) = left
        if exchanges.pending or exchanges.replies or client_midway:
            self._refuse("the client", UNASKED)
        elif early:
            self._refuse(f"backend {self._proxy.backend}", "it does not speak TLS")
        elif (answer := read_client_hello(received)) is Unread.INCOMPLETE:
            self._read_hello(received)
        else:
            self._on_hello(answer, received)

    def _dial(self) -> None:
        self._greet_backend(self._connection.backend.sock)

    def _attach(
        self, facts: Mapping[str, str], client: MakeEnd = End, backend: MakeEnd = End
    ) -> None:
        connection, conversation = self._connection, self._connection.conversation
        assert conversation is not None
        self._under_way = connection.on_close = None
        connection.decisions.facts = {**facts, **connection.decisions.facts}
        self._join(client(connection, self._client), backend(connection, connection.backend.sock))
        for link in connection.links:
            self._opener.reactor.add(link.source.fd, link.source, READ)
        conversation.exchanges.encrypts, conversation.exchanges.encrypted = False, True
        connection.settle()
        go_on(connection)

    def _join(self, client: End, backend: End) -> None:
        """Have the links carry bytes between these ends."""
        connection = self._connection
        connection.client, connection.backend = client, backend
        to_backend, to_client = connection.links
        to_backend.source = to_client.sink = client
        to_client.source = to_backend.sink = backend
        client.outgoing = backend.incoming = to_backend
        backend.outgoing = client.incoming = to_client
        for link in connection.links:
            link.follow_streams()

    def _refuse(self, peer: str, detail: str, *, reset: bool = False) -> None:
        connection, proxy = self._connection, self._proxy
        what = f"connection {connection.number}: TLS with {peer} failed"
        proxy.emit(Trouble(proxy.name, what, detail, connection.number))
        connection.close(reset=reset)


def _receives(link: Link) -> bool:
    return link.framing is not None and link.framing.receiving


def _secured(stream: TlsStream) -> MakeEnd:
    return partial(TlsEnd, stream)
