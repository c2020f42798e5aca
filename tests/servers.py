"""Real servers for tests, each started on a free port of loopback.

A server that is not installed skips the test that asks for it, and says so.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from peers import PATIENCE, wait_until
from vaurien.net.address import Address

if TYPE_CHECKING:
    from secured import Certified

START_LIMIT = 20.0
STOP_LIMIT = 10.0
ATTEMPTS = 5
PORTS = range(20_000, 32_000)
"""Below the ports that the system gives to clients, so that none of these takes one."""

PACKAGES = {
    "redis-server": "redis-server",
    "redis-benchmark": "redis-tools",
    "nginx": "nginx-light",
    "wrk": "wrk",
    "curl": "curl",
    "openssl": "openssl",
    "redis-cli": "redis-tools",
    "smtp-sink": "postfix",
    "smtp-source": "postfix",
    "postfix": "postfix",
    "postconf": "postfix",
    "mariadbd": "mariadb-server",
    "memccapable": "libmemcached-tools",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "systemd-analyze": "systemd",
}
"""What a program is in, on Debian."""


def require(program: str) -> str:
    """The path of a program; without it the test is skipped."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        package = PACKAGES.get(program, program)
        pytest.skip(f"{program} is not installed (the Debian package is {package})")
    return path


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that a test started."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(command: Callable[[int], Sequence[str]], log: Path) -> Iterator[Address]:
    """Run a server, given how it is called for a port, as long as the block runs.

    Raises:
        RuntimeError: it does not start; with what it wrote.
    """
    for _ in range(ATTEMPTS):  # somebody may take the port in between
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            wait_until(
                lambda port=port, process=process: process.poll() is not None or _listens(port),  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
                f"a start of {process.args!r}",
                START_LIMIT,
            )
            if process.poll() is None:
                yield Address("127.0.0.1", port)
                return
        finally:
            stop(process)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text(errors='replace')}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def redis_server(folder: Path, certified: Certified | None = None) -> Iterator[Address]:
    """A redis that keeps nothing; ``certified``: it speaks TLS."""
    program = require("redis-server")

    def command(port: int) -> list[str]:
        where = ["--port", str(port)]
        if certified:
            where = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
            where += ["--tls-cert-file", certified.cert, "--tls-key-file", certified.cert]
            where += ["--tls-ca-cert-file", certified.ca]
        words = [program, *where, "--bind", "127.0.0.1", "--dir", str(folder)]
        return [*words, "--save", "", "--appendonly", "no", "--protected-mode", "no"]

    with serving(command, folder / "redis.log") as address:
        yield address


def redis_benchmark(address: Address, *words: str) -> list[str]:
    """Run redis-benchmark; gives its lines of results."""
    command = [require("redis-benchmark"), "-h", address.host, "-p", str(address.port), "-q"]
    done = subprocess.run([*command, *words], capture_output=True, timeout=PATIENCE, check=False)
    output = done.stdout.decode().replace("\r", "\n") + done.stderr.decode()
    assert done.returncode == 0, output
    assert "rror" not in output, output
    return [line for line in output.splitlines() if "requests per second" in line]


LARGE_FILE = random.Random(0).randbytes(10 * 1024 * 1024)
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} {tls} backlog=4096;
        root {folder}/www;
        location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
        {more}
    }}
}}
"""
NGINX_TLS = """
        ssl_certificate {cert};
        ssl_certificate_key {cert};
        ssl_client_certificate {ca};
        ssl_verify_client optional;
        location = /who {{ return 200 "$ssl_server_name $ssl_client_verify $server_protocol"; }}
"""


@contextlib.contextmanager
def nginx_server(folder: Path, certified: Certified | None = None) -> Iterator[Address]:
    """An nginx that says ``hello`` at ``/hello``, and has ``LARGE_FILE`` at ``/large``.

    ``certified``: it speaks TLS, and says at ``/who`` what it knows of its client.
    """
    program = require("nginx")
    (folder / "www").mkdir()
    (folder / "www" / "large").write_bytes(LARGE_FILE)

    def command(port: int) -> list[str]:
        configuration = folder / "nginx.conf"
        tls, more = "", ""
        if certified:
            tls, more = "ssl http2", NGINX_TLS.format(ca=certified.ca, cert=certified.cert)
        configuration.write_text(NGINX.format(folder=folder, port=port, tls=tls, more=more))
        return [program, "-c", str(configuration), "-e", "stderr"]

    with serving(command, folder / "nginx.log") as address:
        yield address
