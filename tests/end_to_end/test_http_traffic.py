"""Traffic of HTTP that nothing happens to: what goes in comes out, whatever it is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from end_to_end.proxies import HARMLESS, RunningProxy, StartProxy, command_line
from end_to_end.web import (
    GIGABYTE,
    HELLO,
    OpenProxy,
    ask,
    client_of,
    curl,
    plain,
)
from peers import Scripted, connect, echo, receive, receive_until_fin
from servers import LARGE_FILE
from vaurien.net.address import Address
from vaurien.protocols.http.parser import Http


@pytest.fixture(params=HARMLESS)
def harmless(
    request: pytest.FixtureRequest, proxy_to: OpenProxy, small_address: Address
) -> RunningProxy:
    return proxy_to(small_address, *HARMLESS[request.param])


def test_all_kinds_of_messages_pass(harmless: RunningProxy) -> None:
    with plain(harmless) as connection:
        for _ in range(3):
            assert ask(connection).read() == HELLO
            assert ask(connection, "/chunked").read() == HELLO
            assert ask(connection, method="HEAD").read() == b""
            assert ask(connection, "/chunked", "HEAD").read() == b""
            connection.request("POST", "/", LARGE_FILE)
            assert connection.getresponse().read() == LARGE_FILE
            connection.request("POST", "/", iter([b"ab", b"c"]), encode_chunked=True)
            assert connection.getresponse().read() == b"abc"
        assert harmless.totals.opened == 1
        assert ask(connection, "/to-the-end").read() == HELLO
    with client_of(harmless) as client:
        assert client.get("/hints").content == HELLO


def test_other_protocols_pass_after_an_upgrade(harmless: RunningProxy) -> None:
    for head in (
        b"GET /upgrade HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
    ):
        with connect(harmless.address) as client:
            client.sendall(head)
            told = b""
            while not told.endswith(b"\r\n\r\n"):
                told += receive(client, 1)
            for data in (b"\0\x16\x03", b"HTTP/1.1 nothing\r\n", LARGE_FILE[:100_000]):
                client.sendall(data)
                assert receive(client, len(data)) == data
            client.shutdown(socket.SHUT_WR)
            assert receive_until_fin(client) == b""


def test_a_pipeline_passes(harmless: RunningProxy) -> None:
    with connect(harmless.address) as client:
        request = b"GET /chunked HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        client.sendall(request * 50 + last)
        told = receive_until_fin(client)
    assert told.count(b"hello\r\n1\r\n\n\r\n0\r\nDigest: x\r\n\r\n") == 50
    assert told.endswith(b"\r\n\r\nhello\n")


def test_the_host_header(proxy_to: OpenProxy, small_address: Address) -> None:
    proxy = proxy_to(small_address, overwrite_host_header=True)
    with client_of(proxy) as client:
        for _ in range(3):
            assert client.get("/host").text == str(small_address)
    kept = proxy_to(small_address)
    with client_of(kept) as client:
        assert client.get("/host").text == str(kept.address)


@pytest.mark.parametrize("rule", [(), ("--rule", "hang after=1000000000")], ids=["quiet", "armed"])
def test_a_gigabyte_passes_in_little_memory(
    strict_address: Address, tmp_path: Path, rule: tuple[str, ...]
) -> None:
    words = ("--protocol", "http", *rule)
    with command_line(strict_address, *words, log=tmp_path / "log") as proxy:
        told = curl(proxy.address, "-o", "/dev/null", "-w", "%{size_download}", path="/gigabyte")
        assert told.stdout == str(GIGABYTE).encode()
        assert proxy.peak_memory < 100 * 1024 * 1024


# What is not HTTP/1.


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", "HTTP/2, which is not supported"),
        (bytes.fromhex("16030100c8010000c40303") + bytes(40), "TLS"),
    ],
)
@pytest.mark.parametrize("rules", [(), ("hang after=1000000000",)], ids=["quiet", "armed"])
def test_other_protocols_pass_and_it_is_told_why(
    start_proxy: StartProxy, hello: bytes, why: str, rules: tuple[str, ...]
) -> None:
    with Scripted(echo) as backend:
        proxy = start_proxy(backend.address, *rules, protocol=Http())
        with connect(proxy.address) as client:
            for _ in range(2):
                client.sendall(hello)
                assert receive(client, len(hello)) == hello
        told = [event.text() for event in proxy.events]
        assert any(why in text for text in told)
        proxy.events.clear()
