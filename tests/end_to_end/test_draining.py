"""A proxy that stops accepting, and lets its connections finish what they are at."""

from __future__ import annotations

import random
import threading

from end_to_end.proxies import RunningProxy, StartProxy
from peers import (
    PATIENCE,
    Listening,
    connect,
    half_close,
    receive,
    receive_until_fin,
    receive_until_reset,
    send_until_stuck,
    wait_until,
)
from vaurien.net.address import Address

BLOCK = random.Random(9).randbytes(1_000_000)


def drain(proxy: RunningProxy, limit: float = PATIENCE) -> threading.Event:
    """Begin to drain; the event is set when it is over."""
    over = threading.Event()
    proxy.call(lambda: proxy.proxy.drain(over.set, limit))
    return over


def cannot_connect(address: Address) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # between the last client accepted and the end of listening
        pass
    return False


def test_no_more_clients_are_accepted(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address)
    with connect(proxy.address), backend.accept():
        over = drain(proxy)
        wait_until(lambda: cannot_connect(proxy.address), "nobody listens")
        assert over.wait(PATIENCE)


def test_an_answer_that_is_owed_is_waited_for(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address)
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"question")
        assert receive(server, 8) == b"question"
        over = drain(proxy)
        assert not over.wait(0.3)
        server.sendall(b"answer")
        assert receive_until_fin(client) == b"answer"
        assert over.wait(PATIENCE)


def test_what_a_rule_holds_is_waited_for(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address, "hang")
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"question")
        proxy.wait_for_firings(1)
        over = drain(proxy)
        assert not over.wait(0.3)
        proxy.change()
        assert receive(server, 8) == b"question"
        server.sendall(b"answer")
        assert receive_until_fin(client) == b"answer"
        assert over.wait(PATIENCE)


def test_a_client_that_pauses_gets_the_whole_answer(
    start_proxy: StartProxy, backend: Listening
) -> None:
    proxy = start_proxy(backend.address)
    with connect(proxy.address, room=8192) as client, backend.accept() as server:
        client.sendall(b"?")
        assert receive(server, 1) == b"?"
        sent = send_until_stuck(server, BLOCK)
        over = drain(proxy)
        assert not over.wait(0.3)
        half_close(server)
        assert receive_until_fin(client) == (BLOCK * (sent // len(BLOCK) + 1))[:sent]
        client.close()
        assert over.wait(PATIENCE)


def test_the_limit_ends_what_does_not_finish(start_proxy: StartProxy, backend: Listening) -> None:
    proxy = start_proxy(backend.address, "hang")
    with connect(proxy.address) as client, backend.accept() as server:
        client.sendall(b"question")
        proxy.wait_for_firings(1)
        assert drain(proxy, 0.1).wait(PATIENCE)
        assert receive_until_reset(client) == b""  # no clean end: the question was held
        assert receive_until_reset(server) == b""
