"""PEM files: what is refused, and for which key."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from vaurien.authority.certificates import make_authority, make_leaf
from vaurien.errors import OptionError
from vaurien.net.tls import pem

NOW = datetime.now(UTC)
LEAF = make_leaf(make_authority("vaurien", NOW), ["localhost"], NOW)
OTHER = make_leaf(None, ["localhost"], NOW)
WEAK = make_leaf(None, ["localhost"], NOW, rsa.generate_private_key(65537, 1024))
KEY = LEAF.pem.removesuffix(LEAF.public_pem)
OTHER_KEY = OTHER.pem.removesuffix(OTHER.public_pem)
LOCKED = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
LOCKED_OF_OLD = LEAF.key.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")
)


def pair(cert: bytes, key: bytes | None = None) -> bytes:
    files = {"cert": cert} | ({} if key is None else {"key": key})
    return pem.pair(("cert", "c.pem"), ("key", "" if key is None else "k.pem"), files)


@pytest.mark.parametrize(
    ("cert", "key"),
    [(LEAF.public_pem, KEY), (LEAF.pem, None), (LEAF.public_pem + KEY, None),
     (OTHER_KEY + LEAF.public_pem, KEY),
     (b"comment\n" + LEAF.public_pem.strip(), b"comment\n" + KEY.strip())],
    ids=["two files", "one file", "the key last", "another key in the first", "comments"],
)  # fmt: skip
def test_a_pair_is_loaded(cert: bytes, key: bytes | None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem.load(context, pair(cert, key))


@pytest.mark.parametrize(
    ("cert", "key", "problem"),
    [
        (b"", KEY, "cert='c.pem' holds no certificate: it takes a file in PEM format"),
        (KEY, LEAF.public_pem, "cert='c.pem' holds no certificate: it takes a file in PEM format"),
        (LEAF.public_pem, None,
         "cert='c.pem' holds no private key: it takes a file with both, or key, too"),
        (LEAF.public_pem, b"", "key='k.pem' holds no private key: it takes a file in PEM format"),
        (LEAF.public_pem, OTHER_KEY, "key='k.pem' is not the private key of the certificate"),
        (LEAF.public_pem + OTHER_KEY, None,
         "cert='c.pem' holds not the private key of the certificate"),
        (LEAF.public_pem, LOCKED,
         "key='k.pem' has a private key with a password: it takes one without"),
        (LEAF.public_pem, LOCKED_OF_OLD,
         "key='k.pem' has a private key with a password: it takes one without"),
        (WEAK.pem, None, "cert='c.pem' has a key that OpenSSL finds too small"),
        (LEAF.public_pem, KEY.replace(b"M", b"N"), "cert='c.pem' cannot be used: it is damaged"),
    ],
)  # fmt: skip
def test_a_pair_that_cannot_be_used(cert: bytes, key: bytes | None, problem: str) -> None:
    with pytest.raises(OptionError) as caught:
        pair(cert, key)
    assert str(caught.value) == problem


def test_a_file_in_memory_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create", raising=False)
    pem.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), LEAF.pem)


def test_nothing_is_left_open() -> None:
    before = len(os.listdir("/dev/fd"))
    pair(LEAF.pem)
    assert len(os.listdir("/dev/fd")) == before


def test_authorities_are_read() -> None:
    content = b"# \xc3\xa9\n" + LEAF.public_pem + b"# \xff\n" + OTHER.public_pem
    found = pem.certificates("ca", "ca.pem", content)
    assert found == (LEAF.public_pem + OTHER.public_pem).decode().strip()


@pytest.mark.parametrize("content", [b"", b"\xff", KEY, LEAF.public_pem.replace(b"M", b"N")])
def test_a_file_without_authorities(content: bytes) -> None:
    with pytest.raises(OptionError, match=r"^ca='ca.pem' holds no certificate: it takes a file"):
        pem.certificates("ca", "ca.pem", content)


def test_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(b"x" * pem.LIMIT)
    assert pem.read("ca", str(tmp_path / "a.pem")) == b"x" * pem.LIMIT


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (pem.LIMIT + 1))
    os.mkfifo(tmp_path / "fifo")
    problems = {
        "missing": "cannot be read: No such file or directory",
        ".": "is not a file: it takes a file in PEM format",
        "fifo": "is not a file: it takes a file in PEM format",
        "large": "is too large: it takes a file in PEM format",
    }
    for name, problem in problems.items():
        path = str(tmp_path / name)
        with pytest.raises(OptionError) as caught:
            pem.read("ca", path)
        assert str(caught.value) == f"ca={path!r} {problem}"
