"""Sockets that are open already."""

from __future__ import annotations

import socket

from vaurien.net.activated import ActivatedSystem
from vaurien.net.system import Endpoint


def endpoint(sock: socket.socket) -> Endpoint:
    return int(sock.family), sock.getsockname()


def test_it_listens_with_the_socket_that_is_there_and_leaves_that_open() -> None:
    passed = socket.create_server(("127.0.0.1", 0))
    system = ActivatedSystem([passed])
    for _ in range(2):
        listening = system.listen(endpoint(passed), 10)
        assert listening.fileno() != passed.fileno()
        with socket.create_connection(passed.getsockname(), 10):
            accepted = system.accept(listening, socket.AF_INET)
            assert isinstance(accepted, socket.SocketType)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            accepted.close()
        listening.close()
    reserved = system.reserve(endpoint(passed))
    assert reserved.getsockname() == passed.getsockname()
    reserved.close()
    system.close()
    assert passed.fileno() == -1


def test_it_opens_others() -> None:
    system = ActivatedSystem([])
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = endpoint(free)
    listening = system.listen(where, 10)
    assert listening.getsockname() == where[1]
    listening.close()
    system.reserve(where).close()
    system.close()
