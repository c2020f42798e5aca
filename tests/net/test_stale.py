"""Socket files that were left behind."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import Listening, connect
from vaurien.net.address import Address
from vaurien.net.stale import remove_stale_socket
from vaurien.net.system import System

UNIX = int(socket.AF_UNIX)


@pytest.fixture
def system() -> Iterator[System]:
    made = System()
    yield made
    made.close()


def test_a_socket_that_a_killed_process_left_behind_is_replaced(
    system: System, tmp_path: Path
) -> None:
    path = str(tmp_path / "proxy")
    system.listen((UNIX, path), 5).close()
    assert os.path.exists(path)
    listener = system.listen((UNIX, path), 5)
    with connect(Address("", 0, path)):
        system.accept(listener, UNIX).close()
    listener.close()


def test_a_socket_where_somebody_listens_is_left_alone(system: System, tmp_path: Path) -> None:
    address = Address("", 0, str(tmp_path / "other"))
    with Listening(address) as other:
        with pytest.raises(OSError, match="in use") as caught:
            system.listen((UNIX, address.path), 5)
        assert caught.value.errno == errno.EADDRINUSE
        other.accept().close()  # that was us, looking
        with connect(address):
            other.accept().close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter"
    file.write_text("important")
    with pytest.raises(OSError, match="not a socket"):
        remove_stale_socket(str(file))
    assert file.read_text() == "important"
    remove_stale_socket(str(tmp_path / "nothing"))  # and nothing happens


def test_a_listener_whose_queue_is_full_is_left_alone_and_not_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "busy")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.connect(path)
        with pytest.raises(OSError, match="in use"):
            remove_stale_socket(path)
    assert os.path.exists(path)
