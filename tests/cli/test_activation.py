"""Sockets that systemd has opened."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from live import echo
from peers import PATIENCE, connect, receive
from servers import stop
from serving import command, proxy_table
from vaurien.launch import READY_FD
from vaurien.net.address import Address

WRAPPER = 'export LISTEN_PID=$$; shift 0; exec "$@"'


@contextmanager
def activated(
    sockets: list[socket.socket], names: str, *words: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as systemd does, with sockets from descriptor 3 on."""
    ready, tell = os.pipe()
    high = 50  # so that none is overwritten
    os.dup2(tell, high + 10)
    os.close(tell)
    for number, sock in enumerate(sockets):
        os.dup2(sock.fileno(), high + number)
    redirections = " ".join(f"{3 + number}<&{high + number}" for number in range(len(sockets)))
    script = f'export LISTEN_PID=$$; exec "$@" {redirections}'
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script, "sh", *command(*words)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[high + 10, *range(high, high + len(sockets))],
            env={
                **os.environ,
                READY_FD: str(high + 10),
                "LISTEN_FDS": str(len(sockets)),
                "LISTEN_FDNAMES": names,
            },
        )
    for fd in (high + 10, *range(high, high + len(sockets))):
        os.close(fd)
    try:
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        assert poll.poll(PATIENCE * 1000), "it does not get ready"
        os.read(ready, 1)
        yield process
    finally:
        os.close(ready)
        stop(process)


def address_of(sock: socket.socket) -> Address:
    return Address(*sock.getsockname())


def test_the_api_and_proxies_listen_where_it_says(tmp_path: Path) -> None:
    log, config = tmp_path / "log", tmp_path / "vaurien.toml"
    api, cache = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with api, cache, echo() as backend:
        table = proxy_table("cache", backend, listen=str(address_of(cache)))
        config.write_text(table + proxy_table("free", backend))
        words = ["serve", "--config", str(config), "--port", "0"]
        with connect(address_of(cache)) as early:  # before there is a process
            early.sendall(b"early")
            with activated([cache, api], "cache:vaurien-api", *words, log=log) as process:
                assert receive(early, 5) == b"early"
                with connect(address_of(cache)) as client:
                    client.sendall(b"hello")
                    assert receive(client, 5) == b"hello"
                port = address_of(api).port
                with connect(address_of(api)) as asking:
                    asking.sendall(b"GET /version HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)
                    assert asking.recv(65536).startswith(b"HTTP/1.1 200 ")
                process.terminate()
                assert process.wait(PATIENCE) == 0
        assert f"Started the HTTP server: http://127.0.0.1:{port}" in log.read_text()
        with connect(address_of(cache)):  # it waits for the next process
            pass


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("chache", "LISTEN_FDNAMES='chache' is no proxy: it takes one of vaurien-api, cache"),
        ("", "LISTEN_FDNAMES='' is no proxy: it takes one of vaurien-api, cache"),
        ("cache", "LISTEN_FDNAMES='cache' is at ('127.0.0.1', "),
        ("vaurien-api", "a socket was passed for the API, which takes --http"),
    ],
)
def test_a_socket_that_is_nobodys_is_refused(tmp_path: Path, names: str, said: str) -> None:
    log, config = tmp_path / "log", tmp_path / "vaurien.toml"
    config.write_text(proxy_table("cache", Address("localhost", 1), listen="127.0.0.1:0"))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        words = ["serve", "--config", str(config)]
        with activated([sock], names, *words, log=log) as process:
            assert process.wait(PATIENCE) == 2
    assert said in log.read_text()


def test_a_socket_that_does_not_listen_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.socket() as sock, activated([sock], "a", "serve", log=log) as process:
        assert process.wait(PATIENCE) == 2
    assert "LISTEN_FDNAMES='a' does not listen" in log.read_text()
