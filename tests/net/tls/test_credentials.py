"""Credentials: contexts of given files and of the authority, tried in handshakes in memory."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vaurien.authority.certificates import FLAWED, make_authority, make_leaf
from vaurien.authority.folder import VARIABLE, authority, public_file
from vaurien.errors import OptionError
from vaurien.net.tls import credentials
from vaurien.net.tls.credentials import Certificates, Credentials, load
from vaurien.net.tls.spec import Tls

NOW = datetime.now(UTC)
AUTHORITY = make_authority("given", NOW)
TERMINATE = Tls(mode="terminate")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "ca"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    leaf = make_leaf(AUTHORITY, ["given.example"], NOW)
    (tmp_path / "leaf.pem").write_bytes(leaf.pem)
    (tmp_path / "given-ca.pem").write_bytes(AUTHORITY.public_pem)
    return tmp_path


def handshake(
    client: ssl.SSLContext, server: ssl.SSLContext, name: str | None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Shake hands, and return both ends.

    Raises:
        ssl.SSLError: one of them refuses.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for each in (asking, answering):
            with suppress(ssl.SSLWantReadError):
                each.do_handshake()
    return asking, answering


def client_of(path: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return context


# With clients.


def test_a_leaf_is_made_for_each_name_once() -> None:
    shown = load(TERMINATE).certificates
    trusting = client_of(public_file()) if authority() else None
    assert trusting
    contexts = [shown.for_name(name) for name in ("a.example", "b.example", "a.example")]
    assert contexts[0] is contexts[2] is not contexts[1]
    handshake(trusting, contexts[0], "a.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(trusting, contexts[0], "b.example")


@pytest.mark.parametrize("sni", [None, "", "not a name", "x" * 300])
def test_without_a_name_a_leaf_is_for_where_the_proxy_listens(sni: str | None) -> None:
    context = load(TERMINATE, ["10.1.2.3", "localhost"]).certificates.for_name(sni)
    for name in ("10.1.2.3", "localhost", "127.0.0.1", "::1"):
        handshake(client_of(public_file()), context, name)


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST", "proxy.example", "Proxy.Example", "127.0.0.1", "10.0.0.9"]
)
def test_names_by_which_the_proxy_is_reached(name: str) -> None:
    assert load(TERMINATE, ["Proxy.example"]).certificates.are_for(name)


@pytest.mark.parametrize("name", ["", "api.example", "a.proxy.example"])
def test_names_of_somebody_else(name: str) -> None:
    assert not load(TERMINATE, ["proxy.example"]).certificates.are_for(name)


def test_few_contexts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "CONTEXTS_LIMIT", 2)
    shown = load(TERMINATE).certificates
    first = shown.for_name("a")
    shown.for_name("b")
    assert shown.for_name("a") is first
    shown.for_name("c")
    assert shown.for_name("a") is first
    before = shown.for_name("b")
    shown.for_name("c")
    shown.for_name("d")
    assert shown.for_name("b") is not before


def test_a_given_certificate_is_shown_whatever_the_name(files: Path) -> None:
    shown = load(replace(TERMINATE, cert=str(files / "leaf.pem"))).certificates
    context = shown.for_name("other.example")
    assert context is shown.for_name(None)
    handshake(client_of(str(files / "given-ca.pem")), context, "given.example")
    assert not (files / "ca").exists()


@pytest.mark.parametrize("flaw", FLAWED)
def test_a_flaw_is_shown(files: Path, flaw: str) -> None:
    shown = load(replace(TERMINATE, cert=str(files / "leaf.pem"))).certificates
    context = shown.for_name("given.example", flaw)
    assert context is shown.for_name("given.example", flaw)
    trusting = client_of(public_file())
    trusting.hostname_checks_common_name = False
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(trusting, context, "given.example")


def test_a_flaw_without_any_files() -> None:
    context = Credentials().certificates.for_name("a.example", "self_signed")
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate"):
        handshake(client_of(public_file()), context, "a.example")


def test_clients_must_show_a_certificate(files: Path) -> None:
    tls = replace(TERMINATE, client_ca=str(files / "given-ca.pem"), minimum="1.2")
    context = load(tls).certificates.for_name("a.example")
    client = client_of(public_file())
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        handshake(client, context, "a.example")
    client.load_cert_chain(files / "leaf.pem")
    client_leaf_is_for_servers = "unsuitable certificate purpose"
    with pytest.raises(ssl.SSLError, match=client_leaf_is_for_servers):
        handshake(client, context, "a.example")


def test_a_demanded_certificate() -> None:
    context = Certificates().for_name("a.example", demand=True)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert Certificates().for_name("a.example").verify_mode is ssl.CERT_NONE


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the client
@pytest.mark.parametrize("minimum", credentials.VERSIONS)
def test_the_lowest_version(minimum: str) -> None:
    context = load(replace(TERMINATE, minimum=minimum)).certificates.for_name("a.example")  # type: ignore[arg-type]  # one of them
    old = client_of(public_file())
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    for version, number in credentials.VERSIONS.items():
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = number
        if version < minimum:
            with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
                handshake(old, context, "a.example")
        else:
            handshake(old, context, "a.example")


# With the backend.


def backend(files: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "leaf.pem")
    return context


def towards(tls: Tls) -> ssl.SSLContext:
    found = load(tls).backend
    assert found is not None
    return found


def test_a_backend_is_verified_with_the_given_authorities(files: Path) -> None:
    context = towards(Tls(mode="both", ca=str(files / "given-ca.pem")))
    handshake(context, backend(files), "given.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(context, backend(files), "other.example")


def test_a_backend_whose_own_certificate_is_trusted(files: Path) -> None:
    handshake(
        towards(Tls(mode="originate", ca=str(files / "leaf.pem"))), backend(files), "given.example"
    )


def test_a_backend_is_verified_with_the_authorities_of_the_system(files: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(towards(Tls(mode="originate")), backend(files), "given.example")


def test_an_insecure_backend_is_not_verified(files: Path) -> None:
    context = towards(Tls(mode="originate", insecure=True))
    handshake(context, backend(files), "other.example")
    handshake(context, backend(files), None)


def test_a_certificate_is_shown_to_a_backend_that_asks(files: Path) -> None:
    client_cert = str(files / "leaf.pem")
    context = towards(Tls(mode="originate", insecure=True, client_cert=client_cert))
    server = backend(files)
    server.verify_mode = ssl.CERT_OPTIONAL
    server.load_verify_locations(files / "given-ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        handshake(context, server, None)  # it is for servers, but it has been shown


def test_which_sides_there_are(files: Path) -> None:
    assert load(TERMINATE).backend is None
    assert load(Tls(mode="pass")).backend is None
    assert load(Tls(mode="both")).backend is not None


# Files.


def test_what_is_wrong_with_a_file_names_its_key(files: Path) -> None:
    (files / "empty").touch()
    for key in ("ca", "cert", "client_cert", "client_ca"):
        tls = replace(TERMINATE, **{key: str(files / "empty")})  # type: ignore[arg-type]  # a text
        with pytest.raises(OptionError, match="holds no certificate") as caught:
            load(tls)
        assert caught.value.key == key


def test_credentials_are_equal_if_the_files_are(files: Path) -> None:
    tls = replace(TERMINATE, cert=str(files / "leaf.pem"))
    before = load(tls)
    assert load(tls) == before
    (files / "leaf.pem").write_bytes(make_leaf(AUTHORITY, ["given.example"], NOW).pem)
    assert load(tls) != before


def test_no_secret_is_shown(files: Path) -> None:
    text = repr(load(Tls(mode="both", cert=str(files / "leaf.pem"))))
    assert "PRIVATE" not in text
    assert "digest" not in text


def test_preparing_makes_the_authority_where_one_is_needed(files: Path) -> None:
    load(replace(TERMINATE, cert=str(files / "leaf.pem"))).prepare()
    load(Tls(mode="originate")).prepare()
    assert not (files / "ca").exists()
    load(TERMINATE).prepare()
    assert (files / "ca" / "ca.pem").exists()
