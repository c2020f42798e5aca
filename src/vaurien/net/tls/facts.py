"""What a handshake tells, as labels; what is not known has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...parsing.client_hello import ClientHello
from .stream import TlsStream


def offered(hello: ClientHello | None) -> Mapping[str, str]:
    """Return what a client offers, with the highest of its versions."""
    if hello is None:
        return {}
    return _known(hello.sni, ",".join(hello.alpn), next(iter(hello.versions), None))


def agreed(stream: TlsStream, sni: str | None) -> Mapping[str, str]:
    """Return what a handshake has agreed on."""
    return _known(sni, stream.openssl.selected_alpn_protocol(), stream.openssl.version())


def _known(sni: str | None, alpn: Sequence[str] | None, version: str | None) -> Mapping[str, str]:
    named = {"sni": sni, "alpn": alpn, "tls_version": version}
    return {label: str(text) for label, text in named.items() if text}
