"""PEM files: read, checked, and loaded into OpenSSL, which takes private keys only from files."""

from __future__ import annotations

import os
import re
import ssl
import stat
import tempfile
from collections.abc import Mapping

from ...errors import OptionError

LIMIT = 1 << 20
"""Bytes of a file; the bundle of a system has a quarter of it."""
ALLOWED = "a file in PEM format"
CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----", re.ASCII
)
"""A certificate; what is between them, OpenSSL only skips if it is ASCII."""
PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    rb"(?:(?!-----).)*-----END (?:[A-Z]+ )?PRIVATE KEY-----",
    re.DOTALL,
)
ENCRYPTED = b"ENCRYPTED"
"""In the first line of an encrypted key (RFC 7468), or in its headers (RFC 1421)."""
REASONS = {
    "EE_KEY_TOO_SMALL": "has a key that OpenSSL finds too small",
    "CA_MD_TOO_WEAK": "is signed in a way that OpenSSL finds too weak",
}


def read(key: str, path: str) -> bytes:
    """Return the contents of a file; ``key`` is the option that names it.

    Raises:
        OptionError: it cannot be read, or is no such file.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OptionError("is not a file", key=key, given=path, allowed=ALLOWED)
        with open(path, "rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise OptionError(f"cannot be read: {error.strerror}", key=key, given=path) from None
    if len(content) > LIMIT:
        raise OptionError("is too large", key=key, given=path, allowed=ALLOWED)
    return content


def certificates(key: str, path: str, content: bytes) -> str:
    """Return the certificates of authorities in a file.

    Raises:
        OptionError: there are none.
    """
    text = "\n".join(block.decode("ascii") for block in CERTIFICATE.findall(content))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise _without_certificate(key, path) from None
    return text


def pair(cert: tuple[str, str], key: tuple[str, str], files: Mapping[str, bytes]) -> bytes:
    """Return a certificate and its private key, from one file or two, the key first.

    ``cert`` and ``key`` are the options with their paths; ``files``: what is in there.

    Raises:
        OptionError: they do not belong together, or cannot be used.
    """
    shown = CERTIFICATE.findall(files[cert[0]])
    if not shown:
        raise _without_certificate(*cert)
    holder = key if key[1] else cert
    secret = PRIVATE_KEY.search(files[holder[0]])
    if secret is None:
        allowed = ALLOWED if key[1] else f"a file with both, or {key[0].replace('_', '-')}, too"
        raise OptionError("holds no private key", key=holder[0], given=holder[1], allowed=allowed)
    if ENCRYPTED in secret[0]:
        why = "has a private key with a password: it takes one without"
        raise OptionError(why, key=holder[0], given=holder[1])
    whole = b"\n".join([secret[0], *shown])
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), whole)
    except ssl.SSLError as error:
        blamed = cert
        why = REASONS.get(error.reason, f"cannot be used: {error.reason or 'it is damaged'}")
        if "MISMATCH" in (error.reason or ""):
            blamed = holder
            why = f"{'is' if key[1] else 'holds'} not the private key of the certificate"
        raise OptionError(why, key=blamed[0], given=blamed[1]) from None
    return whole


def _without_certificate(key: str, path: str) -> OptionError:
    return OptionError("holds no certificate", key=key, given=path, allowed=ALLOWED)


def load(context: ssl.SSLContext, content: bytes) -> None:
    """Load a private key and the certificates that are shown with it.

    No other user can read it, and the file is gone when this returns.

    Raises:
        OSError: there is no room for the file.
        ssl.SSLError: OpenSSL does not take it.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("vaurien")
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            try:
                context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
            except FileNotFoundError:
                pass  # there is no /proc
            else:
                return
    descriptor, path = tempfile.mkstemp(".pem", "vaurien-")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        context.load_cert_chain(path, password=_no_password)
    finally:
        os.unlink(path)


def _no_password() -> str:
    """Keep OpenSSL from asking for one at the terminal."""
    return ""
