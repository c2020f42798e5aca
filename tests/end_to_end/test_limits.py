"""What a proxy does at its limits: descriptors, connections, idle time, memory."""

from __future__ import annotations

import gc
import os
import re
import select
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from end_to_end.proxies import RunningProxy, StartProxy, command_line
from peers import (
    PATIENCE,
    Listening,
    Scripted,
    connect,
    echo,
    is_silent,
    receive,
    receive_until_fin,
    wait_until,
)
from vaurien.client import Client
from vaurien.net.spec import Limits
from vaurien.values.events import Cut

IDLE = 0.4
"""Seconds of ``Limits.timeout`` here."""


def pause(sock: socket.socket, seconds: float) -> None:
    """Let time pass, in which nothing may be heard."""
    assert not select.select((sock,), (), (), seconds)[0]


# Descriptors.


@pytest.mark.parametrize("descriptors", [48, 49])
def test_having_no_descriptor_left_makes_clients_wait(tmp_path: Path, descriptors: int) -> None:
    """Whether the one that is lacking is the client's or the backend's, all are served in turn."""
    with (
        Scripted(echo) as backend,
        command_line(backend.address, log=tmp_path / "log", descriptors=descriptors) as proxy,
        ExitStack() as clients,
    ):
        waiting = [clients.enter_context(connect(proxy.address)) for _ in range(100)]
        for client in waiting:
            client.sendall(b"?")
        wait_until(lambda: "cannot accept clients" in proxy.log, "the proxy is out of descriptors")
        while waiting:
            served, _, _ = select.select(waiting, (), (), PATIENCE)
            assert served, f"{len(waiting)} clients are never served"
            assert len(served) < 24
            for client in served:
                assert client.recv(1) == b"?"
                client.close()
                waiting.remove(client)
        assert proxy.process.poll() is None
        assert "Traceback" not in proxy.log


def test_the_api_answers_when_traffic_has_no_descriptor_left(tmp_path: Path) -> None:
    with (
        Scripted(echo) as backend,
        command_line(
            backend.address, "--http", "--http-port", "0", log=tmp_path / "log", descriptors=64
        ) as proxy,
        ExitStack() as clients,
    ):
        for _ in range(100):
            clients.enter_context(connect(proxy.address))
        wait_until(lambda: "cannot accept clients" in proxy.log, "the proxy is out of descriptors")
        found = re.search(r"HTTP server: http://localhost:(\d+)", proxy.log)
        assert found is not None
        client = Client(port=int(found[1]), timeout=PATIENCE)
        for name in ("hang", "dummy") * 10:
            client.set_behavior(name)
            assert client.get_behavior() == name
        assert "Traceback" not in proxy.log


# Connections.


def test_more_clients_than_are_allowed_wait_for_their_turn(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address, limits=Limits(timeout=0, max_connections=2))
    clients = [connect(proxy.address) for _ in range(4)]
    for client in clients:
        client.sendall(b"hello")
    servers = [backend.accept() for _ in range(2)]
    assert proxy.totals.open == 2
    assert is_silent(backend.sock)
    clients[0].close()
    assert receive_until_fin(servers[0]) == b"hello"
    servers[0].close()
    servers.append(backend.accept())
    assert receive(servers[2], 5) == b"hello"
    assert proxy.totals.open == 2
    assert is_silent(backend.sock)
    assert any("2 connections are open" in trouble for trouble in proxy.troubles)
    for sock in (*clients, *servers):
        sock.close()


# Idle time.


def test_an_idle_connection_is_closed(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address, limits=Limits(timeout=IDLE))
    with connect(proxy.address) as client, backend.accept() as server:
        begun = proxy.reactor.clock()
        assert receive_until_fin(client) == b""
        assert proxy.reactor.clock() - begun > IDLE / 2
        assert receive_until_fin(server) == b""
        told = [event.text() for event in proxy.events if isinstance(event, Cut)]
        assert told == [f"connection 1 was idle for {IDLE:g} s, and was closed"]


def test_a_connection_with_traffic_is_not_idle(start_proxy: StartProxy) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(backend.address, limits=Limits(timeout=IDLE))
        with connect(proxy.address) as busy:
            for _ in range(5):
                with connect(proxy.address) as idle:
                    while not select.select((idle,), (), (), IDLE / 20)[0]:
                        busy.sendall(b"x")
                        assert receive(busy, 1) == b"x"


def test_a_connection_that_a_rule_holds_is_not_idle(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address, "hang", limits=Limits(timeout=IDLE))
    with (
        connect(proxy.address) as held,
        backend.accept() as server,
        connect(proxy.address) as idle,
        backend.accept(),
    ):
        held.sendall(b"held back")
        proxy.wait_for_firings(1)
        assert receive_until_fin(idle) == b""
        proxy.wait_for_connections(1)
        proxy.change()
        assert receive(server, 9) == b"held back"


def test_a_request_that_was_held_for_long_still_gets_its_answer(
    start_proxy: StartProxy, backend: Listening
) -> None:
    """Idle time counts from when a rule let go, not from when the bytes had arrived."""
    timeout = 1.0
    proxy = start_proxy(backend.address, "hang", limits=Limits(timeout=timeout))
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"question")
        pause(server, timeout * 1.1)
        # The other connection is closed when it is time to look for idle ones.
        with connect(proxy.address) as other, backend.accept():
            pause(other, timeout / 2)
            proxy.change()
            assert receive(server, 8) == b"question"
            assert receive_until_fin(other) == b""
        server.sendall(b"answer")
        assert receive(client, 6) == b"answer"


# Memory and descriptors, in the long run.


def one_exchange(proxy: RunningProxy) -> None:
    with connect(proxy.address) as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_ten_thousand_connections_leave_nothing_behind(start_proxy: StartProxy) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(backend.address)

        def settled() -> bool:
            totals = proxy.totals
            return totals.open == 0 and totals.opened == proxy.totals.closed

        def exchanges(count: int) -> tuple[int, int]:
            for _ in range(count):
                one_exchange(proxy)
            wait_until(settled, "all connections are closed")
            gc.collect()
            return descriptors(), sys.getallocatedblocks()

        before = exchanges(1_000)
        after = exchanges(9_000)
        assert proxy.totals.opened == 10_000
        assert after[0] <= before[0] + 2
        assert after[1] - before[1] < 2_000
