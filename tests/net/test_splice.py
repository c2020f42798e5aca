"""Pipes for splicing, and bulk that moves through them without a copy."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from itertools import cycle
from random import Random
from types import TracebackType
from typing import Self

import pytest

from end_to_end.proxies import RunningProxy, StartProxy
from peers import (
    PATIENCE,
    Listening,
    connect,
    half_close,
    receive,
    receive_until_fin,
    receive_until_reset,
    reset,
    wait_until,
    wait_until_delivered,
)
from vaurien.net.splice import PIPE_SIZE, POOL_LIMIT, Pipe, PipePool

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "splice"), reason="no splice on this system"
)

MEGABYTE = 1_000_000
F_GETPIPE_SZ = 1032  # linux/fcntl.h


@pytest.fixture
def pool() -> Iterator[PipePool]:
    made = PipePool()
    yield made
    made.close()


def is_open(pipe: Pipe) -> bool:
    return all(os.path.exists(f"/proc/self/fd/{fd}") for fd in pipe)


# Pipes.


def test_a_pipe_does_not_block_and_is_large(pool: PipePool) -> None:
    pipe = pool.take()
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)
    assert fcntl.fcntl(pipe[1], F_GETPIPE_SZ) <= PIPE_SIZE
    assert os.write(pipe[1], b"x" * 65536) == 65536
    assert not os.get_inheritable(pipe[0])
    pool.give_back(pipe, empty=False)


def test_an_empty_pipe_is_used_again(pool: PipePool) -> None:
    pipe = pool.take()
    pool.give_back(pipe, empty=True)
    assert pool.take() == pipe
    pool.give_back(pipe, empty=True)


def test_a_pipe_that_holds_bytes_is_not(pool: PipePool) -> None:
    pipe = pool.take()
    os.write(pipe[1], b"somebody else's")
    pool.give_back(pipe, empty=False)
    assert not is_open(pipe)


def test_so_many_pipes_are_kept_and_all_are_closed(pool: PipePool) -> None:
    pipes = [pool.take() for _ in range(POOL_LIMIT + 3)]
    for pipe in pipes:
        pool.give_back(pipe, empty=True)
    assert sum(map(is_open, pipes)) == POOL_LIMIT
    pool.close()
    assert not any(map(is_open, pipes))


# Bulk.


class Transfer:
    """Bulk on its way from a backend to a client, through a proxy that splices it."""

    def __init__(self, proxy: RunningProxy, backend: Listening, size: int) -> None:
        self.proxy = proxy
        self.moved = watch_splices(proxy)
        self.client = connect(proxy.address)
        self.server = backend.accept()
        self.size = size
        self.sent = hashlib.sha256()
        self.heard = hashlib.sha256()
        self.received = 0
        self._sender = threading.Thread(target=self._send)

    def _send(self) -> None:
        block = Random(1).randbytes(MEGABYTE)
        with contextlib.suppress(ConnectionError):
            for _ in range(self.size // MEGABYTE):
                self.sent.update(block)
                self.server.sendall(block)

    def receive(self, size: int) -> None:
        data = receive(self.client, size)
        self.heard.update(data)
        self.received += size

    def finish(self) -> None:
        self._sender.join(PATIENCE)
        assert not self._sender.is_alive()

    def __enter__(self) -> Self:
        self._sender.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.finish()
        self.server.close()
        self.proxy.wait_for_connections(0)


def watch_splices(proxy: RunningProxy) -> list[int]:
    """Record how much each splice of a proxy moves from now on."""
    moved: list[int] = []
    splice = proxy.reactor.system.splice
    assert splice is not None

    def watched(*given: int, **named: int) -> int:
        moved.append(0)  # raises, perhaps
        moved[-1] = splice(*given, **named)
        return moved[-1]

    proxy.reactor.system.splice = watched
    return moved


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def idle_pipes(proxy: RunningProxy) -> int:
    return proxy.call(lambda: len(proxy.reactor.pipes._idle))


@pytest.mark.parametrize("rules", [(), ("delay after=1000000",)], ids=["quiet", "armed"])
def test_bulk_arrives_identical_and_leaves_no_pipe_open(
    start_proxy: StartProxy, backend: Listening, rules: tuple[str, ...]
) -> None:
    proxy = start_proxy(backend.address, *rules)
    before = descriptors()
    with Transfer(proxy, backend, 100 * MEGABYTE) as bulk:
        while bulk.received < bulk.size:
            bulk.receive(MEGABYTE)
        bulk.finish()
        half_close(bulk.server)
        assert receive_until_fin(bulk.client) == b""
    assert bulk.heard.digest() == bulk.sent.digest()
    assert proxy.totals.bytes_to_client == bulk.size
    assert sum(bulk.moved) > bulk.size  # counted into a pipe and out of it
    pipes = idle_pipes(proxy)
    assert 1 <= pipes <= 2
    wait_until(lambda: descriptors() == before + 2 * pipes, "all else is closed")


def test_bulk_waits_for_a_receiver_that_does_not_read(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address)
    with Transfer(proxy, backend, 60 * MEGABYTE) as bulk:
        bulk.receive(5 * MEGABYTE)
        passed: list[int] = []

        def stands_still() -> bool:
            passed.append(proxy.totals.bytes_to_client)
            return len(passed) > 20 and len(set(passed[-20:])) == 1

        wait_until(stands_still, "the proxy reads no more")
        assert passed[-1] < bulk.size
        (connection,) = proxy.proxy.connections
        assert connection.to_client.blocked
        while bulk.received < bulk.size:
            bulk.receive(MEGABYTE)
        assert bulk.heard.digest() == bulk.sent.digest()
    assert sum(bulk.moved) > bulk.size


def test_a_receiver_that_is_gone_leaves_no_pipe_open(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address)
    before = descriptors()
    for _ in range(3):
        with Transfer(proxy, backend, 60 * MEGABYTE) as bulk:
            bulk.receive(5 * MEGABYTE)
            reset(bulk.client)
        assert sum(bulk.moved) > 0
    pipes = idle_pipes(proxy)
    wait_until(lambda: descriptors() == before + 2 * pipes, "all else is closed")


def test_a_plan_may_change_under_bulk(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address)
    with Transfer(proxy, backend, 60 * MEGABYTE) as bulk:
        for plan in cycle([("delay sleep=0.001 before=no",), ("delay sleep=1",), ()]):
            bulk.receive(2 * MEGABYTE)
            proxy.change(*plan)
            if bulk.received == bulk.size:
                break
        assert bulk.heard.digest() == bulk.sent.digest()
    assert sum(bulk.moved) > 0


LIMIT = "limit-data bytes=10000000 direction=to_client"


@pytest.mark.parametrize(
    "rules", [(LIMIT,), (), ("delay after=1000000",)], ids=["from-the-start", "quiet", "armed"]
)
def test_a_rule_acts_on_bulk(
    start_proxy: StartProxy, backend: Listening, rules: tuple[str, ...]
) -> None:
    proxy = start_proxy(backend.address, *rules)
    with Transfer(proxy, backend, 60 * MEGABYTE) as bulk:
        bulk.receive(5 * MEGABYTE)
        if LIMIT not in rules:
            assert sum(bulk.moved) > 0
            proxy.change(LIMIT)
        rest = receive_until_fin(bulk.client)
        assert bulk.received + len(rest) < bulk.size
        if LIMIT in rules:
            assert bulk.received + len(rest) == 10_000_000


def test_a_reset_after_bulk_is_a_reset(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address)
    with Transfer(proxy, backend, 20 * MEGABYTE) as bulk:
        while bulk.received < bulk.size:
            bulk.receive(MEGABYTE)
        bulk.finish()
        wait_until_delivered(bulk.server)
        reset(bulk.server)
        assert receive_until_reset(bulk.client) == b""
