"""Many bytes: bounded memory, back-pressure, and dribbled ones."""

from __future__ import annotations

import random
import select
import socket
import threading
from pathlib import Path

import pytest

from end_to_end.proxies import RunningProxy, StartProxy, command_line
from peers import (
    PATIENCE,
    Listening,
    Scripted,
    connect,
    dribble,
    half_close,
    receive,
    receive_until_fin,
    send_until_stuck,
    wait_until,
)

MIB = 1024 * 1024
BLOCK = random.Random(3).randbytes(MIB)
KERNEL_ROOM = 48 * MIB
"""More than the kernel's buffers of two connections ever hold."""
PLANS: dict[str, tuple[str, ...]] = {
    "quiet": (),
    "armed": ("delay after=1000000",),
    "delayed": ("delay sleep=0.002", "delay sleep=0.002 before=false"),
}


def send_blocks(sock: socket.socket, count: int) -> None:
    for _ in range(count):
        sock.sendall(BLOCK)


def count_right_blocks(sock: socket.socket) -> int:
    """How many blocks come, each as it was sent, before the stream ends."""
    room = memoryview(bytearray(MIB))
    filled = count = 0
    while size := sock.recv_into(room[filled:]):
        filled += size
        if filled == MIB:
            assert room == BLOCK
            filled = 0
            count += 1
    assert not filled
    return count


@pytest.mark.parametrize("from_client", [True, False])
def test_a_gigabyte_passes_in_little_memory(tmp_path: Path, from_client: bool) -> None:
    def say(sock: socket.socket) -> None:
        send_blocks(sock, 1024)
        half_close(sock)

    counted: list[int] = []
    hear = lambda sock: counted.append(count_right_blocks(sock))  # noqa: E731
    with (
        Scripted(hear if from_client else say) as backend,
        command_line(backend.address, log=tmp_path / "log") as proxy,
    ):
        with connect(proxy.address) as client:
            before = proxy.peak_memory
            (say if from_client else hear)(client)
            wait_until(lambda: counted, "the whole gigabyte")
        assert counted == [1024]
        assert proxy.peak_memory - before < 4 * MIB


@pytest.mark.parametrize("plan", PLANS)
def test_many_bytes_both_ways_at_once(
    start_proxy: StartProxy, backend: Listening, plan: str, portable: bool
) -> None:
    proxy = start_proxy(backend.address, *PLANS[plan], portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        counts: dict[socket.socket, int] = {}

        def say(sock: socket.socket) -> None:
            send_blocks(sock, 16)
            half_close(sock)

        def hear(sock: socket.socket) -> None:
            counts[sock] = count_right_blocks(sock)

        threads = [
            threading.Thread(target=act, args=(sock,), daemon=True)
            for act in (say, hear)
            for sock in (client, server)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert counts == {client: 16, server: 16}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("from_client", [True, False])
def test_a_peer_that_does_not_read_stops_the_one_that_sends(
    start_proxy: StartProxy, backend: Listening, plan: str, portable: bool, from_client: bool
) -> None:
    proxy = start_proxy(backend.address, *PLANS[plan], portable=portable)
    with connect(proxy.address) as client, backend.accept() as server:
        sender, receiver = (client, server) if from_client else (server, client)
        taken = send_until_stuck(sender, BLOCK)
        assert taken < KERNEL_ROOM
        rest = -taken % MIB

        def say_the_rest() -> None:
            sender.sendall(BLOCK[MIB - rest :])
            half_close(sender)

        finish = threading.Thread(target=say_the_rest, daemon=True)
        finish.start()
        assert count_right_blocks(receiver) == (taken + rest) // MIB
        finish.join(PATIENCE)


@pytest.mark.parametrize("plan", PLANS)
def test_dribbled_bytes_arrive_in_order(
    start_proxy: StartProxy, backend: Listening, plan: str
) -> None:
    proxy = start_proxy(backend.address, *PLANS[plan])
    with connect(proxy.address) as client, backend.accept() as server:
        dribble(client, BLOCK[:1000])
        half_close(client)
        assert receive_until_fin(server) == BLOCK[:1000]
        dribble(server, BLOCK[1000:2000])
        server.shutdown(socket.SHUT_WR)
        assert receive_until_fin(client) == BLOCK[1000:2000]


def test_one_that_does_not_read_does_not_stop_others(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address)
    with connect(proxy.address) as stuck, backend.accept() as flooding:
        send_until_stuck(flooding, BLOCK, quiet=0.2)
        for _ in range(10):
            check_exchange(proxy, backend)
        assert select.select((stuck,), (), (), 0)[0]


def check_exchange(proxy: RunningProxy, backend: Listening) -> None:
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"ping")
        assert receive(server, 4) == b"ping"
        server.sendall(b"pong")
        assert receive(client, 4) == b"pong"
