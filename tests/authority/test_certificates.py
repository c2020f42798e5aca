"""Certificates, in handshakes of Python's ``ssl`` in memory."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from vaurien.authority.certificates import (
    FLAWED,
    Identity,
    draw_key,
    is_name,
    make_authority,
    make_leaf,
    read_identity,
)
from vaurien.net.tls.pem import load

NOW = datetime.now(UTC)
AUTHORITY = make_authority("vaurien", NOW)


def refusal(server: Identity, name: str = "localhost", *, trusted: Identity = AUTHORITY) -> str:
    """Return why a client refuses a server; ``""`` if it does not."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.set_ciphers("DEFAULT:@SECLEVEL=0")
    load(serving, server.pem)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    asking.hostname_checks_common_name = False
    asking.load_verify_locations(cadata=trusted.public_pem.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname=name)
    answering = serving.wrap_bio(to_server, to_client, server_side=True)
    try:
        for each in (client, answering, client, answering):
            with suppress(ssl.SSLWantReadError):
                each.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    assert client.version() == "TLSv1.3"
    return ""


@pytest.mark.parametrize("name", ["api.example.com", "127.0.0.1", "::1", "a_b.example", "x" * 60])
def test_a_leaf_is_accepted(name: str) -> None:
    assert refusal(make_leaf(AUTHORITY, [name], NOW), name) == ""


def test_a_leaf_of_several_names_is_accepted_for_each() -> None:
    leaf = make_leaf(AUTHORITY, ["localhost", "127.0.0.1", "::1"], NOW, draw_key())
    assert [refusal(leaf, name) for name in ("localhost", "127.0.0.1", "::1")] == ["", "", ""]


def test_a_name_too_long_for_a_subject_is_accepted() -> None:
    name = ".".join(["long"] * 30)
    assert refusal(make_leaf(AUTHORITY, [name], NOW), name) == ""


def test_a_leaf_of_an_intermediate_authority_is_accepted() -> None:
    between = make_authority("between", NOW, AUTHORITY)
    leaf = make_leaf(between, ["localhost"], NOW)
    assert refusal(Identity(leaf.certificate, leaf.key, (between.certificate,))) == ""


def test_a_leaf_ends_with_its_authority() -> None:
    late = NOW + timedelta(days=3600)
    assert make_leaf(AUTHORITY, ["localhost"], late).certificate.not_valid_after_utc == (
        AUTHORITY.certificate.not_valid_after_utc
    )


REFUSALS: Mapping[str, str] = {
    "expired": "certificate has expired",
    "not_yet_valid": "certificate is not yet valid",
    "wrong_host": "Hostname mismatch, certificate is not valid for 'localhost'.",
    "self_signed": "self-signed certificate",
    "unknown_authority": "self-signed certificate in certificate chain",
    "missing_intermediate": "unable to get local issuer certificate",
    "wrong_purpose": "unsuitable certificate purpose",
    "no_san": "Hostname mismatch, certificate is not valid for 'localhost'.",
    "weak_key": "EE certificate key too weak",
}


@pytest.mark.parametrize("flaw", FLAWED)
def test_a_leaf_with_a_flaw_is_refused_for_it(flaw: str) -> None:
    assert refusal(FLAWED[flaw](AUTHORITY, "localhost", NOW)) == REFUSALS[flaw]


def test_an_identity_is_read_back() -> None:
    leaf = make_leaf(AUTHORITY, ["localhost"], NOW)
    assert read_identity(leaf.pem).pem == leaf.pem


@pytest.mark.parametrize(
    "pem",
    [b"", AUTHORITY.public_pem, AUTHORITY.pem.replace(b"BEGIN CERT", b"BEGIN C"),
     make_authority("other", NOW).pem.split(b"-----BEGIN CERT")[0] + AUTHORITY.public_pem],
    ids=["nothing", "no key", "no certificate", "another key"],
)  # fmt: skip
def test_what_is_no_identity_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_identity(pem)


def test_a_private_key_is_not_shown() -> None:
    assert "PRIVATE" not in repr(AUTHORITY)
    assert "key" not in repr(AUTHORITY).lower().replace("subjectkey", "")


def test_names() -> None:
    good = ["localhost", "a_b.example.com", "xn--bcher-kva.example", "127.0.0.1", "a."]
    bad = ["", ".", "a..b", "a b", "bücher.example", "x" * 64 + ".com", "a." * 130 + "a", "a\0b"]
    assert [name for name in good + bad if is_name(name)] == good
