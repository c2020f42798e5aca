"""How streams end: half-close, FIN in its turn, and resets, with real sockets."""

from __future__ import annotations

import random
import select

import pytest

from end_to_end.proxies import RunningProxy, StartProxy
from peers import (
    Listening,
    connect,
    half_close,
    is_silent,
    receive,
    receive_until_fin,
    receive_until_reset,
    reset,
    send_until_stuck,
    undelivered,
    wait_until_delivered,
)

PLANS: dict[str, tuple[str, ...]] = {
    "quiet": (),
    "armed": ("delay after=1000000",),
    "no_delay": ("delay sleep=0",),
    "delayed": ("delay sleep=0.05", "delay sleep=0.05 before=false"),
}
PAYLOAD = random.Random(1).randbytes(300_000)


@pytest.fixture(params=PLANS)
def proxy(
    request: pytest.FixtureRequest, portable: bool, start_proxy: StartProxy, backend: Listening
) -> RunningProxy:
    return start_proxy(backend.address, *PLANS[request.param], portable=portable)


def test_a_client_that_half_closes_still_hears_the_answer(
    proxy: RunningProxy, backend: Listening
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(PAYLOAD)
        half_close(client)
        assert receive_until_fin(server) == PAYLOAD
        assert is_silent(client)
        server.sendall(PAYLOAD[::-1])
        half_close(server)
        assert receive_until_fin(client) == PAYLOAD[::-1]
        proxy.wait_for_connections(0)


def test_a_backend_that_half_closes_still_hears_the_client(
    proxy: RunningProxy, backend: Listening
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        server.sendall(b"that was all")
        half_close(server)
        assert receive_until_fin(client) == b"that was all"
        assert is_silent(server)
        client.sendall(PAYLOAD)
        half_close(client)
        assert receive_until_fin(server) == PAYLOAD
        proxy.wait_for_connections(0)


def test_an_end_without_a_byte_arrives(proxy: RunningProxy, backend: Listening) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        half_close(client)
        assert receive_until_fin(server) == b""
        assert is_silent(client)
        half_close(server)
        assert receive_until_fin(client) == b""


@pytest.mark.parametrize("from_client", [True, False])
def test_a_close_arrives_after_the_bytes(
    proxy: RunningProxy, backend: Listening, from_client: bool
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        sender.sendall(b"and good bye")
        sender.close()
        assert receive_until_fin(receiver) == b"and good bye"


@pytest.mark.parametrize("from_client", [True, False])
def test_a_reset_arrives_as_a_reset(
    proxy: RunningProxy, backend: Listening, from_client: bool
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        reset(sender)
        assert receive_until_reset(receiver) == b""
        proxy.wait_for_connections(0)


@pytest.mark.parametrize("from_client", [True, False])
def test_a_reset_arrives_after_all_the_bytes(
    proxy: RunningProxy, backend: Listening, from_client: bool
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        sender.sendall(PAYLOAD[:60_000])
        wait_until_delivered(sender)
        reset(sender)
        assert receive_until_reset(receiver) == PAYLOAD[:60_000]


@pytest.mark.parametrize("from_client", [True, False])
def test_a_reset_after_a_half_close_arrives(
    proxy: RunningProxy, backend: Listening, from_client: bool
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        half_close(receiver)
        assert receive_until_fin(sender) == b""
        reset(sender)
        assert receive_until_reset(receiver) == b""


@pytest.mark.parametrize("from_client", [True, False])
def test_a_reset_leaves_the_bytes_that_were_under_way_to_a_peer_that_did_not_read(
    proxy: RunningProxy, backend: Listening, from_client: bool
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        sent = send_until_stuck(sender, PAYLOAD, quiet=0.2)
        arrived = sent - undelivered(sender)
        reset(sender)  # what is undelivered is lost here already
        heard = receive_until_reset(receiver)
        assert len(heard) >= arrived
        assert heard == (PAYLOAD * (sent // len(PAYLOAD) + 1))[: len(heard)]


def test_a_reset_waits_for_a_client_that_pauses(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address)
    with connect(proxy.address, room=8192) as client, backend.accept() as server:
        server.sendall(PAYLOAD)
        wait_until_delivered(server)
        reset(server)
        pause = select.poll()
        pause.register(client, 0)
        pause.poll(1500)  # ends early if the reset comes early
        assert receive_until_reset(client) == PAYLOAD


def test_a_peer_that_vanishes_resets_the_one_that_speaks(
    proxy: RunningProxy, backend: Listening
) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"?")
        assert receive(server, 1) == b"?"
        client.close()  # with bytes unread, or about to come
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            server.sendall(PAYLOAD * 1000)  # more than may wait on a link


@pytest.mark.parametrize("both", [False, True], ids=["one floods", "both flood"])
@pytest.mark.parametrize("from_client", [True, False])
@pytest.mark.parametrize("plan", ["quiet", "delayed"])
def test_a_reset_by_a_peer_that_does_not_read_arrives(
    start_proxy: StartProxy,
    backend: Listening,
    plan: str,
    portable: bool,
    from_client: bool,
    both: bool,
) -> None:
    proxy = start_proxy(backend.address, *PLANS[plan], portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        leaving, flooding = (client, server) if from_client else (server, client)
        send_until_stuck(flooding, PAYLOAD, quiet=0.1)
        if both:
            send_until_stuck(leaving, PAYLOAD, quiet=0.1)
        reset(leaving)
        if both:
            receive_until_reset(flooding)
        else:
            assert receive_until_reset(flooding) == b""
        proxy.wait_for_connections(0)


@pytest.mark.parametrize("from_client", [True, False])
def test_a_reset_ends_a_connection_that_hangs(
    start_proxy: StartProxy, backend: Listening, portable: bool, from_client: bool
) -> None:
    proxy = start_proxy(backend.address, "hang", portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"held")
        proxy.wait_for_firings(1)
        sender, receiver = (client, server) if from_client else (server, client)
        reset(sender)
        assert receive_until_reset(receiver) == b""
        proxy.wait_for_connections(0)
