"""Pipes for splicing, and bulk that goes through them without a copy."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from random import Random

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


class Bulk:
    """Bytes that are the same for the same seed, however they are divided; and their hash."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._block = Random(1).randbytes(MEGABYTE - 17)
        self.sha = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        left = self.size
        while left:
            block = self._block[:left]
            self.sha.update(block)
            yield block
            left -= len(block)


def watch_splices(proxy: RunningProxy) -> list[int]:
    """How much each splice of a proxy moves, from now on."""
    moved: list[int] = []
    splice: Callable[..., int] | None = proxy.reactor.system.splice
    assert splice is not None

    def watched(*given: int, **named: int) -> int:
        moved.append(0)
        moved[-1] = splice(*given, **named)
        return moved[-1]

    proxy.reactor.system.splice = watched
    return moved


def no_pipe_is_left(proxy: RunningProxy) -> bool:
    """Whether the proxy's thread has given all its pipes back."""
    return proxy.call(lambda: all(not link._pipe for c in proxy.proxy.connections for link in c.links))


@pytest.mark.parametrize("rules", [(), ("delay after=1000000",)], ids=["quiet", "armed"])
def test_bulk_arrives_identical_and_leaves_no_pipe_open(
    start_proxy: StartProxy, backend: Listening, rules: tuple[str, ...]
) -> None:
    proxy = start_proxy(backend.address, *rules)
    moved = watch_splices(proxy)
    bulk, heard = Bulk(100 * MEGABYTE), hashlib.sha256()
    before = len(os.listdir("/proc/self/fd"))
    with connect(proxy.address) as client, backend.accept() as server:

        def send() -> None:
            for block in bulk:
                server.sendall(block)
            half_close(server)

        sender = threading.Thread(target=send)
        sender.start()
        while data := client.recv(MEGABYTE):
            heard.update(data)
        sender.join(PATIENCE)
        assert proxy.totals.bytes_to_client == bulk.size
    assert heard.digest() == bulk.sha.digest()
    assert sum(moved) > bulk.size, "into pipes and out of them: nearly all was spliced"
    proxy.wait_for_connections(0)
    pipes = proxy.call(lambda: len(proxy.reactor.pipes._idle))
    assert 1 <= pipes <= 2
    assert len(os.listdir("/proc/self/fd")) == before + 2 * pipes


def splicing(
    proxy: RunningProxy, backend: Listening
) -> tuple[RunningProxy, object, object]:
    raise NotImplementedError
