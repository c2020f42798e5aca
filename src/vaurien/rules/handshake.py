"""Labels of the TLS handshake of a connection, which all its exchanges have.

They are those of any protocol on a proxy with the key ``tls``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ..protocol import Protocol

VERSIONS = ("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1")
TLS_LABELS: Mapping[str, str] = {
    "sni": "name that the client asks for in the handshake",
    "alpn": "protocol that was agreed on in the handshake: http/1.1, h2",
    "tls_version": f"version of TLS: {', '.join(VERSIONS)}",
    "accepted": "fault of the behavior handshake that the client has accepted",
}
OFFERED = ("sni", "alpn", "tls_version")
"""Those of which the client's hello tells what it offers."""
WITHOUT_TLS = "is known only on a proxy with the key tls"


@cache
def inside_tls(protocol: type[Protocol], *, greeted: bool = False) -> type[Protocol]:
    """Return a protocol with the labels of the handshake, for rules to match.

    ``greeted``: clients shake hands with vaurien.
    """
    from .kinds import SOME, texts

    kind = {"sni": SOME, "alpn": SOME, "tls_version": texts(VERSIONS), "accepted": SOME}
    about = {
        "__doc__": protocol.__doc__,
        "has_tls": True,
        "greeted": greeted,
        "labels": {**protocol.labels, **TLS_LABELS, **protocol.labels},
        "kinds": classmethod(lambda _: [{**kind, **each} for each in protocol.kinds()]),
    }
    return type(protocol.__name__, (protocol,), about)
