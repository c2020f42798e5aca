"""TLS with real servers and clients, in each mode."""

from __future__ import annotations

import hashlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from end_to_end.proxies import NO_LIMITS, RunningProxy
from peers import PATIENCE, Scripted, connect, echo, receive_until_fin, wait_until
from secured import Certified, certify
from servers import LARGE_FILE, nginx_server, redis_server, require
from vaurien.net.address import Address
from vaurien.net.tls.spec import Mode, Tls
from vaurien.protocols.http.parser import Http
from vaurien.protocols.redis import Redis


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certify(tmp_path_factory.mktemp("certified"))


@pytest.fixture(scope="module")
def secure_nginx(
    certified: Certified, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Address]:
    with nginx_server(tmp_path_factory.mktemp("nginx"), certified) as address:
        yield address


@pytest.fixture(scope="module")
def plain_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with nginx_server(tmp_path_factory.mktemp("nginx")) as address:
        yield address


@pytest.fixture
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


def given(certified: Certified, mode: Mode) -> Tls:
    return Tls(mode=mode, ca=certified.ca, cert=certified.cert)


def curl(certified: Certified, *words: str) -> bytes:
    command = [require("curl"), "--silent", "--show-error", "--cacert", certified.ca]
    done = subprocess.run([*command, *words], capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def url(proxy: RunningProxy, path: str = "/hello", scheme: str = "https") -> str:
    return f"{scheme}://localhost:{proxy.address.port}{path}"


def s_client(proxy: RunningProxy, *words: str) -> subprocess.Popen[bytes]:
    where = f"localhost:{proxy.address.port}"
    command = [require("openssl"), "s_client", "-connect", where, "-servername", "localhost"]
    return subprocess.Popen(
        [*command, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def told(process: subprocess.Popen[bytes], data: bytes = b"") -> bytes:
    """What s_client says, when it is given this and then the end."""
    return process.communicate(data, PATIENCE)[0]


# Web servers.


@pytest.mark.parametrize(
    ("mode", "flag", "version"),
    [
        ("pass", "--http2", b"2"),
        ("pass", "--http1.1", b"1.1"),
        ("both", "--http2", b"2"),
        ("both", "--http1.1", b"1.1"),
        ("both", "--no-alpn", b"1.1"),
    ],
)
def test_the_backend_chooses_the_protocol(
    certified: Certified, secure_nginx: Address, mode: Mode, flag: str, version: bytes
) -> None:
    with RunningProxy(secure_nginx, tls=given(certified, mode)) as proxy:
        answer = curl(certified, flag, url(proxy), "--write-out", "%{http_version}")
        assert answer == b"hello\n" + version
        assert curl(certified, url(proxy, "/who")).startswith(b"localhost NONE")


@pytest.mark.parametrize("mode", ["pass", "terminate", "originate", "both"])
def test_a_large_file(
    certified: Certified, secure_nginx: Address, plain_nginx: Address, mode: Mode
) -> None:
    backend = plain_nginx if mode == "terminate" else secure_nginx
    scheme = "http" if mode == "originate" else "https"
    with RunningProxy(backend, tls=given(certified, mode)) as proxy:
        got = curl(certified, url(proxy, "/large", scheme))
        assert hashlib.sha256(got).digest() == hashlib.sha256(LARGE_FILE).digest()
        assert proxy.troubles == []


@pytest.mark.parametrize("mode", ["terminate", "both"])
def test_rules_see_what_is_inside(
    certified: Certified, secure_nginx: Address, plain_nginx: Address, mode: Mode
) -> None:
    backend = plain_nginx if mode == "terminate" else secure_nginx
    tls = given(certified, mode)
    rule = "error fault=503 path=/hello"
    with RunningProxy(backend, rule, protocol=Http(), tls=tls) as proxy:
        assert b"503" in curl(certified, "--http1.1", "--head", url(proxy))
        (fired,) = proxy.fired
        assert fired.labels["sni"] == "localhost"
        assert fired.labels["tls_version"] == "TLSv1.3"


def test_a_certificate_of_its_own_is_shown_to_the_backend(
    certified: Certified, secure_nginx: Address
) -> None:
    tls = replace(given(certified, "both"), client_cert=certified.client_cert)
    with RunningProxy(secure_nginx, tls=tls) as proxy:
        answer = curl(certified, "--http1.1", url(proxy, "/who"))
        assert answer == b"localhost SUCCESS HTTP/1.1"


def test_clients_must_show_a_certificate(certified: Certified, plain_nginx: Address) -> None:
    tls = replace(given(certified, "terminate"), client_ca=certified.ca)
    with RunningProxy(plain_nginx, tls=tls) as proxy:
        assert b"alert handshake failure" in told(s_client(proxy, "-tls1_2"))
        assert "peer did not return a certificate" in proxy.troubles[0]
        words = ("--cert", certified.client_cert, url(proxy))
        assert curl(certified, *words) == b"hello\n"


@pytest.mark.parametrize("mode", ["originate", "both"])
def test_a_backend_that_is_not_trusted(
    certified: Certified, secure_nginx: Address, tmp_path: Path, mode: Mode
) -> None:
    other = certify(tmp_path / "other")
    tls = replace(given(certified, mode), ca=other.ca)
    with RunningProxy(secure_nginx, tls=tls) as proxy:
        if mode == "both":
            said = told(s_client(proxy))
            assert b"alert internal error" in said
        else:
            with connect(proxy.address) as client:
                assert receive_until_fin(client) == b""
        wait_until(lambda: proxy.troubles, "the log")
        assert "its certificate is not accepted" in proxy.troubles[0]
    insecure = replace(tls, insecure=True)
    with RunningProxy(secure_nginx, tls=insecure) as proxy:
        scheme = "https" if mode == "both" else "http"
        assert curl(certified, url(proxy, scheme=scheme)) == b"hello\n"


# Redis.


def test_redis_over_tls(certified: Certified, tmp_path: Path) -> None:
    with (
        redis_server(tmp_path, certified) as backend,
        RunningProxy(
            backend,
            "error fault=OOM command=SET times=1",
            protocol=Redis(),
            tls=given(certified, "both"),
        ) as proxy,
    ):
        port = str(proxy.address.port)
        command = [require("redis-cli"), "--tls", "--cacert", certified.ca, "-p", port]
        answers = subprocess.run(
            command,
            input=b"SET a 1\nSET a 2\nGET a\n",
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        ).stdout
        refused, done, got = [line for line in answers.splitlines() if line]
        assert refused.startswith(b"OOM")
        assert (done, got) == (b"OK", b"2")


# OpenSSL's client.


def test_keys_may_be_renewed(certified: Certified, echoing: Address) -> None:
    with RunningProxy(echoing, tls=given(certified, "terminate")) as proxy:
        client = s_client(proxy)
        assert client.stdin
        assert client.stdout
        for line in (b"one\n", b"K\n", b"two\n", b"k\n", b"three\n"):
            client.stdin.write(line)
            client.stdin.flush()
            wanted = b"KEYUPDATE" if line in (b"K\n", b"k\n") else line.strip()
            while wanted not in (read := client.stdout.readline()):
                assert read
        assert b"closed" in told(client, b"Q\n") or client.returncode == 0
        assert proxy.troubles == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"), b"alert protocol version"),
        (("-tls1_2", "-comp"), b"Compression: NONE"),
        (("-tls1_3",), b"Verify return code"),
    ],
)
def test_what_is_agreed_on(
    certified: Certified, echoing: Address, words: tuple[str, ...], text: bytes
) -> None:
    with RunningProxy(echoing, tls=given(certified, "terminate")) as proxy:
        assert text in told(s_client(proxy, *words))


def test_nothing_is_negotiated_anew(certified: Certified, echoing: Address) -> None:
    with RunningProxy(echoing, tls=given(certified, "terminate")) as proxy:
        assert b"no renegotiation" in told(s_client(proxy, "-tls1_2"), b"R\n")


# Sockets.


def secured(
    proxy: RunningProxy, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    sock = socket.create_connection(("localhost", proxy.address.port), PATIENCE)
    return context.wrap_socket(sock, server_hostname="localhost", session=session)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_may_be_resumed(
    certified: Certified, echoing: Address, version: ssl.TLSVersion
) -> None:
    context = certified.client()
    context.maximum_version = version
    with RunningProxy(echoing, tls=given(certified, "terminate")) as proxy:
        with secured(proxy, context) as first:
            first.sendall(b"hello")
            assert first.recv(5) == b"hello"
            session = first.session
            assert session is not None
        with secured(proxy, context, session=session) as second:
            second.sendall(b"again")
            assert second.recv(5) == b"again"
            assert second.session_reused


def test_a_client_that_closes_at_once_has_said_all(certified: Certified) -> None:
    heard: list[bytes] = []

    def listen(sock: socket.socket) -> None:
        said = b""
        while data := sock.recv(65536):
            said += data
        heard.append(said)

    context = certified.client()
    with Scripted(listen) as backend:
        tls = given(certified, "terminate")
        with RunningProxy(backend.address, tls=tls) as proxy:
            for _ in range(20):
                client = secured(proxy, context)
                client.sendall(b"all there is")
                client.unwrap()
                client.close()
            wait_until(lambda: len(heard) == 20, "20 ends")
    assert heard == [b"all there is"] * 20


def test_paths_of_unix_sockets(certified: Certified, plain_nginx: Address, tmp_path: Path) -> None:
    listen = Address.parse(f"unix:{tmp_path}/proxy")
    with RunningProxy(plain_nginx, listen=listen, tls=given(certified, "terminate")) as proxy:
        words = ("--unix-socket", listen.path, "https://localhost/hello")
        assert curl(certified, *words) == b"hello\n"
        with RunningProxy(proxy.address, tls=given(certified, "originate")) as outer:
            with connect(outer.address) as client:
                assert receive_until_fin(client) == b""
            wait_until(lambda: outer.troubles, "the log")
            assert "it has no name" in outer.troubles[0]
        named = replace(given(certified, "originate"), server_name="localhost")
        with RunningProxy(proxy.address, tls=named) as outer:
            assert curl(certified, url(outer, scheme="http")) == b"hello\n"


def test_a_limit_on_handshakes(certified: Certified, echoing: Address) -> None:
    limits = replace(NO_LIMITS, dial_timeout=0.1)
    tls = given(certified, "terminate")
    with RunningProxy(echoing, limits=limits, tls=tls) as proxy, connect(proxy.address) as client:
        client.sendall(bytes.fromhex("16 0301 0200 01"))
        assert receive_until_fin(client) == b""
        assert "no ClientHello within 0.1 s" in proxy.troubles[0]
