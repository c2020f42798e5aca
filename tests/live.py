"""Running proxies in this process, on loopback, with an echoing backend."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from peers import serving_in_thread
from vaurien import plugins, registry
from vaurien.config.state import State
from vaurien.control.http import ServerThread, start_control
from vaurien.control.server import Control
from vaurien.control.sockets import on_tcp
from vaurien.control.store import Store
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.recent import Recent
from vaurien.net.spec import ProxySpec
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import Entry, FindBehavior, make_rules
from vaurien.rules.plan import Plan

T = TypeVar("T")
NAME = "vaurien"
LIMIT = 10.0
"""Seconds after which a waiting test fails."""


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _EchoServer)
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(65536):
                self.request.sendall(self.server.prefix + data)


class _EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        super().__init__(("127.0.0.1", 0), _Echo)


@contextlib.contextmanager
def echo(prefix: bytes = b"") -> Iterator[Address]:
    """A backend that echoes, with a prefix."""
    with serving_in_thread(_EchoServer(prefix)) as address:
        yield address


@dataclass
class Live:
    """Running proxies and their control; ``backend`` echoes."""

    reactor: Reactor
    proxies: Proxies
    control: Control
    backend: Address

    @property
    def proxy(self) -> Proxy:
        """The first of them, and often the only one."""
        return next(iter(self.proxies))

    def connect(self, proxy: str = "") -> socket.socket:
        address = self.control.address(proxy)
        return socket.create_connection((address.host, address.port), timeout=LIMIT)

    def ask(self, data: bytes = b"hello", proxy: str = "") -> bytes:
        """Send over a new connection, and return what comes back."""
        with self.connect(proxy) as sock:
            sock.sendall(data)
            return sock.recv(65536)

    def in_reactor(self, call: Callable[[], T]) -> T:
        return self.reactor.submit(call).result(LIMIT)


@contextlib.contextmanager
def live(
    entries: Sequence[Entry] = (),
    *,
    find_behavior: FindBehavior = registry.behaviors.get,
    seed: int = 7,
    names: Sequence[str] = (NAME,),
    store: Store | None = None,
) -> Iterator[Live]:
    """Run proxies in front of an echo, all with these rules."""
    plugins.install()
    with echo() as backend:
        reactor = Reactor()
        plan = Plan(make_rules(entries, find_behavior, Tcp), seed=seed)
        listen = Address("127.0.0.1", 0)
        state = State(
            tuple(
                ProxySpec(name=name, listen=listen, backend=backend, protocol=Tcp(), plan=plan)
                for name in names
            ),
            seed=seed,
        )
        recent = Recent()

        def make(spec: ProxySpec) -> Proxy:
            proxy = Proxy(reactor, spec, recent.add)
            proxy.recent = recent
            return proxy

        proxies = Proxies(reactor, make)
        proxies.apply(state.proxies)
        control = Control(
            reactor, proxies, state, find_behavior=find_behavior, store=store, recent=recent
        )
        thread = threading.Thread(target=reactor.run)
        thread.start()
        running = Live(reactor, proxies, control, backend)
        try:
            yield running
        finally:
            control.feed.close()
            running.in_reactor(proxies.close)
            running.in_reactor(reactor.stop)
            thread.join()
            reactor.close()


@contextlib.contextmanager
def controlled(running: Live) -> Iterator[Http]:
    """The HTTP API of a running proxy."""
    server = start_control(running.control, [on_tcp("127.0.0.1", 0)])
    try:
        yield Http(server)
    finally:
        running.control.feed.close()
        server.stop()


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


class Http:
    """Sends HTTP requests to a server, each over a new connection."""

    def __init__(self, server: ServerThread) -> None:
        self.host = server.address.host
        self.port = server.address.port

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=LIMIT)

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """``body``: bytes as they are, anything else as JSON; without a content type."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)
        try:
            connection.request(method, path, data, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()
