"""How programs come to trust the authority: the variables, the bundles, and what is said."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from end_to_end.proxies import make_plan
from peers import LOOPBACK, PATIENCE, Listening
from vaurien import trust
from vaurien.authority.folder import authority, public_file
from vaurien.errors import AuthorityError
from vaurien.net.spec import ProxySpec
from vaurien.net.tls.credentials import load
from vaurien.net.tls.spec import Tls
from vaurien.protocols.tls.parser import Tls as TlsProtocol

OTHER = "-----BEGIN CERTIFICATE-----\nothers\n-----END CERTIFICATE-----\n"


@pytest.fixture
def others(tmp_path: Path) -> str:
    path = tmp_path / "others.pem"
    path.write_text(OTHER)
    return str(path)


def test_a_bundle_has_what_was_trusted_and_the_authority(others: str) -> None:
    path = trust.bundle({"SSL_CERT_FILE": others})
    assert Path(path).read_bytes() == OTHER.encode() + authority().public_pem
    assert trust.bundle({"SSL_CERT_FILE": others}) == path
    assert Path(path).parent == Path(public_file()).parent


def test_a_bundle_of_a_bundle_is_the_same(others: str) -> None:
    path = trust.bundle({"SSL_CERT_FILE": others})
    twice = trust.bundle({"SSL_CERT_FILE": path, "CURL_CA_BUNDLE": path})
    assert Path(twice).read_text().count("others") == 1


def test_the_authorities_of_the_system_stay_trusted(others: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(trust.bundle({}))
    system = trust._of_system()
    assert len(context.get_ca_certs()) >= (1 if not system else 20)
    assert "others" in Path(trust.bundle({"REQUESTS_CA_BUNDLE": others})).read_text()


def test_a_bundle_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    path = trust.bundle({"SSL_CERT_FILE": str(tmp_path / "none")})
    assert Path(path).read_bytes() == authority().public_pem


def test_variables(others: str) -> None:
    found = trust.variables({"SSL_CERT_FILE": others})
    bundle = trust.bundle({"SSL_CERT_FILE": others})
    assert found == {
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": public_file(),
    }
    found = trust.variables({"NODE_EXTRA_CA_CERTS": others})
    assert found["NODE_EXTRA_CA_CERTS"] == found["SSL_CERT_FILE"]


def test_the_environment_is_as_before_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/mine")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    first, second = trust.trusted(), trust.trusted()
    with first:
        bundle = os.environ["SSL_CERT_FILE"]
        assert bundle == os.environ["CURL_CA_BUNDLE"] != "/mine"
        second.__enter__()
    assert os.environ["SSL_CERT_FILE"] == bundle
    second.__exit__(None, None, None)
    assert os.environ["SSL_CERT_FILE"] == "/mine"
    assert "CURL_CA_BUNDLE" not in os.environ


def test_without_an_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "authority.pem").touch()
    monkeypatch.setenv("VAURIEN_CA_FOLDER", str(tmp_path))
    before = dict(os.environ)
    with pytest.raises(AuthorityError), trust.trusted():
        pass
    assert os.environ == before


def test_instructions_quote_paths() -> None:
    steps = dict(trust.instructions("/a b", "/c d"))
    assert steps["Node"] == "export NODE_EXTRA_CA_CERTS='/a b'"
    assert steps["Go"] == "export SSL_CERT_FILE='/c d'"
    assert {"Debian, Ubuntu", "Fedora, RHEL", "macOS", "Python", "Java", "curl"} <= set(steps)


# Real clients.


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server that shows each client a leaf for the name it asks for."""
    certificates = load(Tls(mode="terminate")).certificates
    context = certificates.for_name(None)

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: object) -> None:
        connection.context = certificates.for_name(name)

    context.sni_callback = choose
    with Listening() as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    raw = listening.accept()
                    with suppress(OSError), raw, context.wrap_socket(raw, server_side=True) as one:
                        if one.recv(65536).startswith(b"GET"):
                            one.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.address.port


URL = "https://HOST:PORT/"
NODE = "fetch(process.argv[1]).then(r => r.text()).then(console.log, e => console.log(e.cause))"
OPENSSL = "s_client -connect 127.0.0.1:PORT -quiet -verify_return_error -x509_strict"
CLIENTS = {
    "curl": ["curl", "-sS", "--noproxy", "*", URL],
    "node": ["node", "-e", NODE, URL],
    "openssl": ["openssl", *OPENSSL.split(), "-servername", "HOST", "-verify_hostname", "HOST"],
}


@pytest.mark.parametrize(
    ("client", "host"),
    [("curl", "localhost"), ("curl", "127.0.0.1"), ("node", "127.0.0.1"), ("openssl", "a.example")],
)
def test_real_clients_trust_it(client: str, host: str, server: int) -> None:
    if not shutil.which(client):
        pytest.skip(f"there is no {client}")
    done = subprocess.run(
        [word.replace("HOST", host).replace("PORT", str(server)) for word in CLIENTS[client]],
        input="GET / HTTP/1.1\r\n\r\n",
        env={**os.environ, **trust.variables()},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "hello" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("rule", "needed"),
    [("error fault=wrong-host", True), ("error fault=handshake_failure", False)],
)
def test_faults_that_show_a_certificate_need_trust(rule: str, needed: bool) -> None:
    plan = make_plan(rule, protocol=TlsProtocol)
    spec = ProxySpec(listen=LOOPBACK, backend=LOOPBACK, protocol=TlsProtocol(), plan=plan)
    assert trust.needs_trust([spec]) is needed
