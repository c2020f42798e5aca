"""The servers behind the forwarders; each is started afresh for every run."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from certificate import certificate
from processes import HOST, free_port, serving

LARGE_SIZE = 2**30
"""Bytes of the body that the web server returns for ``/large``."""


def _nothing(_folder: Path) -> None:
    return None


@dataclass(frozen=True)
class Backend:
    """A server on loopback."""

    program: str
    """The program that must be on the PATH; empty if none is needed."""
    command: Callable[[int, Path], list[str]]
    prepare: Callable[[Path], None] = _nothing
    """Create the files it serves in this folder, unless they exist."""
    end_with: signal.Signals = signal.SIGTERM
    """The signal that stops it without waiting for clients."""

    @contextmanager
    def running(self, folder: Path) -> Iterator[int]:
        """Run it for the block, and yield the port it listens on."""
        self.prepare(folder)
        port = free_port()
        with serving(self.command(port, folder), port, folder, self.end_with):
            yield port


def _redis(port: int, folder: Path) -> list[str]:
    where = ["--port", str(port), "--bind", HOST, "--dir", str(folder)]
    return ["redis-server", *where, "--save", "", "--appendonly", "no"]


def _nginx(port: int, folder: Path) -> list[str]:
    return ["nginx", "-e", "stderr", "-c", _write_nginx(port, folder)]


def _nginx_tls(port: int, folder: Path) -> list[str]:
    path = certificate(folder)
    keys = f"ssl_certificate {path}; ssl_certificate_key {path}; ssl_protocols TLSv1.2 TLSv1.3;"
    return ["nginx", "-e", "stderr", "-c", _write_nginx(port, folder, "ssl", keys)]


def _write_nginx(port: int, folder: Path, how: str = "", keys: str = "") -> str:
    # The compiled-in temporary paths may belong to root.
    paths = "".join(
        f"    {kind}_temp_path {folder}/{port}-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / f"{port}-http.conf"
    # As root, nginx would give its folders to a user that may not exist in the namespace.
    user = "user root root;" if os.geteuid() == 0 else ""
    path.write_text(
        f"""{user}
daemon off;
master_process off;
pid {folder}/{port}.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
{paths}    access_log off;
    keepalive_requests 1000000000;
    server {{
        listen {HOST}:{port} backlog=4096 {how};
        {keys}
        location / {{ return 200 "{"x" * 128}"; }}
        location = /large {{ root {folder}; }}
    }}
}}
""",
        encoding="utf-8",
    )
    return str(path)


def _make_large_body(folder: Path) -> None:
    with open(folder / "large", "ab") as file:
        file.truncate(LARGE_SIZE)  # it is a hole, and takes no room


def _memcached(port: int, _folder: Path) -> list[str]:
    # As root, it needs the name of a user; a namespace may have no other.
    user = ["-u", "root"] if os.geteuid() == 0 else []
    return ["memcached", *user, "-l", HOST, "-p", str(port), "-U", "0"]


def _iperf3(port: int, _folder: Path) -> list[str]:
    return ["iperf3", "--server", "--bind", HOST, "--port", str(port)]


def _python(program: str) -> Callable[[int, Path], list[str]]:
    path = str(Path(__file__).with_name(program))
    return lambda port, _folder: [sys.executable, path, str(port)]


REDIS = Backend("redis-server", _redis)
WEB = Backend("nginx", _nginx, _make_large_body)
WEB_TLS = Backend("nginx", _nginx_tls, _make_large_body)
MEMCACHED = Backend("memcached", _memcached)
IPERF = Backend("iperf3", _iperf3)
ECHO = Backend("", _python("echo.py"))
STREAMS = Backend("", _python("streaming.py"))
PRIVATE = Backend("", _python("private.py"))
"""A web server in which no client waits for another."""
