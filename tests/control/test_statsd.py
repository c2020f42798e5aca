"""Counters over UDP."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers import PATIENCE
from scenario import World, echo
from vaurien.control import statsd
from vaurien.control.statsd import Statsd
from vaurien.net.address import Address
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import ProxySpec
from vaurien.net.totals import Count
from vaurien.net.turns import PORTION
from vaurien.protocols.tcp import Tcp
from vaurien.values.events import Event
from vaurien.values.messages import Direction

FIELDS = {
    "start": "opened",
    "to_backend": "chunks_to_backend",
    "to_client": "chunks_to_client",
    "end": "closed",
    "fired": "fired",
}


class Odd(Tcp):
    name = "my.odd:protocol"


class Counting(Proxy):
    """A proxy whose totals a test sets."""

    counted = 0

    def count(self) -> Count:
        counted = self.counted
        return Count(
            opened=counted,
            open=counted - 4 * counted,
            killed=0,
            refused=0,
            fired=5 * counted,
            gave_up=0,
            sums={
                Direction.TO_BACKEND: [0, 2 * counted],
                Direction.TO_CLIENT: [0, 3 * counted],
            },
        )


class Server:
    """A statsd server that sums up what it receives."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.address = Address("127.0.0.1", self.socket.getsockname()[1])
        self.sums: defaultdict[str, float] = defaultdict(float)

    def receive(self) -> list[str]:
        """The lines of the next datagram."""
        lines = self.socket.recv(65536).decode("ascii").split("\n")
        for line in lines:
            name, _, counted = line.partition(":")
            count, kind, *rate = counted.split("|")
            assert kind == "c"
            self.sums[name] += int(count) / float(rate[0].removeprefix("@") if rate else 1)
        return lines

    def receive_all(self) -> None:
        """All datagrams received so far."""
        self.socket.setblocking(False)
        try:
            while True:
                self.receive()
        except BlockingIOError:
            self.socket.settimeout(PATIENCE)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.socket.close()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    yield reactor
    reactor.close()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def proxy(reactor: Reactor) -> Counting:
    return counting(reactor)


def counting(reactor: Reactor, name: str = "vaurien") -> Counting:
    here = Address("127.0.0.1", 0)
    return Counting(reactor, ProxySpec(name=name, listen=here, backend=here, protocol=Tcp()))


def test_counters(proxy: Counting, server: Server) -> None:
    proxy.counted = 100  # before it starts
    sender = Statsd(proxy.reactor, [proxy], server.address)
    sender.start()
    proxy.counted += 1
    sender._report()
    assert server.receive() == [
        "vaurien.tcp.start:1|c",
        "vaurien.tcp.to_backend:2|c",
        "vaurien.tcp.to_client:3|c",
        "vaurien.tcp.end:4|c",
        "vaurien.tcp.fired:5|c",
    ]
    sender._report()  # nothing new, so nothing is sent
    proxy.counted += 2
    sender.close()
    assert server.receive()[0] == "vaurien.tcp.start:2|c"


def test_counters_of_several_proxies(reactor: Reactor, server: Server) -> None:
    cache, mail = proxies = [counting(reactor, "cache"), counting(reactor, "smart.mail")]
    sender = Statsd(reactor, proxies, server.address, prefix="p")
    sender.start()
    cache.counted += 1
    mail.counted += 2
    sender.close()
    lines = server.receive()
    assert len(lines) == 10
    assert "p.cache.tcp.start:1|c" in lines
    assert "p.smart_mail.tcp.start:2|c" in lines


def test_proxies_that_come_and_go(proxy: Counting, server: Server) -> None:
    new = counting(proxy.reactor, "new")
    proxies = [proxy]
    sender = Statsd(proxy.reactor, proxies, server.address)
    sender.start()
    proxies.append(new)
    new.counted += 3  # before it was first looked at
    sender._report()
    assert server.receive()[0] == "vaurien.new.tcp.start:3|c"
    new.counted += 1  # the last second of its life
    proxies.remove(new)
    sender._report()
    assert server.receive()[0] == "vaurien.new.tcp.start:1|c"
    proxy.counted += 1
    sender.close()
    assert server.receive()[0] == "vaurien.tcp.start:1|c"


