"""Functions that old plugins import."""

from __future__ import annotations

import os.path
import socket
import threading

import pytest

from peers import PATIENCE
from vaurien.util import ImportStringError, chunked, get_data, import_string, parse_address


@pytest.mark.parametrize("text", ["os.path.join", "os.path:join"])
def test_import_string(text: str) -> None:
    assert import_string(text) is os.path.join


def test_import_string_gives_modules() -> None:
    assert import_string("socket") is socket
    assert import_string("os.path") is os.path


@pytest.mark.parametrize("text", ["nowhere.to.be.found", "os.path.nothing", "nowhere"])
def test_import_string_fails(text: str) -> None:
    with pytest.raises(ImportStringError, match=text):
        import_string(text)
    assert import_string(text, silent=True) is None


def test_parse_address() -> None:
    assert parse_address("localhost:80") == ("127.0.0.1", 80)
    assert parse_address("127.0.0.2:8000") == ("127.0.0.2", 8000)


@pytest.mark.parametrize("text", ["", "localhost", ":80", "localhost:", "localhost:http"])
def test_parse_address_fails(text: str) -> None:
    with pytest.raises(ValueError, match="Expected HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("total", "chunk", "pieces"),
    [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 3, [2]), (3, 3, [3])],
)
def test_chunked(total: int, chunk: int, pieces: list[int]) -> None:
    assert list(chunked(total, chunk)) == pieces


def test_get_data() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"hello")
        assert get_data(ours) == "hello"
        theirs.sendall(b"hello")
        assert get_data(ours, 2) == b"he"


def test_get_data_waits_where_the_socket_does_not() -> None:
    ours, theirs = socket.socketpair()
    read: list[bytes] = []
    with ours, theirs:
        ours.setblocking(False)
        reader = threading.Thread(target=lambda: read.append(get_data(ours)))
        reader.start()
        theirs.sendall(b"hello")
        reader.join(PATIENCE)
    assert read == [b"hello"]
