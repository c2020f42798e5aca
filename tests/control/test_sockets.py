"""Where the HTTP server listens."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from vaurien.control.sockets import on_tcp, on_unix
from vaurien.errors import ListenError


def test_no_host_is_all_addresses() -> None:
    opened = on_tcp("", 0)
    try:
        assert (opened.address.host, opened.is_everywhere, opened.is_public) == ("::", True, True)
        socket.create_connection(("127.0.0.1", opened.address.port), 10).close()
    finally:
        opened.close()


def test_a_host_with_a_port_is_none() -> None:
    with pytest.raises(ListenError, match="'localhost:80' is not a host: it has no port"):
        on_tcp("localhost:80", 0)


def test_localhost_is_taken_if_one_of_its_addresses_is() -> None:
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with socket.create_server((host, 0), family=family) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ListenError) as caught:
                on_tcp("localhost", port)
            text = f"cannot listen on localhost:{port}: Address already in use"
            assert (caught.value.errno, caught.value.strerror) == (errno.EADDRINUSE, text)


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("198.51.100.1", "cannot listen on 198.51.100.1:8080: Cannot assign requested address"),
        ("x" * 64, f"'{'x' * 64}' is not a host"),
    ],
)
def test_a_host_that_is_not_here(host: str, text: str) -> None:
    with pytest.raises(ListenError) as caught:
        on_tcp(host, 8080)
    assert caught.value.strerror == text


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("localhost", False),
        ("127.0.0.1", False),
        ("127.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("0.0.0.0", True),
        ("0", True),
        ("::", True),
    ],
)
def test_whether_others_may_reach_it_is_told_by_what_it_is_bound_to(
    host: str, public: bool
) -> None:
    opened = on_tcp(host, 0)
    try:
        assert opened.is_public is public
    finally:
        opened.close()


def test_all_addresses_of_ipv6_are_those_of_ipv4_too() -> None:
    opened = on_tcp("::", 0)
    try:
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, opened.address.port), 10).close()
    finally:
        opened.close()


def test_answers_are_not_held_back() -> None:
    opened = on_tcp("127.0.0.1", 0)
    (listening,) = opened.sockets
    with listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_being_out_of_descriptors_is_said_once_until_it_is_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio calls accept until it is told to stop: each failure is followed by that."""

    def fail(sock: socket.socket) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    said = "The HTTP server cannot accept clients: Too many open files"
    (listening,) = on_tcp("127.0.0.1", 0).sockets
    with listening:
        for times in (1, 2):
            with monkeypatch.context() as failing:
                failing.setattr(socket.socket, "accept", fail)
                for _ in range(3):
                    with pytest.raises(OSError, match="Too many"):
                        listening.accept()
                    with pytest.raises(BlockingIOError):
                        listening.accept()
            with socket.create_connection(listening.getsockname()):
                listening.accept()[0].close()
            assert caplog.messages == [said] * times


# Unix sockets.


def test_only_its_owner_may_open_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "api"
    before = os.umask(0)
    try:
        opened = on_unix(str(path))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not opened.is_public
    opened.close()
    assert not path.exists()


def test_a_unix_socket_that_a_killed_process_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    on_unix(str(path)).close()


def test_a_unix_socket_in_use_and_another_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api"
    opened = on_unix(str(path))
    with pytest.raises(ListenError, match="Address already in use"):
        on_unix(str(path))
    opened.close()
    path.write_text("precious")
    with pytest.raises(ListenError, match="the file exists and is not a socket"):
        on_unix(str(path))
    assert path.read_text() == "precious"


def test_the_socket_of_another_process_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "api"
    opened = on_unix(str(path))
    path.unlink()
    other = on_unix(str(path))
    opened.close()
    assert path.exists()
    other.close()
