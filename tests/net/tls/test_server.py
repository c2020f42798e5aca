"""Servers that faults play, against clients in memory."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scenario import World
from tls_talk import Peer, hello_of
from vaurien.authority.folder import authority
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.spec import ProxySpec
from vaurien.net.tls.server import TlsServer, prepare, tls_server
from vaurien.parsing.client_hello import ClientHello, read_client_hello
from vaurien.protocols.tls.parser import Tls
from vaurien.rules.plan import Plan


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAURIEN_CA_FOLDER", str(tmp_path))


def client(*alpn: str) -> Peer:
    context = ssl.create_default_context(cadata=authority().public_pem.decode())
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return Peer(context)


def shake_hands(asking: Peer, **wanted: object) -> TlsServer:
    first = asking.move()
    hello = read_client_hello(first)
    assert isinstance(hello, ClientHello)
    server = tls_server(hello, **wanted)  # type: ignore[arg-type]  # what it takes
    asking.take(server.feed(first))
    asking.take(server.feed(asking.move()))
    asking.move()
    return server


def test_a_good_certificate_is_accepted() -> None:
    asking = client("h2", "http/1.1")
    server = shake_hands(asking)
    assert asking.ready
    assert server.accepted
    assert not server.refused
    assert asking.tls.selected_alpn_protocol() == "h2"
    assert server.feed(b"more") == b""


def test_a_flawed_certificate_is_refused() -> None:
    prepare({"expired", ""})
    asking = client()
    server = shake_hands(asking, flaw="expired")
    assert "expired" in str(asking.error)
    assert not server.accepted
    assert "UNKNOWN" in server.refused or "EXPIRED" in server.refused


def test_a_certificate_may_be_demanded() -> None:
    asking = client()
    server = shake_hands(asking, demand=True)
    assert not server.accepted
    assert server.refused
    assert "CERTIFICATE_REQUIRED" in str(asking.error)


@pytest.mark.parametrize(
    "data", [b"x", b"\x16\x03\x01\x00\x05hello", hello_of() + b"\x17\3\3\0\1x"]
)
def test_whatever_comes_is_no_more_than_refused(data: bytes) -> None:
    hello = read_client_hello(hello_of())
    assert isinstance(hello, ClientHello)
    server = tls_server(hello)
    for place in range(0, len(data), 50):
        server.feed(data[place : place + 50])
    assert not server.accepted


@pytest.mark.parametrize("fault", ["wrong-host", "client-certificate-demanded"])
def test_a_proxy_with_such_a_rule_has_what_it_takes(fault: str, tmp_path: Path) -> None:
    world = World(f"error fault={fault}", protocol=Tls())
    proxies = Proxies(world.reactor, partial(Proxy, world.reactor))
    assert not list(tmp_path.iterdir())
    spec = ProxySpec(
        listen=Address("proxy", 8001),
        backend=Address("backend", 80),
        protocol=Tls(),
        plan=world.proxy.plan,
    )
    proxies.resolve([replace(spec, plan=Plan())])
    assert not list(tmp_path.iterdir())
    proxies.resolve([spec])
    assert (tmp_path / "ca.pem").exists()
