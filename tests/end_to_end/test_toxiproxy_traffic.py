"""What toxics do to traffic is the same in ``toxiproxy-server`` and in vaurien."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from end_to_end.toxiproxies import SERVER, Program, toxiproxy
from peers import (
    Scripted,
    connect,
    echo,
    is_silent,
    receive,
    receive_until_fin,
    wait_until_delivered,
)
from serving import served
from vaurien.net.address import Address

NAMES = ["vaurien", pytest.param("toxiproxy-server", marks=pytest.mark.skipif(
    SERVER is None, reason="toxiproxy-server is not installed"))]  # fmt: skip


DEAD = "127.0.0.1:1"


class Running(NamedTuple):
    program: Program
    proxy: Address

    def poison(self, kind: str, stream: str = "downstream", **attributes: int) -> None:
        toxic = {"name": "t", "type": kind, "stream": stream, "attributes": attributes}
        assert self.program("POST", "/proxies/a/toxics", toxic)[0] == 200

    def heal(self) -> None:
        assert self.program("DELETE", "/proxies/a/toxics/t") == (204, "")

    def talking(self) -> socket.socket:
        """A client that has had an answer."""
        client = connect(self.proxy)
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"
        return client


@pytest.fixture(scope="module", params=NAMES)
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    if request.param == "vaurien":
        log = tmp_path_factory.mktemp("traffic") / "log"
        with served("--host", "127.0.0.1", "--port", "0", log=log) as serving:
            started = Program(serving.http)
            yield started
            started.close()
    else:
        with toxiproxy() as started:
            yield started


@pytest.fixture
def running(program: Program) -> Iterator[Running]:
    with Scripted(echo) as backend:
        body = {"name": "a", "listen": "127.0.0.1:{0}", "upstream": str(backend.address)}
        assert program("POST", "/proxies", body)[0] == 201
        yield Running(program, Address("127.0.0.1", program.ports[0]))
        program.clear()


def test_a_rate_of_0_holds_everything_until_it_is_removed(running: Running) -> None:
    running.poison("bandwidth", rate=0)
    with connect(running.proxy) as client:
        client.sendall(b"hello")
        assert is_silent(client)
        running.heal()
        assert receive(client, 5) == b"hello"


def test_a_client_whose_upstream_cannot_be_reached_is_closed(running: Running) -> None:
    assert running.program("PATCH", "/proxies/a", {"upstream": DEAD})[0] == 200
    for _ in range(20):  # not reset: that would fail a connect() now and then
        with connect(running.proxy) as client:
            assert receive_until_fin(client) == b""


def test_a_latency_acts_on_open_connections_and_ends_at_once(running: Running) -> None:
    with running.talking() as client:
        running.poison("latency", latency=60_000)
        client.sendall(b"again")
        assert is_silent(client)
        running.heal()
        assert receive(client, 5) == b"again"


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_timeout_that_is_removed_closes_what_it_has_swallowed(
    running: Running, stream: str
) -> None:
    with running.talking() as client:
        running.poison("timeout", stream, timeout=0)
        other = {"name": "u", "type": "noop"}
        assert running.program("POST", "/proxies/a/toxics", other)[0] == 200
        client.sendall(b"lost")
        wait_until_delivered(client)
        for toxicity in (0.5, 1):  # the bytes are read before these are done
            body = {"toxicity": toxicity}
            assert running.program("PATCH", "/proxies/a/toxics/u", body)[0] == 200
        assert is_silent(client)
        running.heal()
        assert receive_until_fin(client) == b""
    running.talking().close()


def test_a_limit_of_data_ends_the_connection_where_it_says(running: Running) -> None:
    running.poison("limit_data", bytes=3)
    with connect(running.proxy) as client:
        client.sendall(b"hello")
        assert receive_until_fin(client) == b"hel"


def test_a_reset_waits_for_the_first_byte_of_new_connections(running: Running) -> None:
    running.poison("reset_peer", timeout=20)
    with connect(running.proxy) as idle, connect(running.proxy) as client:
        start = time.monotonic()
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert time.monotonic() - start >= 0.02
        assert is_silent(idle)


def test_pieces_of_a_slicer_add_up(running: Running) -> None:
    running.poison("slicer", average_size=7, size_variation=3, delay=10)
    data = bytes(range(256)) * 4
    with connect(running.proxy) as client:
        client.sendall(data)
        assert receive(client, len(data)) == data


def test_an_upstream_that_is_no_address_ends_connections(running: Running) -> None:
    for upstream in ("foo", "http://localhost:80/", ""):
        assert running.program("PATCH", "/proxies/a", {"upstream": upstream})[0] == 200
        with pytest.raises((ConnectionError, EOFError)), connect(running.proxy) as client:
            receive(client, 1)
