"""TLS through the simulated system: handshakes in any chunks, with behaviors in between."""

from __future__ import annotations

import pytest

from scenario import Peer as Socket
from scenario import World
from tls_talk import NAME, Peer, client_context, server_context
from vaurien.protocols.tls.parser import Tls

VERSIONS = ["TLSv1.2", "TLSv1.3"]
SEEDS = range(5)


class Connection:
    """A client and a server of TLS, and a proxy between them."""

    def __init__(self, *rules: str, version: str = "", seed: int = 0) -> None:
        self.servers: dict[Socket, Peer] = {}
        self.version = version
        self.world = World(*rules, protocol=Tls(), on_data=self.serve, seed=seed)
        self.client = self.world.client()
        self.tls = Peer(client_context(version))
        self.taken = 0

    def serve(self, sock: Socket, data: bytes) -> None:
        server = self.servers.get(sock)
        if server is None:
            server = self.servers[sock] = Peer(server_context(self.version), server=True)
        server.take(data)
        sock.say(server.move())
        if server.received:
            sock.say(server.say(server.received.upper()))
            server.received = b""

    def talk(self) -> None:
        """Shake hands, ask, and hear the answer, as far as it comes."""
        asked = False
        for _ in range(10):
            self.client.say(self.tls.move())
            if self.tls.ready and not (asked or self.tls.error):
                asked = True
                self.client.say(self.tls.say(b"ping"))
            self.world.run(seconds=60)
            heard = bytes(self.client.heard)
            self.tls.take(heard[self.taken :])
            self.taken = len(heard)
        self.tls.move()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "rules",
    [
        (),
        ("dummy",),
        ("delay sleep=1",),
        ("latency delay=0.5 jitter=0.4",),
        ("slicer",),
        ("bandwidth rate=4000",),
        (
            f"delay sleep=2 sni={NAME} tls_version=TLSv1.3",
            "delay before=false after=0 negotiated=TLSv1.2",
        ),
        ("error fault=handshake_failure sni=other.example",),
        ("error fault=handshake_failure after=1",),
    ],
    ids=" ".join,
)
def test_a_handshake_passes(rules: tuple[str, ...], version: str, seed: int) -> None:
    connection = Connection(*rules, version=version, seed=seed)
    connection.talk()
    assert connection.tls.error is None
    assert connection.tls.received == b"PING"
    assert connection.world.proxy.gave_up == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("rule", "arrives"),
    [
        ("request-lost", False),
        ("reply-lost", False),
        ("reset scope=exchange", False),
        ("hang", False),
        ("partial-reply fraction=0.5 then=fin", True),
        ("error fault=handshake-resets at=server-hello", True),
    ],
)
def test_a_handshake_is_broken(rule: str, arrives: bool, version: str, seed: int) -> None:
    connection = Connection(rule, version=version, seed=seed)
    connection.talk()
    assert not connection.tls.ready
    assert bool(connection.client.heard) is arrives


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_follows_are_turns(version: str, seed: int) -> None:
    connection = Connection("delay sleep=0", version=version, seed=seed)
    connection.talk()
    exchanges = [exchange for _, exchange, _ in connection.world.fired]
    assert exchanges == sorted(exchanges)
    assert exchanges[0] == 1
    assert exchanges[-1] >= 2
