"""The sockets that old plugins are handed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from peers import PATIENCE
from vaurien.legacy.sockets import ClientSocket, HandedSocket, Received


@pytest.fixture
def pair() -> Iterator[tuple[HandedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    handed = HandedSocket(ours)
    theirs.settimeout(PATIENCE)
    with handed, theirs:
        yield handed, theirs


@pytest.mark.parametrize(
    ("data", "other", "equal"),
    [
        (b"", "", True),
        (b"", b"", True),
        (b"a", "", False),
        (b"a", b"", False),
        (b"a", "a", True),
        (b"\xe9", "\xe9", True),
        (b"?", "\u20ac", False),
        (b"", None, False),
        (b"1", 1, False),
    ],
)
def test_received_compares_as_byte_strings_did(data: bytes, other: object, equal: bool) -> None:
    received = Received(data)
    assert (received == other) is equal
    assert (other == received) is equal
    assert (received != other) is not equal
    assert (other != received) is not equal


def test_received_is_bytes() -> None:
    received = Received(b"abc")
    assert isinstance(received, bytes)
    assert received in {b"abc"}
    assert bool(Received()) is False
    assert received + b"d" == b"abcd"


def test_recv_gives_what_compares_with_text(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, theirs = pair
    theirs.sendall(b"hello")
    assert handed.recv(10) == "hello"
    theirs.close()
    assert handed.recv(10) == ""
    assert handed.at_end


def test_text_is_sent_as_latin_1(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, theirs = pair
    handed.sendall("caf\xe9")
    handed.send("!")
    handed.sendall(b"?")
    assert theirs.recv(10) == b"caf\xe9!?"


def test_peeking_is_not_the_end(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, theirs = pair
    theirs.close()
    assert handed.recv(1, socket.MSG_PEEK) == b""
    assert not handed.at_end
    assert handed.recv_into(bytearray(1)) == 0
    assert handed.at_end


def test_any_attribute_may_be_set(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, _ = pair
    handed.anything = 1  # type: ignore[attr-defined] # as old plugins do
    handed._closed = True  # type: ignore[attr-defined]
    handed.sendall(b"still open")
    assert not handed.closed


def test_marked_as_closed_and_then_closed(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, theirs = pair
    handed._closed = True  # type: ignore[attr-defined]
    handed.close()
    handed.close()
    assert handed.closed
    assert theirs.recv(1) == b""


def test_sever_wakes_a_blocked_reader(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, _ = pair
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(handed.recv(1)))
    reader.start()
    handed.sever()
    reader.join(PATIENCE)
    assert read == [b""]


def test_sever_is_harmless_when_closed(pair: tuple[HandedSocket, socket.socket]) -> None:
    handed, _ = pair
    handed.close()
    handed.sever()


def test_client_socket_gives_the_real_addresses() -> None:
    ours, theirs = socket.socketpair()
    client = ClientSocket(ours, ("192.0.2.1", 1234), ("192.0.2.2", 80))
    with client, theirs:
        assert client.getpeername() == ("192.0.2.1", 1234)
        assert client.getsockname() == ("192.0.2.2", 80)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        assert isinstance(client, socket.socket)
