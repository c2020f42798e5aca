"""A real web server behind each behavior, as http.client, curl and wrk see it."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections import Counter
from contextlib import closing
from http.client import BadStatusLine, HTTPConnection, RemoteDisconnected

import pytest

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy
from peers import PATIENCE
from servers import LARGE_FILE, require
from vaurien.net.address import Address
from vaurien.protocols.http.parser import Http

HELLO = b"hello\n"
TIMED_OUT, EMPTY_REPLY = 28, 52
"""Exit statuses of curl."""


@pytest.fixture(params=HARMLESS)
def harmless(
    request: pytest.FixtureRequest, start_proxy: StartProxy, nginx_address: Address
) -> RunningProxy:
    return start_proxy(nginx_address, *HARMLESS[request.param])


def http(address: Address, timeout: float = PATIENCE) -> closing[HTTPConnection]:
    return closing(HTTPConnection(address.host, address.port, timeout=timeout))


def get(connection: HTTPConnection, path: str = "/hello") -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read()


def curl(address: Address, *words: str, path: str = "/hello") -> subprocess.CompletedProcess[bytes]:
    command = [require("curl"), "-sS", *words, f"http://{address}{path}"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)


def wrk(address: Address, *words: str) -> int:
    """Run wrk for a second; gives the number of requests, all of which succeeded."""
    command = [
        require("wrk"),
        "-t1",
        "-c50",
        "-d1s",
        "--timeout",
        "20s",
        *words,
        f"http://{address}/hello",
    ]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    output = done.stdout.decode()
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    requests = re.search(r"(\d+) requests in", output)
    assert requests is not None, output
    return int(requests[1])


def test_requests_on_one_connection(harmless: RunningProxy) -> None:
    with http(harmless.address) as connection:
        for _ in range(20):
            assert get(connection) == HELLO
        assert get(connection, "/large") == LARGE_FILE
        assert get(connection) == HELLO
    assert harmless.totals.opened == 1


def test_curl(harmless: RunningProxy) -> None:
    assert curl(harmless.address).stdout == HELLO
    fetched = curl(harmless.address, "--limit-rate", "50M", path="/large")
    assert (fetched.returncode, fetched.stdout == LARGE_FILE) == (0, True)


@pytest.mark.parametrize("words", [(), ("-H", "Connection: close")], ids=["keep-alive", "close"])
def test_wrk(harmless: RunningProxy, words: tuple[str, ...]) -> None:
    requests = wrk(harmless.address, *words)
    opened = harmless.totals.opened
    assert opened >= requests if words else opened < 60
    harmless.wait_for_connections(0)


def test_wrk_on_the_portable_poller(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, portable=True)
    assert wrk(proxy.address) > 100
    assert wrk(proxy.address, "-H", "Connection: close") > 100
    proxy.wait_for_connections(0)


# Behaviors that harm.


def test_delay_makes_every_request_wait(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "delay sleep=0.05")
    with http(proxy.address) as connection:
        for _ in range(3):
            begun = time.monotonic()
            assert get(connection) == HELLO
            assert time.monotonic() - begun >= 0.05


def test_error_is_no_answer(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "error")
    with http(proxy.address) as connection, pytest.raises(BadStatusLine):
        get(connection)


def test_hang_is_a_time_out(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "hang")
    assert curl(proxy.address, "--max-time", "0.2").returncode == TIMED_OUT
    with http(proxy.address) as connection:
        connection.request("GET", "/hello")
        proxy.wait_for_firings(2)
        proxy.change()
        assert connection.getresponse().read() == HELLO


def test_blackout_is_an_empty_reply(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "blackout")
    assert curl(proxy.address).returncode == EMPTY_REPLY
    with http(proxy.address) as connection, pytest.raises(RemoteDisconnected):
        get(connection)
    assert proxy.totals.bytes_to_client == 0


def test_abort_is_an_empty_reply(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "abort")
    assert curl(proxy.address).returncode == EMPTY_REPLY
    with http(proxy.address) as connection, pytest.raises(RemoteDisconnected):
        get(connection)


def test_transient_passes(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, "transient agitate=2")
    for _ in range(2):
        with http(proxy.address) as connection, pytest.raises(BadStatusLine):
            get(connection)
    with http(proxy.address) as connection:
        assert [get(connection) for _ in range(5)] == [HELLO] * 5


def test_a_mix_by_percentages(start_proxy: StartProxy, nginx_address: Address) -> None:
    proxy = start_proxy(nginx_address, mix="10:blackout,20.5:abort,30:dummy", seed=4)
    lost = 0
    for _ in range(200):
        try:
            with http(proxy.address) as connection:
                assert get(connection) == HELLO
        except RemoteDisconnected:
            lost += 1
    drawn = Counter(event.behavior for event in proxy.fired)
    assert lost == drawn["blackout"] + drawn["abort"]
    assert 5 < drawn["blackout"] < 40
    assert 20 < drawn["abort"] < 70


LONG_LINE = b"GET /" + b"x" * 9000
LONG_FIELD = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000
LONG_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 7000


@pytest.mark.parametrize(
    ("rule", "begun", "status"),
    [
        *(
            ("error fault=503 path=/never", begun, status)
            for begun, status in (
                (b"G(", b"400"),
                (LONG_LINE, b"414"),
                (LONG_FIELD, b"400"),
                (LONG_HEAD, b"400"),
                (b"GET / HTTP/1.1\r\nHost: x\r\nA\0", b"400"),
            )
        ),
        ("error fault=503 method=POST", b"GET / HTTQ", b"400"),
        ("delay sleep=0.01", LONG_LINE, b"414"),
        ("delay sleep=0.01", LONG_HEAD, b"400"),
        ("delay sleep=0.01", b"G(", b"400"),
    ],
)
def test_what_nginx_answers_before_the_end_of_a_head_comes_through(
    start_proxy: StartProxy, nginx_address: Address, rule: str, begun: bytes, status: bytes
) -> None:
    address = start_proxy(nginx_address, rule, protocol=Http()).address
    with socket.create_connection((address.host, address.port), timeout=PATIENCE) as client:
        client.sendall(begun)
        heard = b""
        while b"<center><h1>" not in heard:
            heard += client.recv(4096)
        assert b"<h1>" + status in heard


@pytest.mark.parametrize("rule", ["error fault=503 path=/never", "delay sleep=0.01"])
def test_a_head_byte_by_byte(start_proxy: StartProxy, nginx_address: Address, rule: str) -> None:
    address = start_proxy(nginx_address, rule, protocol=Http()).address
    with socket.create_connection((address.host, address.port), timeout=PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(3):
            for byte in b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n":
                client.sendall(bytes([byte]))
            heard = b""
            while not heard.endswith(HELLO):
                heard += client.recv(4096)
            assert heard.startswith(b"HTTP/1.1 200 ")
