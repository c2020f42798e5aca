"""Labels of the handshake, on protocols with and without labels of their own."""

from __future__ import annotations

import pytest

from knowing import known
from vaurien.errors import OptionError
from vaurien.protocol import Protocol
from vaurien.rules.handshake import TLS_LABELS, inside_tls
from vaurien.rules.notation import make_rules


def protocol(name: str) -> type[Protocol]:
    return known().protocols.find(name).plugin


def made(name: str, entry: dict[str, object]) -> None:
    inside = inside_tls(protocol(name))  # type: ignore[arg-type]  # for mypy no class is hashable
    make_rules([{"behavior": "delay", **entry}], known().behaviors.find, inside)


def test_a_protocol_inside_tls_is_the_same_with_more_labels() -> None:
    inside = inside_tls(protocol("http"))  # type: ignore[arg-type]
    assert inside is inside_tls(protocol("http"))  # type: ignore[arg-type]
    assert inside.name == "http"
    assert issubclass(inside, protocol("http"))
    assert dict(inside.labels) == {**protocol("http").labels, **TLS_LABELS}


def test_labels_together_with_those_of_the_protocol() -> None:
    made("redis", {"command": "GET", "sni": "cache.example", "tls_version": "TLSv1.2"})
    made("http", {"path": "/", "alpn": "!~h2"})


def test_a_version_that_there_is_not() -> None:
    with pytest.raises(OptionError, match="no exchange has this tls_version"):
        made("http", {"tls_version": "1.3"})


def test_without_tls_they_are_refused() -> None:
    with pytest.raises(OptionError, match=r"sni='x' is known only on a proxy with the key tls"):
        make_rules([{"behavior": "delay", "sni": "x"}], known().behaviors.find, protocol("http"))
