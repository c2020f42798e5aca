"""Listening: on every endpoint of an address, and accepting within limits."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import Listening, connect
from reactors import real_reactor, run_until
from vaurien.errors import ListenError
from vaurien.net.address import Address
from vaurien.net.listener import ACCEPT_BATCH, ACCEPT_PAUSE, Listener
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem, SimulationOver
from vaurien.net.system import Endpoint, Socket, is_local

HERE: Endpoint = (int(socket.AF_INET), ("proxy", 8000))
HAS_IPV6 = is_local((int(socket.AF_INET6), ("::1", 80, 0, 0)))


class Scarce(SimulatedSystem):
    """Has no descriptor for a client, as often as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.lacks = 0
        self.aborted = 0

    def accept(self, listener: Socket, family: int) -> Socket:
        if self.aborted:
            self.aborted -= 1
            super().accept(listener, family).close()
            raise ConnectionAbortedError(errno.ECONNABORTED, "gone already")
        if self.lacks:
            self.lacks -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept(listener, family)


class Door:
    """A listener in the simulated system, who came in, and when something was lacking."""

    def __init__(self) -> None:
        self.system = Scarce()
        self.reactor = Reactor(self.system)
        self.clients: list[float] = []
        self.lacks: list[tuple[float, int | None]] = []
        self.listener = Listener(
            self.reactor,
            Address("proxy", 8000),
            100,
            on_client=lambda _: self.clients.append(self.system.time),
            on_accept_error=lambda error: self.lacks.append((self.system.time, error.errno)),
        )

    def knock(self, times: int) -> None:
        for _ in range(times):
            self.system.connect(HERE)

    def run(self) -> None:
        """Until nothing can happen any more."""
        try:
            while True:
                self.reactor.run_once()
        except SimulationOver:
            pass


def test_clients_are_accepted_a_round_at_a_time() -> None:
    door = Door()
    door.knock(ACCEPT_BATCH + 10)
    door.reactor.run_once()
    assert len(door.clients) == ACCEPT_BATCH
    door.run()
    assert len(door.clients) == ACCEPT_BATCH + 10


def test_all_that_wait_are_accepted_a_round_at_a_time() -> None:
    door = Door()
    door.knock(ACCEPT_BATCH + 10)
    seen: list[int] = []
    door.listener.accept_all(lambda: seen.append(len(door.clients)))
    assert (len(door.clients), seen) == (ACCEPT_BATCH, [])
    door.run()
    assert seen == [ACCEPT_BATCH + 10]
    door.knock(3)
    door.listener.accept_all(lambda: seen.append(len(door.clients)))
    assert seen[1:] == [ACCEPT_BATCH + 13]  # there was nothing to wait for


def test_clients_that_come_for_ever_do_not_keep_it_from_ending() -> None:
    door = Door()
    door.knock(ACCEPT_BATCH)
    rounds = 0
    ends: list[int] = []
    door.listener.accept_all(lambda: ends.append(len(door.clients)))
    while not ends:
        door.knock(ACCEPT_BATCH)
        door.reactor.run_once()
        rounds += 1
        assert rounds < 1000
    assert ends[0] <= 300  # three times the queue


def test_while_it_pauses_clients_wait() -> None:
    door = Door()
    door.listener.pause()
    door.listener.pause()
    door.knock(3)
    door.run()
    assert door.clients == []
    door.listener.resume()
    door.listener.resume()
    door.run()
    assert len(door.clients) == 3


def test_a_pause_counts_for_those_who_wait_in_the_same_round() -> None:
    door = Door()
    door.listener = Listener(
        door.reactor,
        Address("other", 8000),
        100,
        on_client=lambda _: door.listener.pause(),
        on_accept_error=lambda _: None,
    )
    for _ in range(3):
        door.system.connect((HERE[0], ("other", 8000)))
    accepted = door.system.open_sockets
    door.run()
    assert door.system.open_sockets == accepted
    door.listener.accept_waiting()  # still pausing


def test_without_a_descriptor_it_pauses_and_tries_again() -> None:
    door = Door()
    door.system.lacks = 2
    door.knock(3)
    door.run()
    assert door.lacks == [(0.0, errno.EMFILE), (ACCEPT_PAUSE, errno.EMFILE)]
    assert door.clients == [2 * ACCEPT_PAUSE] * 3


def test_a_pause_outlasts_a_lack_of_descriptors() -> None:
    door = Door()
    door.system.lacks = 1
    door.knock(1)
    door.reactor.run_once()
    door.listener.pause()
    door.run()
    assert door.clients == []
    door.listener.resume()
    door.run()
    assert len(door.clients) == 1


def test_a_lack_of_descriptors_outlasts_a_pause() -> None:
    door = Door()
    door.system.lacks = 1
    door.knock(1)
    door.reactor.run_once()
    door.listener.pause()
    door.listener.resume()
    door.run()
    assert door.clients == [ACCEPT_PAUSE]


