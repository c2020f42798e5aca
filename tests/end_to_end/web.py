"""Web servers and web clients for tests of HTTP."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from end_to_end.proxies import RunningProxy, StartProxy
from peers import PATIENCE, serving_in_thread
from servers import require, serving
from vaurien.net.address import Address
from vaurien.protocols.http.parser import Http
from vaurien.protocols.http.statuses import STATUSES

HELLO = b"hello\n"
GIGABYTE = 2**30

# Servers.


class Handler(BaseHTTPRequestHandler):
    """What nginx does not do: echoes, chunks, trailers, words in between, other protocols."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is called there
        pass

    def answer(self, body: bytes, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/chunked":
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if self.command != "HEAD":
                    for chunk in (b"5;a=b\r\nhello\r\n", b"1\r\n\n\r\n", b"0\r\nDigest: x\r\n\r\n"):
                        self.wfile.write(chunk)
            case "/to-the-end":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(HELLO)
                self.close_connection = True
            case "/hints":
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
                self.answer(HELLO)
            case "/host":
                self.answer(self.headers["Host"].encode())
            case "/unavailable":
                self.answer(b"", 503)
            case "/upgrade":
                self.send_response(101)
                self.send_header("Upgrade", "echo")
                self.send_header("Connection", "upgrade")
                self.end_headers()
                self.echo()
            case _:
                self.answer(HELLO)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(body)

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.echo()

    def echo(self) -> None:
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.close_connection = True


@contextlib.contextmanager
def small_server() -> Iterator[Address]:
    """A small server from the standard library."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with serving_in_thread(server) as address:
        yield address


NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location = /lost {{ return 302 /lost; }}
        location = /locked {{ auth_basic "restricted"; auth_basic_user_file {folder}/none; }}
        {locations}
    }}
}}
"""


@contextlib.contextmanager
def strict_server(folder: Path) -> Iterator[Address]:
    """An nginx that answers with any status, at /STATUS, and has a file of a gigabyte."""
    with (folder / "gigabyte").open("wb") as file:
        file.truncate(GIGABYTE)
    (folder / "none").touch()
    locations = "\n".join(
        f"location = /{status} {{ return {status}; }}" for status in STATUSES if status >= 400
    )
    program = require("nginx")

    def command(port: int) -> list[str]:
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, locations=locations))
        return [program, "-c", str(configuration), "-e", "stderr"]

    with serving(command, folder / "nginx.log") as address:
        yield address


# Clients.


OpenProxy = Callable[..., RunningProxy]


def opening(start_proxy: StartProxy) -> OpenProxy:
    """Starts proxies that understand HTTP: with a backend, rules, and options of the protocol."""

    def start(backend: Address, *rules: str, **options: object) -> RunningProxy:
        return start_proxy(backend, *rules, protocol=Http(**options))

    return start


def client_of(proxy: RunningProxy, timeout: float = PATIENCE, **told: bool) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://{proxy.address}",
        timeout=timeout,
        trust_env=False,
        follow_redirects=told.get("follow_redirects", False),
    )


def plain(proxy: RunningProxy) -> contextlib.closing[HTTPConnection]:
    address = proxy.address
    return contextlib.closing(HTTPConnection(address.host, address.port, timeout=PATIENCE))


def ask(connection: HTTPConnection, path: str = "/hello", method: str = "GET") -> HTTPResponse:
    connection.request(method, path)
    return connection.getresponse()


def curl(address: Address, *words: str, path: str = "/hello") -> subprocess.CompletedProcess[bytes]:
    command = [require("curl"), "-sS", *words, f"http://{address}{path}"]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)


@contextlib.contextmanager
def session_of(proxy: RunningProxy, retry: Retry) -> Iterator[requests.Session]:
    """requests, with a rule for retries."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount(f"http://{proxy.address}", HTTPAdapter(max_retries=retry))
        yield session
