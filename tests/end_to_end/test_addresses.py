"""Listening and dialling: every kind of address on both sides, and what cannot be reached."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from end_to_end.proxies import NO_LIMITS, RunningProxy, StartProxy
from peers import (
    Listening,
    Scripted,
    connect,
    deaf_backend,
    echo,
    half_close,
    is_refused,
    is_silent,
    receive,
    receive_until_fin,
    wait_until,
)
from servers import free_port
from vaurien.errors import ListenError
from vaurien.net.address import Address
from vaurien.net.spec import Limits


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def own_address() -> str:
    """The machine's address that other machines see; asking sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        name: str = probe.getsockname()[0]
        return name


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
KINDS = [
    "127.0.0.1:0",
    "localhost:0",
    pytest.param("[::1]:0", marks=IPV6),
    "unix",
]


def address_of(kind: str, folder: Path, name: str) -> Address:
    return Address("", 0, str(folder / name)) if kind == "unix" else Address.parse(kind)


def check_both_ways(proxy: RunningProxy) -> None:
    """Through the proxy to an echo, and back, with a half-close."""
    with connect(proxy.address) as client:
        client.sendall(b"to and fro")
        half_close(client)
        assert receive_until_fin(client) == b"to and fro"


@pytest.mark.parametrize("there", KINDS)
@pytest.mark.parametrize("here", KINDS)
def test_every_kind_of_address_on_both_sides(
    start_proxy: StartProxy, tmp_path: Path, here: str, there: str
) -> None:
    bind = address_of(there.replace("localhost", "127.0.0.1"), tmp_path, "backend.sock")
    with Scripted(echo, bind) as backend:
        dialled = backend.address
        if there.startswith("localhost"):
            dialled = Address("localhost", dialled.port)
        proxy = start_proxy(dialled, listen=address_of(here, tmp_path, "proxy.sock"))
        assert str(proxy.address).partition(":")[0] == here.partition(":")[0]
        check_both_ways(proxy)
        check_both_ways(proxy)


def test_a_name_is_tried_endpoint_by_endpoint(start_proxy: StartProxy) -> None:
    """Whatever ``localhost`` stands for here, one of its endpoints has the backend."""
    with Scripted(echo) as backend:
        check_both_ways(start_proxy(Address("localhost", backend.address.port)))


def test_a_name_that_is_not_one_closes_the_client(start_proxy: StartProxy) -> None:
    proxy = start_proxy(Address("no such name", 80))
    assert is_refused(proxy.address)
    assert "no such name:80" in proxy.troubles[0]


def test_a_refused_backend_is_a_fin(start_proxy: StartProxy) -> None:
    proxy = start_proxy(Address("127.0.0.1", free_port()))
    for _ in range(3):
        assert is_refused(proxy.address)
    totals = proxy.totals
    assert (totals.refused, totals.open) == (3, 0)
    assert all("refused" in trouble for trouble in proxy.troubles)


def test_a_backend_that_is_back_is_used_again(start_proxy: StartProxy) -> None:
    gone = Address("127.0.0.1", free_port())
    proxy = start_proxy(gone)
    assert is_refused(proxy.address)
    with Scripted(echo, gone):
        check_both_ways(proxy)


def test_a_unix_socket_that_is_not_there_closes_the_client(
    start_proxy: StartProxy, tmp_path: Path
) -> None:
    proxy = start_proxy(Address("", 0, str(tmp_path / "absent.sock")))
    assert is_refused(proxy.address)


def test_a_deaf_backend_stalls_nobody_else(start_proxy: StartProxy) -> None:
    with deaf_backend() as deaf, Scripted(echo) as backend:
        proxy = start_proxy(deaf)
        waiting = [connect(proxy.address) for _ in range(50)]
        proxy.wait_for_connections(50)
        proxy.use_backend(backend.address)
        for _ in range(20):
            check_both_ways(proxy)
        assert proxy.totals.refused == 0
        for client in waiting:
            assert is_silent(client)
            client.close()