def test_what_a_proxy_counts_that_is_removed_meanwhile_is_sent(server: Server) -> None:
    world = World(whole=True, on_data=echo)
    clients = [world.client() for _ in range(2 * PORTION)]
    world.run(lambda: len(world.proxy.connections) == len(clients), seconds=1)
    proxies = [world.proxy]
    sender = Statsd(world.reactor, proxies, server.address)
    sender._on_resolved([(int(socket.AF_INET), (server.address.host, server.address.port))])
    done: list[bool] = []
    sender._report(lambda: done.append(True))
    assert not done
    proxies.clear()
    clients[0].say(b"x")
    world.run(lambda: bool(done and clients[0].heard), seconds=1)
    sender._report()
    world.run(seconds=0.1)
    sender.close()
    server.receive_all()
    assert server.sums == {"vaurien.tcp.to_backend": 1, "vaurien.tcp.to_client": 1}


def test_datagrams_stay_small(reactor: Reactor, server: Server) -> None:
    proxies = [counting(reactor, f"proxy-{number}") for number in range(100)]
    sender = Statsd(reactor, proxies, server.address)
    sender.start()
    for proxy in proxies:
        proxy.counted += 1
    sender.close()
    sizes = []
    for _ in range(100):
        if len(server.sums) == 500:
            break
        sizes.append(len("\n".join(server.receive())))
    assert len(server.sums) == 500
    assert 1000 < max(sizes) <= statsd.DATAGRAM


@pytest.mark.usefixtures("server")
def test_it_reports_by_itself(
    proxy: Counting, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statsd, "INTERVAL", 0.001)
    sender = Statsd(proxy.reactor, [proxy], server.address)
    sender.start()
    server.socket.setblocking(False)
    for _ in range(3):
        proxy.counted += 1
        while server.sums["vaurien.tcp.start"] < proxy.counted:
            proxy.reactor.run_once()
            server.receive_all()
    sender.close()
    assert server.sums["vaurien.tcp.end"] == 12


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("a.b-c_d", "a.b-c_d.my_odd_protocol"),
        ("x|y:1\n@z", "x_y_1__z.my_odd_protocol"),
        ("", "my_odd_protocol"),
    ],
)
def test_names(reactor: Reactor, server: Server, prefix: str, name: str) -> None:
    here = Address("127.0.0.1", 0)
    proxy = Counting(reactor, ProxySpec(listen=here, backend=here, protocol=Odd()))
    sender = Statsd(reactor, [proxy], server.address, prefix=prefix)
    sender.start()
    proxy.counted += 1
    sender.close()
    assert [line.partition(":")[0] for line in server.receive()] == [
        f"{name}.{counter}" for counter in FIELDS
    ]


@pytest.mark.parametrize(
    "names",
    [("a.b", "a_b", "a-b", "a", "a.tcp", "tcp"), ("a.b", "a_b", "a:b", "a b", "ä b", "ä:b")],
)
def test_no_two_proxies_share_a_name(
    reactor: Reactor, server: Server, names: tuple[str, ...]
) -> None:
    here = Address("127.0.0.1", 0)
    proxies = [
        Counting(reactor, ProxySpec(name=name, listen=here, backend=here, protocol=Tcp()))
        for name in names
    ]
    sender = Statsd(reactor, proxies, server.address)
    sender.start()
    for proxy in proxies:
        proxy.counted += 1
    sender.close()
    told = [line.partition(":")[0] for line in server.receive()]
    assert len(told) == len(set(told)) == len(names) * len(FIELDS)