def test_a_client_that_is_gone_already_is_no_trouble() -> None:
    door = Door()
    door.system.aborted = 1
    door.knock(3)
    door.run()
    assert (len(door.clients), door.lacks) == (2, [])


def test_closed_while_it_pauses_it_stays_closed() -> None:
    door = Door()
    door.system.lacks = 1
    door.knock(1)
    door.reactor.run_once()
    door.listener.close()
    door.run()
    assert door.clients == []
    assert door.system.time == 0
    with pytest.raises(ConnectionRefusedError):
        door.system.connect(HERE)


# Refusing, letting go, and other owners.


def is_refused(door: Door) -> bool:
    try:
        door.system.connect(HERE)
    except ConnectionRefusedError:
        return True
    return False


def test_refusing_is_the_systems_doing_and_the_address_stays_taken() -> None:
    door = Door()
    for _ in range(3):
        door.listener.refuse(True)
        door.listener.refuse(True)
        assert is_refused(door)
        assert door.listener.accept_waiting() == 0
        with pytest.raises(OSError, match="in use"):
            door.system.listen(HERE, 1)
        door.listener.refuse(False)
        door.listener.refuse(False)
        door.knock(1)
        door.run()
    assert len(door.clients) == 3
    assert door.listener.address == Address("proxy", 8000)


def test_a_pause_outlasts_refusing() -> None:
    door = Door()
    door.listener.pause()
    door.listener.refuse(True)
    door.listener.refuse(False)
    door.knock(2)
    door.run()
    assert door.clients == []
    door.listener.refuse(True)
    door.listener.resume()
    assert is_refused(door)
    door.listener.refuse(False)
    door.knock(2)
    door.run()
    assert len(door.clients) == 2


def test_let_go_others_may_have_the_address_and_who_waits_is_accepted_first() -> None:
    door = Door()
    door.knock(ACCEPT_BATCH + 10)
    door.listener.release()
    assert len(door.clients) == ACCEPT_BATCH + 10
    assert is_refused(door)
    assert door.listener.accept_waiting() == 0
    other = door.system.listen(HERE, 1)
    with pytest.raises(OSError, match="in use"):
        door.listener.reclaim()
    other.close()
    door.listener.reclaim()
    door.knock(1)
    door.run()
    assert len(door.clients) == ACCEPT_BATCH + 11


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("refusing", [False, True])
def test_taken_back_it_is_as_it_was(paused: bool, refusing: bool) -> None:
    door = Door()
    if paused:
        door.listener.pause()
    door.listener.refuse(refusing)
    door.listener.release()
    door.listener.reclaim()
    assert is_refused(door) is refusing
    door.run()
    assert bool(door.clients) is not (paused or refusing)
    door.listener.refuse(False)
    door.listener.resume()
    door.listener.resume()
    door.clients.clear()
    door.knock(1)
    door.run()
    assert door.clients


def test_closed_after_it_was_let_go_it_closes_nothing_of_others() -> None:
    door = Door()
    door.listener.release()
    other = door.system.listen(HERE, 1)
    door.listener.close()
    with pytest.raises(BlockingIOError):
        door.system.accept(other, HERE[0])


def test_somebody_else_may_be_given_the_clients() -> None:
    door = Door()
    door.knock(2)
    others: list[Socket] = []
    door.listener.attach(others.append, lambda error: pytest.fail(str(error)))
    door.run()
    assert (len(others), door.clients) == (2, [])


# In the real system.


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with real_reactor() as made:
        yield made


class Accepting:
    """A real listener, and the clients that came in."""

    def __init__(self, reactor: Reactor, text: str) -> None:
        self.clients: list[Socket] = []
        self.reactor = reactor
        self.listener = Listener(
            reactor,
            Address.parse(text),
            100,
            on_client=self.clients.append,
            on_accept_error=lambda error: pytest.fail(str(error)),
        )

    def serve(self, address: Address) -> None:
        """Accept a client at this address."""
        before = len(self.clients)
        with connect(address):
            run_until(self.reactor, lambda: len(self.clients) > before, "a client is accepted")

    def close(self) -> None:
        self.listener.close()
        for client in self.clients:
            self.reactor.discard(client)


def test_port_0_becomes_a_free_one(reactor: Reactor) -> None:
    accepting = Accepting(reactor, "127.0.0.1:0")
    assert accepting.listener.address.host == "127.0.0.1"
    assert accepting.listener.address.port > 0
    accepting.serve(accepting.listener.address)
    accepting.close()


@pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 here")
def test_an_ipv6_address(reactor: Reactor) -> None:
    accepting = Accepting(reactor, "[::1]:0")
    assert str(accepting.listener.address) == f"[::1]:{accepting.listener.address.port}"
    accepting.serve(accepting.listener.address)
    accepting.close()


