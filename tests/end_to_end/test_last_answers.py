"""The last answer of a backend that closes with unread input, which makes its kernel reset.

A direct client nearly always gets the answer whole; through a proxy it must be no rarer.
"""

from __future__ import annotations

import random
import socket

import pytest

from end_to_end.proxies import StartProxy
from peers import Scripted, connect, receive
from vaurien.net.address import Address

RUNS = 1000
AT_ONCE = 20
REQUEST = b"?" * 200
ANSWERS = {size: random.Random(size).randbytes(size) for size in (21, 64 * 1024)}


def whole_answers(address: Address, size: int) -> int:
    """How many of the clients get the whole answer."""
    whole = 0
    for _ in range(RUNS // AT_ONCE):
        clients = [connect(address) for _ in range(AT_ONCE)]
        for client in clients:
            client.sendall(REQUEST)
        whole += sum(gets_whole_answer(client, ANSWERS[size]) for client in clients)
    return whole


def gets_whole_answer(client: socket.socket, answer: bytes) -> bool:
    with client:
        try:
            return receive(client, len(answer)) == answer
        except (EOFError, ConnectionResetError):
            return False


@pytest.mark.parametrize("size", ANSWERS)
@pytest.mark.parametrize("rule", ["", "delay after=1000000", "delay sleep=0.001 before=false"])
def test_no_more_is_lost_than_without_a_proxy(
    start_proxy: StartProxy, size: int, rule: str
) -> None:
    def answer_and_leave(sock: socket.socket) -> None:
        receive(sock, 1)
        sock.sendall(ANSWERS[size])

    with Scripted(answer_and_leave) as backend:
        proxy = start_proxy(backend.address, *([rule] if rule else []))
        direct = whole_answers(backend.address, size)
        assert whole_answers(proxy.address, size) >= direct
