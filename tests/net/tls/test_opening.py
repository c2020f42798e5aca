"""How a connection gets its ends where there is TLS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from scenario import BACKEND, Peer, World, echo
from secured import Certified, Talk, certify, client_of, secure_backend
from vaurien.net.spec import Limits, ProxySpec
from vaurien.net.tls.spec import MODES, Mode, Tls
from vaurien.protocols.http.parser import Http
from vaurien.values.events import PluginFailed, Trouble

SENT = bytes(range(256)) * 80
LIMITS = Limits(timeout=0, dial_timeout=5)


def echo_securely(talk: Talk, data: bytes) -> None:
    talk.say(data)


def troubles(world: World) -> list[tuple[str, str]]:
    """What has happened, but to connections that were carrying data."""
    return [(each.what, each.detail) for each in world.events if isinstance(each, Trouble)]


@pytest.mark.parametrize("seed", range(8))
def test_clients_speak_tls_and_the_backend_does_not(certified: Certified, seed: int) -> None:
    world = World(seed=seed, on_data=echo, tls=Tls(mode="terminate", cert=certified.cert))
    client = client_of(world, certified)
    client.say(SENT)
    world.run(lambda: len(client.heard) == len(SENT))
    assert bytes(client.heard) == SENT
    assert bytes(world.backends[0].heard) == SENT
    client.finish()
    world.run(lambda: world.backends[0].ended)
    assert world.backends[0].ended == "fin"
    world.backends[0].finish()
    world.run(lambda: client.peer.ended)
    assert (client.peer.ended, client.notified) == ("fin", True)
    assert world.events == []


@pytest.mark.parametrize("seed", range(8))
def test_the_backend_speaks_tls_and_clients_do_not(certified: Certified, seed: int) -> None:
    talks, backend = secure_backend(certified.server(), echo_securely)
    world = World(seed=seed, on_data=backend, tls=Tls(mode="originate", ca=certified.ca))
    client = world.client()
    client.say(SENT)
    world.run(lambda: len(client.heard) == len(SENT))
    assert bytes(client.heard) == SENT
    client.finish()
    world.run(lambda: talks[0].notified)
    talks[0].finish()
    world.run(lambda: client.ended)
    assert client.ended == "fin"
    assert world.events == []


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 100, 1000, 100_000])
def test_both_speak_tls_however_it_is_cut(certified: Certified, size: int) -> None:
    talks, backend = secure_backend(certified.server("h2", "http/1.1"), echo_securely)
    world = World(on_data=backend, tls=Tls(mode="both", ca=certified.ca, cert=certified.cert))
    world.system.some_of = partial(min, size)  # type: ignore[method-assign] # no longer random
    client = client_of(world, certified, "http/1.1", "h2")
    client.say(SENT[:1000])
    world.run(lambda: len(client.heard) == 1000)
    assert bytes(client.heard) == SENT[:1000]
    assert talks[0].tls.selected_alpn_protocol() == client.tls.selected_alpn_protocol() == "h2"
    (connection,) = world.proxy.connections
    assert connection.decisions.facts == {"sni": "proxy", "alpn": "h2", "tls_version": "TLSv1.3"}


@pytest.mark.parametrize(
    ("offered", "agreed"), [("h2 http/1.1", "http/1.1"), ("h2", "h2"), ("", None)]
)
def test_a_protocol_is_spoken_that_is_understood(
    certified: Certified, offered: str, agreed: str | None
) -> None:
    talks, backend = secure_backend(certified.server("h2", "http/1.1"), echo_securely)
    tls = Tls(mode="both", ca=certified.ca, cert=certified.cert)
    world = World(on_data=backend, tls=tls, protocol=Http())
    client = client_of(world, certified, *offered.split())
    world.run(lambda: client.done)
    assert client.tls.selected_alpn_protocol() == agreed
    assert talks[0].tls.selected_alpn_protocol() == agreed


@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_what_passes_is_only_looked_at(certified: Certified, size: int) -> None:
    talks, backend = secure_backend(certified.server("h2"), echo_securely)
    world = World(on_data=backend, tls=Tls(mode="pass"))
    world.system.some_of = partial(min, size)  # type: ignore[method-assign] # no longer random
    client = client_of(world, certified, "h2", "http/1.1")
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5)
    (connection,) = world.proxy.connections
    assert connection.decisions.facts == {
        "sni": "proxy",
        "alpn": "h2,http/1.1",
        "tls_version": "TLSv1.3",
    }
    assert connection.client.stream is connection.client.sock
    assert talks[0].tls.selected_alpn_protocol() == "h2"


def test_what_is_no_tls_passes_too() -> None:
    world = World(on_data=echo, tls=Tls(mode="pass"))
    client = world.client()
    client.say(b"hello")
    world.run(lambda: len(client.heard) == 5)
    (connection,) = world.proxy.connections
    assert connection.decisions.facts == {}


def test_a_client_that_lets_the_backend_begin_is_waited_for_in_vain() -> None:
    world = World(tls=Tls(mode="pass"), limits=LIMITS)
    client = world.client()
    world.run(lambda: world.backends)
    assert world.system.time == LIMITS.dial_timeout
    world.backends[0].say(b"220 here\r\n")
    world.run(lambda: len(client.heard) == 10)
    assert bytes(client.heard) == b"220 here\r\n"


def test_a_client_that_does_not_speak_tls_is_refused(certified: Certified) -> None:
    world = World(tls=Tls(mode="terminate", cert=certified.cert))
    client = world.client()
    client.say(b"GET / HTTP/1.1\r\n\r\n")
    world.run(lambda: client.ended)
    assert client.ended == "fin"
    assert troubles(world) == [("TLS with the client failed", "it does not speak TLS")]
    assert world.backends == []


def test_a_client_that_only_looks_whether_somebody_listens_is_no_trouble(
    certified: Certified,
) -> None:
    world = World(tls=Tls(mode="terminate", cert=certified.cert))
    client = world.client()
    client.finish()
    world.run(lambda: client.ended)
    assert world.events == []


@pytest.mark.parametrize(("offered", "told"), [("h2 http/1.1", "http/1.1"), ("h2", "h2")])
def test_without_tls_a_backend_speaks_what_needs_no_name(
    certified: Certified, offered: str, told: str
) -> None:
    world = World(on_data=echo, tls=Tls(mode="terminate", cert=certified.cert))
    client = client_of(world, certified, *offered.split())
    world.run(lambda: client.done)
    assert client.tls.selected_alpn_protocol() == told


@pytest.mark.parametrize("asked", ["localhost", "backend"])
def test_who_asks_for_the_proxy_is_given_the_backend_by_its_own_name(
    certified: Certified, tmp_path: Path, asked: str
) -> None:
    behind = certify(tmp_path / "behind", "backend")
    _, backend = secure_backend(behind.server(), echo_securely)
    tls = Tls(mode="both", ca=behind.ca, cert=certified.cert)
    world = World(whole=True, on_data=backend, tls=tls)
    client = client_of(world, certified, name=asked)
    client.say(b"hello")
    world.run(lambda: client.heard)
    (connection,) = world.proxy.connections
    assert connection.decisions.facts["sni"] == asked


def test_who_does_not_trust_vaurien_is_told_of(certified: Certified, ca_folder: Path) -> None:
    world = World(whole=True, tls=Tls(mode="terminate"))
    client = client_of(world, certified)
    world.run(lambda: client.peer.ended)
    what = "TLS with the client failed"
    assert troubles(world) == [(what, "it sent the alert unknown ca; see vaurien ca")]


@pytest.mark.parametrize("mode", ["originate", "both"])
def test_a_backend_is_verified(certified: Certified, mode: Mode) -> None:
    _, backend = secure_backend(certified.server(), echo_securely)
    tls = Tls(mode=mode, ca=certified.ca, cert=certified.cert, server_name="other.example")
    world = World(whole=True, on_data=backend, tls=tls)
    client = client_of(world, certified) if mode == "both" else None
    peer = client.peer if client else world.client()
    peer.say(b"")
    world.run(lambda: peer.ended)
    (trouble,) = troubles(world)
    assert trouble[0] == "TLS with backend backend:80 failed"
    assert trouble[1].startswith("its certificate is not accepted: Hostname mismatch")
    if client:
        assert client.failure
        assert client.failure.reason == "TLSV1_ALERT_INTERNAL_ERROR"
    assert peer.ended == "fin"


def test_a_backend_without_a_name_is_not_spoken_to(certified: Certified) -> None:
    world = World(tls=Tls(mode="originate", ca=certified.ca))
    world.proxy.change_backend(replace(world.proxy.backend, host=""))
    world.proxy.dial = lambda connection, then: then(world.system.connect(BACKEND))  # type: ignore[method-assign]
    client = world.client()
    world.run(lambda: client.ended)
    (trouble,) = troubles(world)
    assert trouble[1] == "it has no name to be verified by: see server-name"


def test_an_alert_of_the_backend_is_the_clients(certified: Certified) -> None:
    context = certified.server()
    world = World(
        whole=True,
        on_data=secure_backend(context)[1],
        tls=Tls(mode="both", ca=certified.ca, cert=certified.cert, minimum="1.3"),
    )
    context.maximum_version = context.maximum_version.TLSv1_2
    client = client_of(world, certified)
    world.run(lambda: client.peer.ended)
    assert client.failure
    assert client.failure.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


# Every flight.

Act = Literal["fin", "reset", "stall"]
ACTS: dict[Act, Callable[[Peer], None]] = {
    "fin": lambda peer: peer.finish(),
    "reset": lambda peer: peer.world.reactor.call_soon(peer.reset),  # it handles an event now
    "stall": lambda peer: peer.read(wanted=False),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("flight", [0, 1, 2, 3])
@pytest.mark.parametrize("who", ["client", "backend"])
@pytest.mark.parametrize("mode", MODES)
def test_whoever_stops_in_a_handshake_leaves_nothing(
    certified: Certified, mode: Mode, who: str, flight: int, act: Act
) -> None:
    tls = Tls(mode=mode, ca=certified.ca, cert=certified.cert)
    heard = {"client": 0, "backend": 0}

    def stops(name: str, on_data: Callable[[Peer, bytes], None]) -> Callable[[Peer, bytes], None]:
        def hear(peer: Peer, data: bytes) -> None:
            heard[name] += 1
            if name == who and heard[name] > flight:
                ACTS[act](peer)
            elif not peer.sock.closed:
                on_data(peer, data)

        return hear

    secures_backend = mode in ("pass", "originate", "both")
    world = World(
        whole=True,
        on_data=echo if not secures_backend else None,
        tls=tls,
        limits=Limits(timeout=20, dial_timeout=5),
    )
    served: dict[Peer, Callable[[Peer, bytes], None]] = {}

    def on_backend(peer: Peer, data: bytes) -> None:
        if peer not in served:
            served[peer] = echo
            if secures_backend:
                talk = Talk(peer, certified.server(), answer=echo_securely)
                served[peer] = talk._on_data
            peer.on_data = stops("backend", served[peer])
            heard["backend"] = 0
            peer.on_data(peer, data)

    world.on_data = on_backend
    if mode == "originate":
        client = world.client(echo)
        client.say(b"hello")
        client.on_data = stops("client", lambda peer, data: None)
    else:
        talk = client_of(world, certified)
        client = talk.peer
        assert client.on_data
        client.on_data = stops("client", client.on_data)
        talk.say(b"hello")
        if flight == 0 and who == "client":
            ACTS[act](client)
    world.run(lambda: not world.proxy.connections and bool(world.proxy.closed), seconds=100)
    assert not world.proxy.connections
    assert len(troubles(world)) <= 1


@pytest.mark.parametrize("mode", ["terminate", "both"])
@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_clients_that_stop_leave_nothing(certified: Certified, mode: Mode, part: float) -> None:
    tls = Tls(mode=mode, ca=certified.ca, cert=certified.cert)
    _, backend = secure_backend(certified.server())
    world = World(whole=True, on_data=backend, tls=tls, limits=LIMITS)
    sockets = world.system.open_sockets
    whole = Talk(world.client(), certified.client(), "proxy")
    hello = bytes(whole.peer._saying)
    whole.peer.reset()
    for _ in range(100):
        world.client().say(hello[: int(len(hello) * part)])
    world.run(lambda: not world.proxy.connections and len(world.proxy.closed) == 101)
    assert world.system.time >= LIMITS.dial_timeout
    for peer in world.peers:
        if not peer.sock.closed:
            peer.close()
    world.reactor._end_batch()
    assert world.system.open_sockets == sockets
    assert not world.timers


def test_a_change_is_for_new_connections(certified: Certified) -> None:
    world = World(on_data=echo, tls=Tls(mode="terminate", cert=certified.cert))
    first = client_of(world, certified)
    first.say(b"hello")
    world.run(lambda: len(first.heard) == 5)
    spec = ProxySpec(
        listen=world.proxy.listen, backend=world.proxy.backend, protocol=world.protocol, tls=None
    )
    world.proxy.secure(spec)
    second = world.client()
    second.say(b"plain")
    first.say(b" again")
    world.run(lambda: len(second.heard) == 5 and len(first.heard) == 11)
    assert bytes(second.heard) == b"plain"
    assert bytes(first.heard) == b"hello again"


def test_a_failure_ends_its_connection_only(certified: Certified) -> None:
    world = World(on_data=echo, tls=Tls(mode="terminate", cert=certified.cert))
    opener = world.proxy._opener
    assert opener
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opener.credentials.certificates, "for_name", lambda *_, **__: 1 / 0)
        client = client_of(world, certified)
        world.run(lambda: client.peer.ended)
    (failed,) = world.events
    assert isinstance(failed, PluginFailed)
    assert "ZeroDivisionError" in failed.traceback
    other = client_of(world, certified)
    world.run(lambda: other.done)
    assert other.done
