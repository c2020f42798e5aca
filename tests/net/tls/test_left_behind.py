"""What remains in memory of a connection that has ended: nothing, and without the collector."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from left import kept, without_collector
from scenario import Peer, World, echo
from secured import Certified, Talk, client_of, secure_backend
from vaurien.net.connection import Connection
from vaurien.net.end import End
from vaurien.net.link import Link
from vaurien.net.spec import Limits
from vaurien.net.tls.ahead import AheadEnd
from vaurien.net.tls.end import TlsEnd
from vaurien.net.tls.handshake import Handshake
from vaurien.net.tls.hello import HelloReader
from vaurien.net.tls.opening import Opening
from vaurien.net.tls.spec import MODES, Mode, Tls
from vaurien.net.tls.stream import TlsStream


@pytest.fixture
def uncollected() -> Iterator[None]:
    World.made.clear()  # what other tests have left
    with without_collector():
        yield


def answer(talk: Talk, data: bytes) -> None:
    talk.say(data)


OF_CONNECTIONS = (
    Connection,
    End,
    AheadEnd,
    TlsEnd,
    Link,
    TlsStream,
    Handshake,
    HelloReader,
    Opening,
)
ENDS: dict[str, Callable[[Peer], None]] = {
    "fin": lambda peer: peer.finish(),
    "reset": lambda peer: peer.reset(),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("talks", [True, False])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.usefixtures("uncollected")
def test_memory_is_free_at_once(certified: Certified, mode: Mode, talks: bool, end: str) -> None:
    tls = Tls(mode=mode, ca=certified.ca, cert=certified.cert)
    _, secure = secure_backend(certified.server(), answer)
    world = World(
        whole=True,
        on_data=echo if mode == "terminate" else secure,
        tls=tls,
        limits=Limits(timeout=0, dial_timeout=1),
    )
    peer = world.client() if mode == "originate" else client_of(world, certified).peer
    if talks:
        world.run(seconds=0.5)
    else:
        world.run(lambda: world.proxy.connections)
    assert Connection in kept(*OF_CONNECTIONS)
    ENDS[end](peer)
    world.run(lambda: world.proxy.closed)
    for backend in world.backends:
        if not backend.sock.closed:
            backend.close()
    world.run(seconds=100)
    assert len(world.proxy.closed) == 1
    world.proxy.closed.clear()
    assert kept(*OF_CONNECTIONS) == set()