def test_of_an_address_of_both_families_that_of_ipv4_is_the_first() -> None:
    class Both(SimulatedSystem):
        def resolve(self, host: str, port: int) -> list[Endpoint]:
            families = (int(socket.AF_INET6), int(socket.AF_INET))
            return [(family, (f"{host}{family}", port)) for family in families]

    simulated = Reactor(Both())
    listener = Listener(
        simulated,
        Address("name", 80),
        1,
        on_client=lambda _: None,
        on_accept_error=lambda _: None,
    )
    assert [family for family, _ in listener.endpoints] == [socket.AF_INET6, socket.AF_INET]
    assert listener.first_endpoint == listener.endpoints[1]
    listener.close()
    simulated.close()


def test_where_there_is_no_ipv6_all_addresses_are_those_of_ipv4() -> None:
    class Old(SimulatedSystem):
        def listen(self, endpoint: Endpoint, backlog: int) -> Socket:
            if endpoint[0] == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no such family")
            return super().listen(endpoint, backlog)

        def parse_numeric(self, host: str, port: int) -> Endpoint:
            return int(socket.AF_INET6), (host, port)

    simulated = Reactor(Old())
    listener = Listener(
        simulated,
        Address("::", 80),
        1,
        on_client=lambda _: None,
        on_accept_error=lambda _: None,
    )
    assert listener.endpoints == [(int(socket.AF_INET), ("0.0.0.0", 80))]
    listener.close()
    simulated.close()


def test_a_name_stands_for_all_its_endpoints_on_one_port(reactor: Reactor) -> None:
    accepting = Accepting(reactor, "localhost:0")
    port = accepting.listener.address.port
    assert str(accepting.listener.address) == f"localhost:{port}"
    for _, where in accepting.listener.endpoints:
        assert not isinstance(where, str)
        assert where[1] == port
        accepting.serve(Address(where[0], port))
    accepting.close()


def test_a_unix_socket_and_its_file_go_together(reactor: Reactor, tmp_path: Path) -> None:
    accepting = Accepting(reactor, f"unix:{tmp_path}/proxy")
    accepting.serve(Address("", 0, f"{tmp_path}/proxy"))
    accepting.close()
    assert not os.path.exists(f"{tmp_path}/proxy")


@pytest.mark.parametrize("text", ["127.0.0.1:0", "localhost:0", "unix:{path}"])
def test_in_earnest_it_refuses_lets_go_and_comes_back(
    reactor: Reactor, tmp_path: Path, text: str
) -> None:
    accepting = Accepting(reactor, text.format(path=tmp_path / "proxy"))
    listener = accepting.listener
    address = listener.address
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        accepting.serve(address)
        listener.refuse(True)
        with pytest.raises(ConnectionRefusedError):
            connect(address)
        listener.refuse(False)
        accepting.serve(address)
        listener.release()
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            connect(address)
        listener.reclaim()
    accepting.serve(address)
    assert len(os.listdir("/proc/self/fd")) == before + len(accepting.clients)
    accepting.close()
    assert not os.listdir(tmp_path)


def test_an_address_that_is_taken_is_told(reactor: Reactor, tmp_path: Path) -> None:
    with Listening() as other:
        for text, complaint in (
            (str(other.address), f"cannot listen on {other.address}: Address already in use"),
            ("192.0.2.1:80", "cannot listen on 192.0.2.1:80: Cannot assign requested address"),
            (
                f"unix:{tmp_path}/no/such/folder",
                f"cannot listen on unix:{tmp_path}/no/such/folder: No such file or directory",
            ),
            ("invalid://foo", "cannot listen on invalid://foo: it is no address"),
            (f"{'x' * 70}:80", f"cannot listen on {'x' * 70}:80: '{'x' * 70}' is not a host name"),
        ):
            with pytest.raises(ListenError) as caught:
                Accepting(reactor, text)
            assert str(caught.value.strerror).startswith(complaint)
            assert isinstance(caught.value, OSError)


def test_what_was_bound_before_an_error_is_closed(reactor: Reactor) -> None:
    class Second(SimulatedSystem):
        def resolve(self, host: str, port: int) -> list[Endpoint]:
            return [(int(socket.AF_INET), (name, port)) for name in ("free", "taken")]

    system = Second()
    other = system.listen((int(socket.AF_INET), ("taken", 80)), 1)
    simulated = Reactor(system)
    with pytest.raises(ListenError, match="cannot listen on name:80: address in use"):
        Listener(
            simulated,
            Address("name", 80),
            1,
            on_client=lambda _: None,
            on_accept_error=lambda _: None,
        )
    assert system.open_sockets == 1
    other.close()
