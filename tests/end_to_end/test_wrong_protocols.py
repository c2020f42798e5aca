"""A protocol that is not the one that is spoken: traffic passes all the same."""

from __future__ import annotations

import pytest

from end_to_end.proxies import RunningProxy
from peers import connect, receive
from vaurien import plugins, registry
from vaurien.net.address import Address
from vaurien.values.events import GaveUp

PING = b"*1\r\n$4\r\nPING\r\n"
GET = b"GET /hello HTTP/1.0\r\n\r\n"


def tolerant(backend: Address, name: str, *rules: str) -> RunningProxy:
    plugins.install()
    return RunningProxy(backend, *rules, protocol=registry.protocols.get(name)())


def forgive(proxy: RunningProxy) -> list[str]:
    """What parsers said as they gave up; that they did is no failure here.

    It comes after their clients are gone.
    """
    proxy.wait_for_connections(0)
    told = [event.text() for event in proxy.events if isinstance(event, GaveUp)]
    proxy.events[:] = [event for event in proxy.events if not isinstance(event, GaveUp)]
    return told


@pytest.mark.parametrize("rules", [(), ("error after=1000",)], ids=["quiet", "armed"])
@pytest.mark.parametrize("name", ["http", "mysql", "postgresql", "smtp", "memcache"])
def test_redis_is_no_such_thing(redis_address: Address, name: str, rules: tuple[str, ...]) -> None:
    with tolerant(redis_address, name, *rules) as proxy:
        with connect(proxy.address) as client:
            for _ in range(3):
                client.sendall(PING)
                assert receive(client, 7) == b"+PONG\r\n"
        told = forgive(proxy)
        assert len(told) <= 1  # memcache and smtp have lines of any kind
        for text in told:
            assert "\n" not in text
            assert f"cannot be parsed as {name}; the connection is passed on unparsed: " in text


@pytest.mark.parametrize("rules", [(), ("error after=1000",)], ids=["quiet", "armed"])
@pytest.mark.parametrize("name", ["redis", "mysql", "postgresql", "memcache"])
def test_a_web_server_is_no_such_thing(
    nginx_address: Address, name: str, rules: tuple[str, ...]
) -> None:
    with tolerant(nginx_address, name, *rules) as proxy:
        with connect(proxy.address) as client:
            client.sendall(GET)
            assert receive(client, 15).startswith(b"HTTP/1.1 200 OK")
        forgive(proxy)
