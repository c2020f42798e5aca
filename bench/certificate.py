"""A certificate for ``localhost``, made once per run of the benchmark."""

from __future__ import annotations

import ssl
from pathlib import Path

from processes import output_of

NAME = "localhost"
MAKE_LIMIT = 20.0
"""Seconds that making it may take."""
CIPHER = "TLS_AES_256_GCM_SHA384"
"""What clients agree on with each system, with TLS 1.3."""


def certificate(folder: Path) -> Path:
    """Return a file with a certificate, signed by itself, and with its private key."""
    path = folder / "certificate.pem"
    if not path.exists():
        key = folder / "key.pem"
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
        names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
        files = ["-keyout", str(key), "-out", str(path)]
        output_of(["openssl", "req", "-x509", *new, *names, *files], MAKE_LIMIT)
        with path.open("ab") as file:
            file.write(key.read_bytes())
    return path


def accepting() -> ssl.SSLContext:
    """Make the context of a client that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