@given(
    rate=st.floats(0.0001, 1),
    counts=st.lists(st.integers(0, 10_000), max_size=5),
)
@settings(max_examples=50)
def test_sums_stay_true_when_sampled(rate: float, counts: list[int]) -> None:
    server = Server()
    reactor = Reactor()
    here = Address("127.0.0.1", 0)
    proxy = Counting(reactor, ProxySpec(listen=here, backend=here, protocol=Tcp()))
    try:
        sender = Statsd(reactor, [proxy], server.address, sample_rate=rate)
        sender.start()
        for count in counts:
            proxy.counted += count
            sender._report()
        sender.close()
        server.receive_all()
    finally:
        reactor.close()
        server.socket.close()
    for factor, counter in enumerate(FIELDS, 1):
        sent = server.sums[f"vaurien.tcp.{counter}"]
        assert sent == pytest.approx(proxy.counted * factor, abs=0.5)  # counts are whole


def test_a_dead_server_is_ignored(proxy: Counting, events: list[Event]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", unused.getsockname()[1])
    sender = Statsd(proxy.reactor, [proxy], address, emit=events.append)
    sender.start()
    for _ in range(3):
        proxy.counted += 1
        sender._report()
    sender.close()
    assert events == []


def test_a_name_is_resolved_meanwhile(proxy: Counting, server: Server) -> None:
    sender = Statsd(proxy.reactor, [proxy], Address("localhost", server.address.port))
    sender.start()
    proxy.counted += 1
    sender._report()  # nobody knows yet where to; it is kept
    while sender._socket is None:
        proxy.reactor.run_once()
    proxy.counted += 1
    sender.close()
    assert server.receive()[0] == "vaurien.tcp.start:2|c"


def test_a_name_that_nobody_knows_is_told_and_tried_again(
    proxy: Counting, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statsd, "RETRY", 0.001)
    sender = Statsd(proxy.reactor, [proxy], Address("a..b", 8125), emit=events.append)
    sender.start()
    while len(events) < 2:
        proxy.reactor.run_once()
    assert events[0].text().startswith("the statsd server a..b:8125 cannot be found: ")
    sender.close()
    sender.close()


def test_a_server_that_cannot_be_reached_is_told_and_tried_again(
    proxy: Counting, server: Server, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statsd, "RETRY", 0.001)
    sender = Statsd(proxy.reactor, [proxy], Address("255.255.255.255", 8125), emit=events.append)
    sender.start()  # nobody may connect there
    proxy.counted += 1
    while len(events) < 2:
        proxy.reactor.run_once()
    assert events[0].text().startswith("the statsd server 255.255.255.255:8125 cannot be reached: ")
    assert sender._socket is None
    sender._server = server.address
    while sender._socket is None:
        proxy.reactor.run_once()
    sender.close()
    assert server.receive()[0] == "vaurien.tcp.start:1|c"


def test_what_is_too_long_is_left(proxy: Counting, server: Server) -> None:
    sender = Statsd(proxy.reactor, [proxy], server.address, prefix="x" * 100_000)
    sender.start()
    proxy.counted += 1
    sender.close()
    server.receive_all()
    assert not server.sums


def test_many_connections_are_counted_in_turns(server: Server) -> None:
    """The sum is true whatever has closed, come or been carried meanwhile."""
    world = World(whole=True, on_data=echo)
    count = 3 * PORTION
    clients = [world.client() for _ in range(count)]
    for client in clients:
        client.say(b"x")
    world.run(lambda: all(client.heard for client in clients), seconds=1)
    sender = Statsd(world.reactor, [world.proxy], server.address)
    sender._counters[world.proxy]._last = dict.fromkeys(statsd.COUNTERS, 0)
    sender._on_resolved([(int(socket.AF_INET), (server.address.host, server.address.port))])
    done: list[bool] = []
    sender._report(lambda: done.append(True))
    polls = 0
    while not done:
        clients[polls].reset()
        clients[-1 - polls].say(b"y")
        world.client().say(b"z")
        world.reactor.run_once()
        polls += 1
    assert polls >= 2
    world.run(seconds=1)
    sender._report(lambda: done.append(True))
    world.run(lambda: len(done) > 1, seconds=1)
    server.receive_all()
    totals = world.proxy.totals()
    assert server.sums == {
        "vaurien.tcp.start": totals.opened,
        "vaurien.tcp.end": totals.closed,
        "vaurien.tcp.to_backend": totals.chunks_to_backend,
        "vaurien.tcp.to_client": totals.chunks_to_client,
    }
    sender.close()