def test_a_deaf_backend_is_given_up_in_time(start_proxy: StartProxy) -> None:
    with deaf_backend() as deaf:
        proxy = start_proxy(deaf, limits=Limits(timeout=0, dial_timeout=0.2))
        assert is_refused(proxy.address)
        assert "no answer within 0.2 s" in proxy.troubles[0]


def test_what_a_client_says_before_the_backend_is_reached_is_not_lost(
    start_proxy: StartProxy,
) -> None:
    with Listening(backlog=0) as slow, connect(slow.address) as first:
        proxy = start_proxy(slow.address)
        with connect(proxy.address) as client:
            client.sendall(b"early")
            half_close(client)
            proxy.wait_for_connections(1)
            slow.accept().close()  # makes room in the queue, for the next try of the kernel
            with slow.accept() as server:
                assert receive_until_fin(server) == b"early"
        assert first.recv(1) == b""


def test_a_client_that_leaves_while_its_backend_is_dialled_is_forgotten(
    start_proxy: StartProxy,
) -> None:
    with deaf_backend() as deaf:
        proxy = start_proxy(deaf, limits=Limits(timeout=0, dial_timeout=0.3))
        connect(proxy.address).close()
        wait_until(lambda: proxy.totals.closed == 1, "the connection is closed")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"])
def test_a_proxy_never_dials_itself(start_proxy: StartProxy, host: str) -> None:
    port = free_port()
    proxy = start_proxy(Address(host, port), listen=Address("127.0.0.1", port))
    assert is_refused(proxy.address)
    assert "the proxy itself" in proxy.troubles[0]
    assert proxy.totals.opened == 1


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.2"),
        ("0.0.0.0", "own"),
        pytest.param("::", "::1", marks=IPV6),
    ],
)
def test_a_proxy_on_every_address_never_dials_itself(
    start_proxy: StartProxy, listen: str, host: str
) -> None:
    if host == "own":
        host = own_address()
    port = free_port()
    proxy = start_proxy(Address(host, port), listen=Address(listen, port))
    assert is_refused(Address("::1" if ":" in listen else "127.0.0.1", port))
    assert proxy.totals.opened == 1


def test_a_proxy_on_a_unix_socket_never_dials_itself(
    start_proxy: StartProxy, tmp_path: Path
) -> None:
    path = Address("", 0, str(tmp_path / "own.sock"))
    proxy = start_proxy(path, listen=path)
    assert is_refused(path)
    assert "the proxy itself" in proxy.troubles[0]


# Listening.


def test_a_port_in_use_is_a_listen_error(start_proxy: StartProxy, backend: Listening) -> None:
    with pytest.raises(ListenError, match=f"{backend.address}: Address already in use"):
        start_proxy(backend.address, listen=backend.address)


def test_an_address_of_another_machine_is_a_listen_error(
    start_proxy: StartProxy, backend: Listening
) -> None:
    with pytest.raises(ListenError, match=r"203\.0\.113\.1:0") as caught:
        start_proxy(backend.address, listen=Address("203.0.113.1", 0))
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_stale_socket_file_is_taken_over(start_proxy: StartProxy, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    assert path.is_socket()
    with Scripted(echo) as backend:
        check_both_ways(start_proxy(backend.address, listen=Address("", 0, str(path))))


def test_a_socket_file_in_use_is_a_listen_error(start_proxy: StartProxy, tmp_path: Path) -> None:
    path = Address("", 0, str(tmp_path / "proxy.sock"))
    with Scripted(echo, path) as other:
        with pytest.raises(ListenError, match="Address already in use"):
            start_proxy(other.address, listen=path)
        with connect(path) as client:
            client.sendall(b"still there")
            assert receive(client, 11) == b"still there"


def test_a_file_that_is_no_socket_is_left_alone(
    start_proxy: StartProxy, backend: Listening, tmp_path: Path
) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    with pytest.raises(ListenError, match="is not a socket"):
        start_proxy(backend.address, listen=Address("", 0, str(path)))
    assert path.read_text() == "precious"


def test_a_socket_file_is_removed_when_the_proxy_closes(tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    with RunningProxy(Address("127.0.0.1", 1), listen=Address("", 0, str(path)), limits=NO_LIMITS):
        assert path.is_socket()
    assert not os.path.lexists(path)
