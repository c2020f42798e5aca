"""What connections and requests cost: system calls one by one, and bounds on what Python runs.

These counts do not depend on the machine.  A bound may rise where a change is worth it.
"""

from __future__ import annotations

import select
import socket
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import BuiltinMethodType, FrameType
from typing import TYPE_CHECKING

import pytest

from end_to_end.proxies import make_plan
from left import kept, without_collector
from peers import LOOPBACK, PATIENCE, Listening, connect, receive, receive_until_fin, reset
from reactors import real_reactor
from vaurien import plugins, registry
from vaurien.net.connection import Connection
from vaurien.net.end import End
from vaurien.net.link import Link
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import ProxySpec
from vaurien.rules.plan import Plan

if TYPE_CHECKING:
    from _typeshed import TraceFunction

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="others need other calls")

MODULES = [sys.modules.get("posix"), sys.modules.get("fcntl")]
TALK = {
    "tcp": (b"hello", b"and hello to you"),
    "redis": (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    "http": (
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ),
}
"""A request and its response, by protocol."""
OPENED = {
    "_accept": 2,  # the second finds nobody
    "setblocking": 1,
    "setsockopt": 1,
    "connect_ex": 1,
    "getpeername": 1,
    "register": 2,
}
"""Calls that set a connection up, beside those that make the two sockets ..."""
CARRIED = {"recv_into": 2, "send": 2}
"""... that carry a request and its response ..."""
ENDED = {"recv_into": 2, "shutdown": 1, "modify": 1, "close": 2}
"""... and that end it when each side sends a FIN ..."""
RESET = {"recv_into": 1, "modify": 1, "ioctl": 1, "setsockopt": 1, "close": 2}
"""... or when one resets it."""


class Counted:
    """A reactor's batches, and what they call."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.system: Counter[str] = Counter()
        self.python = 0

    def run_until(self, condition: Callable[[], object]) -> None:
        too_late = self.reactor.call_later(PATIENCE, lambda: None)
        while not condition():
            assert too_late.call is not None
            sys.setprofile(self._count)
            try:
                self.reactor.run_once()
            finally:
                sys.setprofile(None)
        too_late.cancel()

    def _count(self, frame: FrameType, event: str, called: BuiltinMethodType) -> None:
        del frame
        if event == "call":
            self.python += 1
        elif event == "c_call":
            owner = called.__self__
            if owner in MODULES or isinstance(owner, socket.SocketType | select.epoll):
                self.system[called.__name__] += 1


def serve(protocol: str, end: str, rule: str = "") -> Counted:
    """Serve a second connection, which ends in a way, and count what that takes."""
    plugins.install()
    with ExitStack() as stack:
        reactor = stack.enter_context(real_reactor())
        backend = stack.enter_context(Listening())
        proxy = open_proxy(stack, reactor, backend, protocol, rule)
        for _ in range(2):  # the first needs more: it resolves the backend's address
            counted = Counted(reactor)
            converse(counted, proxy, backend, protocol, end)
    return counted


def open_proxy(
    stack: ExitStack, reactor: Reactor, backend: Listening, protocol: str, rule: str
) -> Proxy:
    made = registry.protocols.get(protocol)()
    plan = make_plan(rule, protocol=type(made)) if rule else Plan()
    spec = ProxySpec(listen=LOOPBACK, backend=backend.address, protocol=made, plan=plan)
    proxy = Proxy(reactor, spec)
    stack.callback(proxy.close)
    proxy.open()
    return proxy


def converse(counted: Counted, proxy: Proxy, backend: Listening, protocol: str, end: str) -> None:
    request, response = TALK[protocol]
    with connect(proxy.address) as client:
        counted.run_until(lambda: proxy.connections)
        with backend.accept() as server:
            (connection,) = proxy.connections
            client.sendall(request)
            counted.run_until(lambda: connection.to_backend.bytes)
            assert receive(server, len(request)) == request
            server.sendall(response)
            counted.run_until(lambda: connection.to_client.bytes)
            assert receive(client, len(response)) == response
            if end == "reset":
                reset(client)
            else:
                first, last = (client, server) if end == "client" else (server, client)
                first.shutdown(socket.SHUT_WR)
                counted.run_until(
                    lambda: not (connection.client.interest and connection.backend.interest)
                )
                assert receive_until_fin(last) == b""
                last.close()
            counted.run_until(lambda: connection.closed)


@pytest.mark.parametrize("protocol", TALK)
@pytest.mark.parametrize(
    ("end", "ended"), [("client", ENDED), ("backend", ENDED), ("reset", RESET)]
)
def test_the_system_calls_of_a_connection(protocol: str, end: str, ended: dict[str, int]) -> None:
    calls = serve(protocol, end).system
    del calls["poll"]  # as often as the peers are slow
    del calls["fileno"]  # it asks the object only
    assert calls == sum(map(Counter, (OPENED, CARRIED, ended)), Counter())


@pytest.mark.parametrize(("protocol", "bound"), [("tcp", 92), ("redis", 145), ("http", 138)])
def test_the_python_calls_of_a_connection(protocol: str, bound: int) -> None:
    assert serve(protocol, "client").python <= bound


@pytest.mark.parametrize("protocol", TALK)
@pytest.mark.parametrize("end", ["client", "backend", "reset"])
@pytest.mark.parametrize("rule", ["", "delay sleep=0"])
def test_a_closed_connection_leaves_nothing_to_the_collector(
    protocol: str, end: str, rule: str
) -> None:
    serve(protocol, end, rule)
    with without_collector():
        counted = serve(protocol, end, rule)
        left = kept(Connection, Link, End)
        del counted
    assert left == set()


# What a request costs on an open connection.

NEVER = "delay percent=100 after=1000000000"


class Traced(Counted):
    """Counts the bytecodes too, outside of the loop that waits for events."""

    def __init__(self, reactor: Reactor) -> None:
        super().__init__(reactor)
        self.bytecodes = 0

    def run_until(self, condition: Callable[[], object]) -> None:
        too_late = self.reactor.call_later(PATIENCE, lambda: None)
        while not condition():
            assert too_late.call is not None
            sys.settrace(self._enter)
            try:
                self.reactor.run_once()
            finally:
                sys.settrace(None)
        too_late.cancel()

    def _enter(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        del event
        if Path(frame.f_code.co_filename).stem in ("reactor", "system"):
            return None
        frame.f_trace_opcodes = True
        self.python += 1
        return self._trace

    def _trace(self, frame: FrameType, event: str, _: object) -> TraceFunction:
        del frame
        self.bytecodes += event == "opcode"
        return self._trace


def ask(protocol: str, rule: str) -> Traced:
    """Count what the second of two requests takes, under a rule."""
    plugins.install()
    request, response = TALK[protocol]
    with ExitStack() as stack:
        reactor = stack.enter_context(real_reactor())
        backend = stack.enter_context(Listening())
        proxy = open_proxy(stack, reactor, backend, protocol, rule)
        client = stack.enter_context(connect(proxy.address))
        Counted(reactor).run_until(lambda: proxy.connections)
        server = stack.enter_context(backend.accept())
        for _ in range(2):
            traced = Traced(reactor)
            client.sendall(request)
            traced.run_until(lambda: readable(server))
            assert receive(server, len(request)) == request
            server.sendall(response)
            traced.run_until(lambda: readable(client))
            assert receive(client, len(response)) == response
    return traced


def readable(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


@pytest.mark.parametrize(
    ("protocol", "rule", "calls", "bytecodes"),
    [
        ("tcp", "", 4, 220),
        ("tcp", NEVER, 17, 620),
        ("tcp", "delay sleep=0", 50, 1_340),
        ("tcp", "latency delay=0.001 direction=to_backend", 52, 1_600),
        ("tcp", "bandwidth rate=100000000", 170, 4_400),
        ("redis", "", 21, 1_010),
        ("redis", NEVER, 37, 1_820),
        ("redis", "error fault=OOM command=LPUSH", 32, 1_650),
        ("http", NEVER, 46, 2_130),
        ("http", "error fault=503 path=/x", 41, 1_880),
    ],
)
def test_what_python_runs_for_a_request(
    protocol: str, rule: str, calls: int, bytecodes: int
) -> None:
    traced = ask(protocol, rule)
    assert traced.python <= calls
    if sys.version_info[:2] == (3, 11):  # others compile to other bytecodes
        assert traced.bytecodes <= bytecodes
