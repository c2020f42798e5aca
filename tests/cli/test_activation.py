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


ABSTRACT = -1
"""In place of a mode: a socket without a file."""


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


@pytest.mark.parametrize(("mode", "is_taken"), [(0o660, True), (0o666, False), (ABSTRACT, False)])
def test_an_api_that_every_user_may_open_is_refused(
    tmp_path: Path, mode: int, is_taken: bool
) -> None:
    log, file = tmp_path / "log", tmp_path / "api"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(file) if mode != ABSTRACT else f"\0{file}")
        if mode != ABSTRACT:
            file.chmod(mode)
        sock.listen()
        with activated([sock], "vaurien-api", "serve", "--port", "0", log=log) as process:
            if is_taken:
                process.terminate()
            assert process.wait(PATIENCE) == (0 if is_taken else 2)
    said = "is a socket that every user may open: it takes SocketMode=0600"
    assert (said in log.read_text()) is not is_taken


def test_a_socket_that_does_not_listen_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.socket() as sock, activated([sock], "a", "serve", log=log) as process:
        assert process.wait(PATIENCE) == 2
    assert "LISTEN_FDNAMES='a' does not listen" in log.read_text()
