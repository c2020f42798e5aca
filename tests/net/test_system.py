"""The part of the operating system that the data plane uses: what it promises, for real."""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from peers import (
    PATIENCE,
    Listening,
    connect,
    receive,
    receive_until_reset,
    reset,
    send_until_stuck,
    wait_until,
)
from reactors import POLLERS
from vaurien.net.address import Address
from vaurien.net.system import (
    ERROR,
    HANGUP,
    READ,
    WRITE,
    Endpoint,
    EpollPoller,
    Poller,
    SelectorPoller,
    System,
    is_local,
)

INET, INET6, UNIX = int(socket.AF_INET), int(socket.AF_INET6), int(socket.AF_UNIX)
LOOPBACK: Endpoint = (INET, ("127.0.0.1", 0))


@pytest.fixture
def system() -> Iterator[System]:
    made = System()
    yield made
    made.close()


@pytest.fixture(params=POLLERS)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made = POLLERS[request.param]()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


# Pollers.


@pytest.mark.parametrize("seconds", [0.0, 0.0002, 0.0011, 0.003, 0.0205])
def test_a_poller_waits_for_a_time(poller: Poller, seconds: float) -> None:
    """It may come back early: whoever waits for a time looks at the clock."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        assert poller.wait(left) == []
    assert poller.wait(0) == []


def test_a_poller_tells_what_is_ready(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    fd = pair[0].fileno()
    poller.register(fd, READ)
    assert poller.wait(0) == []
    poller.modify(fd, READ | WRITE)
    assert poller.wait(None) == [(fd, WRITE)]
    pair[1].send(b"x")
    assert poller.wait(None) == [(fd, READ | WRITE)]
    poller.modify(fd, READ)
    assert poller.wait(1) == [(fd, READ)]
    poller.unregister(fd)
    assert poller.wait(0) == []


def test_a_poller_may_have_to_do_with_a_descriptor_that_wants_nothing(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    fd = pair[0].fileno()
    pair[1].send(b"x")
    poller.register(fd, 0)
    assert poller.wait(0) == []
    poller.modify(fd, READ)
    assert poller.wait(1) == [(fd, READ)]
    poller.modify(fd, 0)
    assert poller.wait(0) == []
    poller.modify(fd, 0)
    poller.unregister(fd)
    poller.register(fd, READ)
    assert poller.wait(1) == [(fd, READ)]
    poller.unregister(fd)


def test_epoll_tells_of_errors_though_nothing_is_wanted() -> None:
    poller = EpollPoller()
    with Listening() as backend, connect(backend.address) as client, backend.accept() as server:
        poller.register(client.fileno(), 0)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        ((fd, events),) = poller.wait(PATIENCE)
    assert fd > 0
    assert events & (ERROR | HANGUP) == ERROR | HANGUP
    poller.close()


def test_epoll_waits_where_many_descriptors_are_open_already() -> None:
    """As in a program that starts a proxy of its own; ``select`` ends at 1024."""
    with ExitStack() as stack:
        try:
            for _ in range(1100):
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pytest.skip("not so many may be open here")
        poller = EpollPoller()
        stack.callback(poller.close)
        for seconds in (0.0, 0.0005, 0.0015, 0.003):
            assert poller.wait(seconds) == []


def test_where_there_is_epoll_it_is_used(system: System) -> None:
    assert isinstance(system.poller, EpollPoller)
    portable = System(SelectorPoller())
    assert isinstance(portable.poller, SelectorPoller)
    portable.close()


# Waking.


def test_another_thread_ends_the_wait(system: System) -> None:
    thread = threading.Thread(target=system.wake)
    thread.start()
    assert system.poller.wait(PATIENCE) == [(system.wake_fd, READ)]
    thread.join()
    system.clear_wakeups()
    assert system.poller.wait(0) == []


def test_being_woken_often_is_being_woken(system: System) -> None:
    for _ in range(100_000):
        system.wake()
    while system.poller.wait(0):
        system.clear_wakeups()
    system.clear_wakeups()
    system.wake()
    assert system.poller.wait(0)


# Names.


def test_a_name_has_the_endpoints_that_the_system_says(system: System) -> None:
    found = system.resolve(socket.gethostname(), 80)
    assert found
    assert len(found) == len(set(found))
    assert {family for family, _ in found} <= {INET, INET6}


@pytest.mark.parametrize("name", ["localhost", "LocalHost"])
def test_localhost_is_both_families_whatever_the_system_says(system: System, name: str) -> None:
    assert system.resolve(name, 80) == [(INET, ("127.0.0.1", 80)), (INET6, ("::1", 80, 0, 0))]


@pytest.mark.parametrize("name", ["x" * 70, "a..b", "no\ud800name"])
def test_what_cannot_be_a_name_is_an_error(system: System, name: str) -> None:
    with pytest.raises(OSError, match="is not a host name"):
        system.resolve(name, 80)


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("192.0.2.1", (INET, ("192.0.2.1", 80))),
        ("::1", (INET6, ("::1", 80, 0, 0))),
        ("localhost", None),
        ("1.2.3", None),
        ("fe80::1%nowhere", None),
        ("", None),
    ],
)
def test_numeric_addresses(system: System, host: str, endpoint: Endpoint | None) -> None:
    assert system.parse_numeric(host, 80) == endpoint


def test_what_is_local(system: System) -> None:
    assert is_local((INET, ("127.0.0.1", 80)))
    assert is_local((INET6, ("::1", 80, 0, 0)))
    assert not is_local((INET, ("192.0.2.1", 80)))


# Listening and accepting.


def test_a_listener_accepts_sockets_that_do_not_block_or_wait(system: System) -> None:
    listener = system.listen(LOOPBACK, 5)
    with pytest.raises(BlockingIOError):
        system.accept(listener, INET)
    bound = listener.getsockname()
    assert not isinstance(bound, str)
    with connect(Address(bound[0], bound[1])) as client:
        accepted = system.accept(listener, INET)
        assert isinstance(accepted, socket.SocketType)
        assert accepted.getpeername() == client.getsockname()
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with pytest.raises(BlockingIOError):
            accepted.recv_into(bytearray(10))
        accepted.close()
    listener.close()


def test_an_address_in_use_is_not_shared(system: System) -> None:
    listener = system.listen(LOOPBACK, 5)
    with pytest.raises(OSError, match="in use") as caught:
        system.listen((INET, listener.getsockname()), 5)
    assert caught.value.errno == errno.EADDRINUSE
    listener.close()


def test_an_address_can_be_used_again_at_once(system: System) -> None:
    listener = system.listen(LOOPBACK, 5)
    bound = listener.getsockname()
    assert not isinstance(bound, str)
    with connect(Address(bound[0], bound[1])) as client:
        system.accept(listener, INET).close()  # it closes first, and so keeps the port for a while
        assert client.recv(1) == b""
    listener.close()
    system.listen((INET, bound), 5).close()


@pytest.mark.skipif(not is_local((INET6, ("::1", 80, 0, 0))), reason="no IPv6 here")
def test_both_families_listen_on_one_port(system: System) -> None:
    first = system.listen((INET, ("127.0.0.1", 0)), 5)
    port = first.getsockname()[1]
    assert isinstance(port, int)
    second = system.listen((INET6, ("::1", port)), 5)
    first.close()
    second.close()


@pytest.mark.skipif(not is_local((INET6, ("::1", 80, 0, 0))), reason="no IPv6 here")
def test_all_addresses_are_those_of_both_families(system: System) -> None:
    everywhere = system.listen((INET6, ("::", 0)), 5)
    port = everywhere.getsockname()[1]
    assert isinstance(port, int)
    for host in ("127.0.0.1", "::1"):
        connect(Address(host, port)).close()
    everywhere.close()


# Keeping an address, and refusing whoever comes.


def is_refused(address: Address) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("in_use", [False, True])
def test_a_reserved_address_refuses_and_stays_ours(system: System, in_use: bool) -> None:
    listener = system.listen(LOOPBACK, 5)
    bound = listener.getsockname()
    assert not isinstance(bound, str)
    address, endpoint = Address(*bound[:2]), (INET, bound)
    with ExitStack() as stack:
        if in_use:  # by connections
            stack.enter_context(connect(address))
            accepted = system.accept(listener, INET)
            stack.callback(accepted.close)
        listener.close()
        reserved = system.reserve(endpoint)
        assert is_refused(address)
        with pytest.raises(OSError, match="in use"):
            system.listen(endpoint, 5)
        with pytest.raises(OSError, match="in use"):
            system.reserve(endpoint)
        reserved.close()
        listener = system.listen(endpoint, 5)
        assert not is_refused(address)
        listener.close()


def test_a_reserved_path_refuses(system: System, tmp_path: Path) -> None:
    endpoint = (UNIX, f"{tmp_path}/proxy")
    reserved = system.reserve(endpoint)
    assert is_refused(Address("", 0, f"{tmp_path}/proxy"))
    reserved.close()
    system.listen(endpoint, 5).close()


# Unix sockets.


# Dialling, errors, resets.


def test_dialling_arrives_or_is_under_way(system: System) -> None:
    with Listening() as backend:
        sock, code = system.dial((INET, ("127.0.0.1", backend.address.port)))
        assert code in (0, errno.EINPROGRESS)
        with backend.accept():
            wait_until(lambda: system.is_connected(sock), "the socket has arrived")
            assert system.pending_error(sock) == 0
        sock.close()


def test_dialling_nobody_fails_at_once_or_soon(system: System) -> None:
    with Listening() as backend:
        nobody = (INET, ("127.0.0.1", backend.address.port))
    sock, code = system.dial(nobody)
    if code == errno.EINPROGRESS:
        system.poller.register(sock.fileno(), WRITE)
        assert system.poller.wait(PATIENCE)
        assert not system.is_connected(sock)
        code = system.pending_error(sock)
    assert code == errno.ECONNREFUSED
    sock.close()


@pytest.mark.parametrize(
    "endpoint", [(UNIX, "x" * 200), (UNIX, "/nowhere/at/all"), (INET, ("255.255.255.255", 80))]
)
def test_dialling_what_cannot_be_reached_gives_a_code(system: System, endpoint: Endpoint) -> None:
    sock, code = system.dial(endpoint)
    assert code not in (0, errno.EINPROGRESS)
    sock.close()


def test_descriptors_over_the_limit_are_left_to_others(system: System) -> None:
    with ExitStack() as ends:
        listening = ends.enter_context(closing(system.listen(LOOPBACK, 10)))
        address = listening.getsockname()
        for _ in range(3):
            ends.enter_context(socket.create_connection(("127.0.0.1", int(address[1]))))
        probe = os.dup(system.wake_fd)
        os.close(probe)
        system.descriptor_limit = probe + 1
        with pytest.raises(OSError, match="Too many open files"):
            system.accept(listening, INET)  # one would be left, and a client takes two
        system.descriptor_limit = probe + 2
        last = ends.enter_context(closing(system.accept(listening, INET)))
        assert last.fileno() == probe
        its_backend = os.dup(system.wake_fd)
        with pytest.raises(OSError, match="Too many open files"):
            system.dial((INET, address))
        with pytest.raises(OSError, match="Too many open files"):
            system.accept(listening, INET)
        os.close(its_backend)
        last.close()
        with closing(system.accept(listening, INET)) as another:
            assert another.fileno() == probe


def test_a_reset_on_close(system: System) -> None:
    with Listening() as backend, connect(backend.address) as client:
        accepted = backend.accept()
        system.reset_on_close(accepted)
        accepted.close()
        assert receive_until_reset(client) == b""


def test_what_has_no_reset_is_just_closed(
    system: System, pair: tuple[socket.socket, socket.socket]
) -> None:
    system.reset_on_close(pair[0])
    pair[0].close()
    assert pair[1].recv(1) == b""


def test_what_is_not_sent_yet_is_known(system: System) -> None:
    with (
        Listening() as backend,
        connect(backend.address, room=4096) as client,
        backend.accept() as server,
    ):
        assert system.unsent(server) == 0
        sent = send_until_stuck(server, bytes(100_000), quiet=0.05)
        assert 0 < system.unsent(server) < sent
        receive(client, sent)
        wait_until(lambda: system.unsent(server) == 0, "all is sent")


def test_what_a_peer_that_has_reset_will_never_be_sent_is_not_waited_for(system: System) -> None:
    with (
        Listening() as backend,
        connect(backend.address, room=4096) as client,
        backend.accept() as server,
    ):
        send_until_stuck(server, bytes(100_000), quiet=0.05)
        reset(client)
        wait_until(lambda: system.unsent(server) == 0, "the reset is known")
