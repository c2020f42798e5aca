"""Latency, bandwidth, slices and loss before a real redis and a real nginx, as clients see them.

Never early is certain, and so is looked at each time.  How late something may be is up to
the machine: there the best of several attempts counts.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from end_to_end.proxies import RunningProxy, StartProxy
from peers import PATIENCE, Scripted, connect, half_close, receive, receive_until_fin
from servers import LARGE_FILE, require
from vaurien.net.address import Address
from vaurien.protocol import Protocol
from vaurien.protocols.http.parser import Http
from vaurien.protocols.redis.parser import Redis
from vaurien.protocols.tcp import Tcp

WAYS = {"to_backend": 1, "to_client": 1, "both": 2}
"""How many ways of an exchange a rule acts on."""
ATTEMPTS = 20
CLOSE = 1.05
"""Times as long as its bytes must take is what a transfer takes, at its best."""
LATE = 2.0
"""The same of a wait that is not long for a machine that has other things to do."""
SIZE = 300_000
RATE = 1_000_000

ways = pytest.mark.parametrize("way", WAYS)
scopes = pytest.mark.parametrize("scope", ["exchange", "connection"])
redis_protocols = pytest.mark.parametrize("protocol", [Tcp, Redis])
http_protocols = pytest.mark.parametrize("protocol", [Tcp, Http])


def took(call: Callable[[], object]) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def takes(seconds: float, call: Callable[[], object], *, at_best: float = CLOSE) -> None:
    """It never takes less, and in the best of several attempts hardly more."""
    for _ in range(ATTEMPTS):
        elapsed = took(call)
        assert elapsed >= seconds
        if elapsed <= seconds * at_best:
            return
    raise AssertionError(f"it always took longer than {seconds} s, such as {elapsed} s")


@contextmanager
def client_of(proxy: RunningProxy, timeout: float = PATIENCE) -> Iterator[redis.Redis]:
    """A client that never tries anything twice."""
    host, port = proxy.address.host, proxy.address.port
    retry = Retry(NoBackoff(), 0)
    with closing(redis.Redis(host, port, socket_timeout=timeout, retry=retry, protocol=2)) as made:
        yield made


@pytest.fixture
def download(nginx_address: Address) -> Iterator[Callable[[RunningProxy], None]]:
    """Downloads the first SIZE bytes of the large file, over one connection."""
    with httpx.Client(timeout=PATIENCE) as client:

        def fetch(proxy: RunningProxy) -> None:
            headers = {"Range": f"bytes=0-{SIZE - 1}"}
            answer = client.get(f"http://{proxy.address}/large", headers=headers)
            assert answer.content == LARGE_FILE[:SIZE]

        yield fetch


def curl(proxy: RunningProxy, *words: str, path: str = "/hello") -> bytes:
    command = [require("curl"), "-sS", "--fail", *words, f"http://{proxy.address}{path}"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True).stdout


# Latency.


@scopes
@ways
@redis_protocols
def test_redis_waits_for_the_latency(
    start_proxy: StartProxy,
    redis_address: Address,
    protocol: type[Protocol],
    way: str,
    scope: str,
) -> None:
    rule = f"latency delay=0.02 direction={way} scope={scope}"
    proxy = start_proxy(redis_address, rule, protocol=protocol())
    with client_of(proxy) as client:
        client.ping()
        takes(0.02 * WAYS[way], client.ping, at_best=LATE)


@scopes
@pytest.mark.parametrize(
    ("distribution", "least"), [("uniform", 0.04), ("lognormal", 0), ("pareto", 0.0417)]
)
def test_curl_waits_for_what_was_drawn(
    start_proxy: StartProxy,
    nginx_address: Address,
    distribution: str,
    least: float,
    scope: str,
) -> None:
    rule = f"latency delay=0.05 jitter=0.01 distribution={distribution} correlation=50"
    proxy = start_proxy(
        nginx_address, f"{rule} direction=to_client scope={scope}", protocol=Http(), seed=3
    )
    written = curl(proxy, "-w", "%{time_total}")
    assert written.startswith(b"hello\n")
    assert float(written.split()[1]) >= least


def test_a_pipeline_waits_once(start_proxy: StartProxy, redis_address: Address) -> None:
    """Its commands travel together: one after the other they would take 10 s."""
    proxy = start_proxy(redis_address, "latency delay=0.1", protocol=Redis())
    with client_of(proxy) as client:
        client.ping()
        pipeline = client.pipeline(transaction=False)
        for number in range(50):
            pipeline.echo(str(number))
        begun = time.monotonic()
        assert pipeline.execute() == [b"%d" % number for number in range(50)]
        assert 0.2 <= time.monotonic() - begun < 5


# Bandwidth.


@scopes
@http_protocols
def test_a_download_takes_as_long_as_its_bytes(
    start_proxy: StartProxy,
    nginx_address: Address,
    download: Callable[[RunningProxy], None],
    protocol: type[Protocol],
    scope: str,
) -> None:
    rule = f"bandwidth rate={RATE} direction=to_client scope={scope}"
    proxy = start_proxy(nginx_address, rule, protocol=protocol())
    takes(SIZE / RATE, lambda: download(proxy))


@scopes
@redis_protocols
def test_an_upload_takes_as_long_as_its_bytes(
    start_proxy: StartProxy, redis_address: Address, protocol: type[Protocol], scope: str
) -> None:
    rule = f"bandwidth rate={RATE} direction=to_backend scope={scope}"
    proxy = start_proxy(redis_address, rule, protocol=protocol())
    value = os.urandom(SIZE)
    with client_of(proxy) as client:
        takes(SIZE / RATE, lambda: client.set("shaping", value))
        assert client.get("shaping") == value


def test_what_is_shared_takes_as_long_as_all_together(
    start_proxy: StartProxy, nginx_address: Address
) -> None:
    proxy = start_proxy(nginx_address, f"bandwidth rate={RATE} shared=true direction=to_client")
    words = ("-r", f"0-{SIZE // 3 - 1}")

    def fetch() -> None:
        assert curl(proxy, *words, path="/large") == LARGE_FILE[: SIZE // 3]

    def fetch_three() -> None:
        threads = [threading.Thread(target=fetch) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

    assert took(fetch_three) >= SIZE / RATE


def test_a_burst_goes_at_once(start_proxy: StartProxy, redis_address: Address) -> None:
    rule = "bandwidth rate=1000 burst=100000 direction=to_backend"
    proxy = start_proxy(redis_address, rule)
    with client_of(proxy) as client:
        begun = time.monotonic()
        client.set("shaping", bytes(90_000))
        assert time.monotonic() - begun < 20  # without the burst it would be 90 s


def test_a_lifted_limit_lets_all_go(
    start_proxy: StartProxy,
    nginx_address: Address,
    download: Callable[[RunningProxy], None],
) -> None:
    proxy = start_proxy(nginx_address, "bandwidth rate=100 direction=to_client")
    thread = threading.Thread(target=download, args=(proxy,))
    thread.start()
    proxy.wait_for_firings(1)
    proxy.change()
    thread.join(PATIENCE)
    assert not thread.is_alive()  # with the rule it would take 50 minutes


# Slices.


def pieces_heard(sock: socket.socket, size: int) -> list[bytes]:
    heard = []
    while size:
        heard.append(sock.recv(65536))
        assert heard[-1]
        size -= len(heard[-1])
    return heard


@scopes
@ways
def test_a_raw_client_sees_the_pieces(start_proxy: StartProxy, way: str, scope: str) -> None:
    said = bytes(range(50))
    wanted = [said[begin : begin + 10] for begin in range(0, 50, 10)]
    rule = f"slicer size=10 delay=0.02 direction={way} scope={scope}"
    heard_there: list[list[bytes]] = []

    def script(sock: socket.socket) -> None:
        heard_there.append(pieces_heard(sock, len(said)))
        sock.sendall(said)
        receive_until_fin(sock)

    with Scripted(script) as backend:
        proxy = start_proxy(backend.address, rule)
        for _ in range(ATTEMPTS):
            with connect(proxy.address) as client:
                begun = time.monotonic()
                client.sendall(said)
                heard = pieces_heard(client, len(said))
                assert time.monotonic() - begun >= 0.08 * WAYS[way]
                half_close(client)
            there = heard_there.pop()
            assert b"".join(there) == b"".join(heard) == said
            if there == (wanted if way != "to_client" else [said]) and heard == (
                wanted if way != "to_backend" else [said]
            ):
                return
    raise AssertionError(f"pieces always ran together, such as {there}, {heard}")


@scopes
@redis_protocols
def test_redis_does_not_mind_slices(
    start_proxy: StartProxy, redis_address: Address, protocol: type[Protocol], scope: str
) -> None:
    proxy = start_proxy(
        redis_address, f"slicer size=3 variation=2 scope={scope}", protocol=protocol()
    )
    value = os.urandom(5000)
    with client_of(proxy) as client:
        assert client.set("shaping", value)
        assert client.get("shaping") == value


@http_protocols
def test_a_download_does_not_mind_slices(
    start_proxy: StartProxy,
    nginx_address: Address,
    download: Callable[[RunningProxy], None],
    protocol: type[Protocol],
) -> None:
    proxy = start_proxy(nginx_address, "slicer size=500 variation=499", protocol=protocol())
    download(proxy)


# Loss.


@scopes
@ways
def test_losses_are_late_and_not_lost(
    start_proxy: StartProxy, redis_address: Address, way: str, scope: str
) -> None:
    rule = f"packet-loss loss=30 rto=0.01 rtt=0.005 direction={way} scope={scope}"
    proxy = start_proxy(redis_address, rule, protocol=Redis(), seed=11)
    with client_of(proxy) as client:
        client.ping()
        late = 0
        for number in range(15):
            begun = time.monotonic()
            assert client.echo(str(number)) == b"%d" % number
            late += time.monotonic() - begun >= 0.01
    assert late >= 2


def test_a_client_that_never_gets_through_does_once_the_rule_is_lifted(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "packet-loss loss=100")
    with client_of(proxy, timeout=0.3) as client, pytest.raises(redis.TimeoutError):
        client.ping()
    with connect(proxy.address) as raw:
        raw.sendall(b"PING\r\n")
        proxy.wait_for_firings(2)
        proxy.change()
        assert receive(raw, 7) == b"+PONG\r\n"


@scopes
def test_the_same_seed_drops_the_same_messages(
    start_proxy: StartProxy, redis_address: Address, scope: str
) -> None:
    rule = f"packet-loss loss=40 correlation=20 drop=true direction=to_backend scope={scope}"

    def answered(seed: int) -> list[bytes]:
        """Which of 40 commands are; then commands follow until one is."""
        proxy = start_proxy(redis_address, rule, protocol=Redis(), seed=seed)
        with connect(proxy.address) as raw, raw.makefile("rb") as lines:
            raw.sendall(b"".join(b"ECHO %03d\r\n" % number for number in range(100)))
            heard: list[bytes] = []
            while not heard or heard[-1] < b"040":
                assert lines.readline() == b"$3\r\n"
                heard.append(lines.readline().strip())
            return [number for number in heard if number < b"040"]

    once, again, other = answered(1), answered(1), answered(2)
    assert once == again != other
    assert 10 < len(once) < 38


# All of it.


@scopes
@http_protocols
def test_all_of_it_together(
    start_proxy: StartProxy,
    nginx_address: Address,
    download: Callable[[RunningProxy], None],
    protocol: type[Protocol],
    scope: str,
) -> None:
    rules = (
        "latency delay=0.01 jitter=0.005 distribution=pareto",
        "bandwidth rate=3000000 burst=10000",
        "slicer size=4000 variation=3000",
        "packet-loss loss=1 rto=0.02 rtt=0.01",
    )
    for order in (rules, rules[::-1]):
        scoped = [f"{rule} scope={scope}" for rule in order]
        download(start_proxy(nginx_address, *scoped, protocol=protocol()))
