"""Handshakes of clients with vaurien, on which rules act; in a simulated system."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from scenario import World, echo
from secured import Certified, Talk, certify, client_of, secure_backend
from vaurien.net.spec import Limits
from vaurien.net.tls.spec import Tls
from vaurien.values.events import Fired, Trouble

FAULT_LABELS = {"sni": "proxy", "alpn": "h2,http/1.1", "tls_version": "TLSv1.3"}
LIMITS = Limits(timeout=0, dial_timeout=5)
FOREVER = 3600.0


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certify(tmp_path_factory.mktemp("certified"))


@pytest.fixture
def terminate(certified: Certified, ca_folder: Path) -> Tls:
    del ca_folder
    return Tls(mode="terminate", cert=certified.cert)


def troubles(world: World) -> list[tuple[str, str]]:
    return [(each.what, each.detail) for each in world.events if isinstance(each, Trouble)]


def is_served(world: World, client: Talk) -> bool:
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5, seconds=FOREVER)
    return bytes(client.heard) == b"hello"


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_an_alert_takes_the_place_of_the_handshake(
    certified: Certified, terminate: Tls, size: int
) -> None:
    rule = "handshake fault=unrecognized_name sni=proxy alpn=~h2 times=1"
    world = World(rule, on_data=echo, tls=terminate)
    world.system.some_of = partial(min, size)  # type: ignore[method-assign] # no longer random
    client = client_of(world, certified, "h2", "http/1.1")
    world.run(lambda: client.peer.ended)
    assert client.peer.ended == "fin"
    assert client.failure is not None
    assert client.failure.reason == "TLSV1_UNRECOGNIZED_NAME"
    assert world.backends == []
    (fired,) = world.events
    assert isinstance(fired, Fired)
    assert (fired.detail, fired.labels) == ("unrecognized_name", FAULT_LABELS)
    assert dict(world.proxy.tally.injected) == {"unrecognized_name": 1}
    assert is_served(world, client_of(world, certified, "h2"))


@pytest.mark.parametrize("rule", ["sni=elsewhere", "alpn=h3", "tls_version=TLSv1.2", "percent=0"])
def test_others_are_served(certified: Certified, terminate: Tls, rule: str) -> None:
    world = World(f"handshake fault=handshake_failure {rule}", on_data=echo, tls=terminate)
    assert is_served(world, client_of(world, certified))
    assert world.events == []


@pytest.mark.parametrize("at", ["client-hello", "server-hello", "client-finished"])
@pytest.mark.parametrize("how", ["closes", "resets"])
@pytest.mark.parametrize("seed", range(3))
def test_it_ends_between_two_flights(
    certified: Certified, terminate: Tls, at: str, how: str, seed: int
) -> None:
    rule = f"handshake fault=handshake-{how} at={at}"
    world = World(rule, on_data=echo, tls=terminate, seed=seed)
    client = client_of(world, certified)
    client.say(b"hello")
    world.run(lambda: client.peer.ended)
    assert client.peer.ended == ("reset" if how == "resets" else "fin")
    assert client.done is (at == "client-finished") or at == "server-hello"
    assert client.heard == b""
    assert all(backend.heard == b"" for backend in world.backends)
    assert not world.proxy.connections


@pytest.mark.parametrize("at", ["client-hello", "server-hello", "client-finished"])
@pytest.mark.parametrize("seed", range(3))
def test_it_stalls_until_the_rule_is_lifted(
    certified: Certified, terminate: Tls, at: str, seed: int
) -> None:
    rule = f"handshake fault=handshake-stalls at={at}"
    world = World(rule, on_data=echo, tls=terminate, seed=seed, limits=LIMITS)
    client = client_of(world, certified)
    client.say(b"hello")
    world.run(lambda: client.peer.ended, seconds=FOREVER)
    assert (client.peer.ended, bytes(client.heard)) == ("", b"")
    world.apply()
    world.run(lambda: len(client.heard) == 5, seconds=FOREVER)
    assert bytes(client.heard) == b"hello"
    assert troubles(world) == []


@pytest.mark.parametrize("at", ["client-hello", "server-hello", "client-finished"])
def test_a_client_that_gives_up_is_not_kept(certified: Certified, terminate: Tls, at: str) -> None:
    world = World(f"handshake fault=handshake-stalls at={at}", on_data=echo, tls=terminate)
    client = client_of(world, certified)
    world.run(lambda: False, seconds=60)
    client.peer.reset()
    world.run(lambda: not world.proxy.connections, seconds=FOREVER)
    assert not world.proxy.connections


def test_a_client_that_accepts_a_flaw_is_served(certified: Certified, terminate: Tls) -> None:
    rules = "handshake fault=unknown-authority", "delay sleep=0 accepted=unknown-authority"
    world = World(*rules, on_data=echo, tls=terminate)
    careless = certified.client()
    careless.check_hostname, careless.verify_mode = False, careless.verify_mode.CERT_NONE
    assert is_served(world, Talk(world.client(), careless, "proxy"))
    assert troubles(world) == [("connection 1: accepted", "unknown-authority")]
    assert {event.behavior for event in world.events if isinstance(event, Fired)} == {
        "handshake",
        "delay",
    }
    client = client_of(world, certified)
    world.run(lambda: client.peer.ended)
    assert client.failure is not None
    assert client.failure.reason == "CERTIFICATE_VERIFY_FAILED"
    assert troubles(world)[1:] == [
        ("TLS with the client failed", "it sent the alert unknown ca"),
    ]


def test_the_backend_speaks_tls_too(certified: Certified, ca_folder: Path) -> None:
    del ca_folder
    talks, backend = secure_backend(certified.server("h2"), lambda talk, data: talk.say(data))
    tls = Tls(mode="both", ca=certified.ca, cert=certified.cert)
    world = World("handshake fault=bad-record times=1", on_data=backend, tls=tls)
    client = client_of(world, certified, "h2")
    client.say(b"hello")
    world.run(lambda: client.peer.ended)
    assert client.done
    assert client.failure is not None
    assert client.peer.ended == "fin"
    assert bytes(talks[0].heard) == b""
    assert is_served(world, client_of(world, certified, "h2"))


def test_an_end_without_close_notify(certified: Certified, terminate: Tls) -> None:
    world = World("handshake fault=no-close-notify", on_data=echo, tls=terminate)
    client = client_of(world, certified)
    assert is_served(world, client)
    world.backends[0].finish()
    world.run(lambda: client.peer.ended)
    assert (client.peer.ended, client.notified) == ("fin", False)
    client.finish()
    world.run(lambda: not world.proxy.connections)


def test_a_slow_client_has_as_long_as_without_rules(certified: Certified, terminate: Tls) -> None:
    world = World("handshake fault=weak-key", on_data=echo, tls=terminate, limits=LIMITS)
    client = client_of(world, certified)
    client.peer.on_data = None
    world.run(lambda: client.peer.ended, seconds=FOREVER)
    assert troubles(world) == [("TLS with the client failed", "no answer within 5 s")]
