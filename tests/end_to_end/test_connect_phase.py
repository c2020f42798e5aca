"""What clients meet before they have a backend: refused, kept waiting, met with silence."""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from contextlib import ExitStack

import httpx
import pytest
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as RedisTimeout

from end_to_end.proxies import RunningProxy, StartProxy, make_plan
from end_to_end.test_redis import PING, PONG, redis_client
from end_to_end.web import client_of
from peers import (
    PATIENCE,
    Listening,
    Scripted,
    connect,
    echo,
    half_close,
    is_refused,
    is_silent,
    receive,
    receive_until_fin,
    receive_until_reset,
    wait_until,
)
from servers import require
from vaurien.net.address import Address

COULD_NOT_CONNECT, TIMED_OUT = 7, 28
"""Exit statuses of curl."""
RESET = {COULD_NOT_CONNECT, 52, 55, 56}
"""Exit statuses of curl, by when a reset comes: on connecting, amid, on sending, on receiving."""
LONG = 0.2
"""Seconds that a rule makes a client wait, where a test waits for it."""


def curl(proxy: RunningProxy, *words: str) -> int:
    """The exit status of curl."""
    command = [require("curl"), "-sS", *words, f"http://{proxy.address}/hello"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode


def ping(sock: socket.socket) -> None:
    """See that redis answers on a connection."""
    sock.sendall(PING)
    assert receive(sock, len(PONG)) == PONG


def fate(address: Address) -> str:
    """What becomes of a new client of redis."""
    try:
        with connect(address) as client:
            client.sendall(PING)
            return "served" if receive(client, len(PONG)) == PONG else "something else"
    except ConnectionRefusedError:
        return "refused"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


# refuse


def test_a_client_is_refused_while_open_connections_go_on(
    start_proxy: StartProxy, redis_address: Address, portable: bool
) -> None:
    proxy = start_proxy(redis_address, portable=portable)
    address = proxy.address
    with connect(address) as early:
        ping(early)
        for _ in range(3):
            proxy.change("refuse")
            for _ in range(3):
                with pytest.raises(ConnectionRefusedError):
                    connect(address)
            ping(early)
            proxy.change()
            assert proxy.address == address
            assert fate(address) == "served"
            ping(early)


def test_redis_clients_and_web_clients_are_refused(
    start_proxy: StartProxy, redis_address: Address, nginx_address: Address
) -> None:
    proxy = start_proxy(redis_address, "refuse")
    with redis_client(proxy.address) as client, pytest.raises(LostConnection, match="refused"):
        client.ping()
    web = start_proxy(nginx_address, "refuse")
    assert curl(web) == COULD_NOT_CONNECT
    with client_of(web) as browser, pytest.raises(httpx.ConnectError, match="refused"):
        browser.get("/hello")
    web.change()
    with client_of(web) as browser:
        assert browser.get("/hello").text == "hello\n"
    assert (web.totals.opened, web.totals.refused) == (1, 0)


def test_the_port_stays_ours(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(redis_address, "refuse")
    with socket.socket() as thief, pytest.raises(OSError, match="in use") as taken:
        thief.bind((proxy.address.host, proxy.address.port))
    assert taken.value.errno == errno.EADDRINUSE


def test_a_name_with_two_addresses_is_refused_on_both(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, listen=Address("localhost", 0))
    addresses = [Address(host, proxy.address.port) for host in ("127.0.0.1", "::1")]
    if not socket.has_ipv6:
        addresses.pop()
    for rules, expected in (((), "served"), (("refuse",), "refused"), ((), "served")):
        proxy.change(*rules)
        assert [fate(address) for address in addresses] == [expected] * len(addresses)


def test_who_waits_to_be_accepted_when_the_rule_comes_is_reset(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address)
    with ExitStack() as stack:
        clients: list[socket.socket] = []

        def change_with_clients_waiting() -> None:
            clients.extend(stack.enter_context(connect(proxy.address)) for _ in range(20))
            proxy.proxy.apply(make_plan("refuse", generation=1))

        proxy.call(change_with_clients_waiting)
        for client in clients:
            assert receive_until_reset(client) == b""
    assert proxy.totals.fired == 20
    assert fate(proxy.address) == "refused"


def test_some_are_refused_by_a_reset(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(redis_address, "refuse percent=40", seed=3)
    fates = [fate(proxy.address) for _ in range(100)]
    drawn = {event.connection for event in proxy.fired}
    assert fates == ["reset" if number in drawn else "served" for number in range(1, 101)]
    assert 20 < len(drawn) < 60
    assert proxy.totals.refused == 0


def test_the_first_three_are_refused(start_proxy: StartProxy, redis_address: Address) -> None:
    proxy = start_proxy(redis_address, "refuse times=3")
    assert [fate(proxy.address) for _ in range(6)] == ["reset"] * 3 + ["served"] * 3


def test_the_port_is_back_with_the_end_of_the_rules_life(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, f"refuse ttl={LONG}")
    assert fate(proxy.address) == "refused"
    wait_until(lambda: fate(proxy.address) == "served", "clients are served again")


# slow-accept


def test_a_client_connects_at_once_and_is_served_late(
    start_proxy: StartProxy, redis_address: Address, portable: bool
) -> None:
    proxy = start_proxy(redis_address, f"slow-accept delay={LONG}", portable=portable)
    with redis_client(proxy.address) as client:
        begun = time.monotonic()
        assert client.ping()
        assert time.monotonic() - begun >= LONG
        assert client.ping()
    assert len(proxy.fired) == 1


def test_a_limit_for_connecting_does_not_notice(
    start_proxy: StartProxy, nginx_address: Address
) -> None:
    proxy = start_proxy(nginx_address, "slow-accept delay=3600")
    assert curl(proxy, "--connect-timeout", "20", "--max-time", str(LONG)) == TIMED_OUT
    limits = httpx.Timeout(PATIENCE, read=LONG)
    with client_of(proxy) as browser, pytest.raises(httpx.ReadTimeout):
        browser.get("/hello", timeout=limits)
    proxy.change()
    assert curl(proxy) == 0


def test_lifted_it_serves_at_once_who_waited(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "slow-accept delay=3600")
    with connect(proxy.address) as client:
        client.sendall(PING * 3)
        proxy.wait_for_firings(1)
        assert is_silent(client)
        proxy.change()
        assert receive(client, 3 * len(PONG)) == PONG * 3


# accept-then-silence


def test_connecting_works_and_then_there_is_nothing(
    start_proxy: StartProxy, redis_address: Address, nginx_address: Address
) -> None:
    proxy = start_proxy(redis_address, "accept-then-silence")
    with redis_client(proxy.address, timeout=LONG) as client, pytest.raises(RedisTimeout):
        client.ping()
    web = start_proxy(nginx_address, "accept-then-silence")
    assert curl(web, "--max-time", str(LONG)) == TIMED_OUT
    assert (proxy.totals.bytes_to_backend, web.totals.bytes_to_backend) == (0, 0)


def test_lifted_all_that_was_said_arrives(
    start_proxy: StartProxy, backend: Listening, portable: bool
) -> None:
    proxy = start_proxy(backend.address, "accept-then-silence", portable=portable)
    said = bytes(range(256)) * 400
    with connect(proxy.address) as client:
        client.sendall(said)
        half_close(client)
        proxy.wait_for_firings(1)
        assert is_silent(client)
        assert is_silent(backend.sock)  # nobody has dialled it
        proxy.change()
        with backend.accept() as server:
            assert receive_until_fin(server) == said
            server.sendall(said[::-1])
            server.close()
            assert receive_until_fin(client) == said[::-1]
    proxy.wait_for_connections(0)


def test_open_connections_hear_no_silence(start_proxy: StartProxy) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(backend.address)
        with connect(proxy.address) as early:
            early.sendall(b"early")
            assert receive(early, 5) == b"early"
            proxy.change("accept-then-silence")
            early.sendall(b"still")
            assert receive(early, 5) == b"still"
            with connect(proxy.address) as late:
                late.sendall(b"late")
                proxy.wait_for_firings(1)
                assert is_silent(late)


# no-backend


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("how=refused", "Connection refused"),
        ("how=unreachable", "No route to host"),
        (f"how=timeout timeout={LONG}", f"no answer within {LONG:g} s"),
    ],
)
def test_a_client_of_no_backend_is_closed(
    start_proxy: StartProxy, backend: Listening, options: str, reason: str, portable: bool
) -> None:
    proxy = start_proxy(backend.address, f"no-backend {options}", portable=portable)
    begun = time.monotonic()
    assert is_refused(proxy.address)
    taken = time.monotonic() - begun
    assert taken >= (LONG if "timeout" in options else 0)
    told = f"{reason} (rule no-backend)"
    assert proxy.troubles == [f"backend {backend.address} cannot be reached: {told}"]
    totals = proxy.totals
    assert (totals.opened, totals.refused, totals.open) == (1, 1, 0)
    assert is_silent(backend.sock)


def test_it_looks_like_a_backend_that_is_really_not_there(
    start_proxy: StartProxy, backend: Listening
) -> None:
    pretended = start_proxy(backend.address, "no-backend")
    assert is_refused(pretended.address)
    real = start_proxy(backend.address)
    backend.close()
    assert is_refused(real.address)
    (seen,), (expected,) = pretended.troubles, real.troubles
    assert seen.rsplit(": ", 1)[0] == expected.rsplit(": ", 1)[0]
    assert "Connection refused" in seen
    assert "Connection refused" in expected
    assert pretended.totals.refused == real.totals.refused == 1


def test_how_clients_of_no_backend_fail(
    start_proxy: StartProxy, redis_address: Address, nginx_address: Address
) -> None:
    proxy = start_proxy(redis_address, "no-backend")
    with redis_client(proxy.address) as client, pytest.raises(LostConnection):
        client.ping()
    web = start_proxy(nginx_address, "no-backend")
    assert curl(web) in RESET
    with client_of(web) as browser, pytest.raises(httpx.TransportError):
        browser.get("/hello")
    web.change()
    assert curl(web) == 0


def test_a_backend_that_seemed_gone_is_there_once_the_rule_is_lifted(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "no-backend how=timeout timeout=3600")
    with connect(proxy.address) as client:
        client.sendall(PING)
        proxy.wait_for_firings(1)
        assert is_silent(client)
        proxy.change()
        assert receive(client, len(PONG)) == PONG
    assert proxy.totals.refused == 0
    assert proxy.troubles == []
