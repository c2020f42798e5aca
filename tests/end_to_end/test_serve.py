"""Many proxies in front of real servers, changed while traffic flows."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest
from redis import Redis

from peers import PATIENCE, Scripted, connect, echo, receive
from servers import redis_benchmark, require
from serving import proxy_table, served
from vaurien.net.address import Address

RELOADS = 10
PLUGINS = "[behaviors.delay]\nsleep = 0.01\n[protocols.redis]\n"


def client(address: Address) -> Redis:
    return Redis(address.host, address.port, socket_timeout=PATIENCE)


def test_a_reload_while_traffic_flows_loses_nothing(redis_address: Address, tmp_path: Path) -> None:
    """One of three proxies changes; all three answer every command, on the same connections."""
    config = tmp_path / "v.toml"

    def write(number: int) -> None:
        rules = f'rules = [{{behavior = "delay", sleep = 0.00{number}, percent = 20}}]'
        tables = [
            proxy_table("one", redis_address, 'protocol = "redis"'),
            proxy_table("two", redis_address, 'protocol = "redis"', 'behavior = "5:delay"'),
            proxy_table("three", redis_address, 'protocol = "redis"', rules),
        ]
        config.write_text(f"seed = 1\n{PLUGINS}{''.join(tables)}")

    write(1)
    with served("--config", str(config), log=tmp_path / "log") as serving:
        over = threading.Event()
        counted: dict[str, int] = {}
        identities: dict[str, set[int]] = {"one": set(), "two": set(), "three": set()}

        def count(name: str) -> None:
            with client(serving.address(name)) as redis:
                wanted = 0
                while not over.is_set():
                    wanted += 1
                    assert redis.incr(f"reload:{name}") == wanted
                    identities[name].add(redis.client_id())
                counted[name] = wanted

        with client(redis_address) as redis:
            redis.delete(*(f"reload:{name}" for name in identities))
        threads = [threading.Thread(target=count, args=(name,)) for name in identities]
        for thread in threads:
            thread.start()
        for number in range(RELOADS):
            write(2 + number % 2)
            serving.reload()
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert counted.keys() == identities.keys()  # a thread that failed has counted nothing
        assert all(len(found) == 1 for found in identities.values())
        assert serving.log.count("State replaced: 3 proxies") == RELOADS
        assert "ERROR" not in serving.log
        assert serving.end() == 0


def test_what_changes_with_a_proxy(redis_address: Address, tmp_path: Path) -> None:
    """A moved listener keeps its connections, a removed proxy does not, the others do."""
    config = tmp_path / "v.toml"
    with Scripted(echo) as backend:
        first, second = backend.address, redis_address

        def write(*tables: str) -> None:
            config.write_text(PLUGINS + "".join(tables))

        write(*(proxy_table(name, first) for name in ("kept", "moved", "removed")))
        words = ["--config", str(config)]
        with served(*words, log=tmp_path / "log") as serving:
            names = ("kept", "moved", "removed")
            clients = {name: connect(serving.address(name)) for name in names}
            for peer in clients.values():
                peer.sendall(b"hello")
                assert receive(peer, 5) == b"hello"
            write(proxy_table("kept", first), proxy_table("moved", second))
            serving.reload()
            for name in ("kept", "moved"):
                clients[name].sendall(b"again")
                assert receive(clients[name], 5) == b"again"
            assert clients["removed"].recv(1) == b""
            assert client(serving.address("moved")).ping()
            config.write_text(f"reset-moved = true\n{PLUGINS}" + proxy_table("kept", second))
            serving.reload()
            with pytest.raises(ConnectionResetError):
                clients["kept"].recv(1)
            for peer in clients.values():
                peer.close()
            assert serving.end() == 0


def test_redis_and_the_web_at_once(
    redis_address: Address, nginx_address: Address, tmp_path: Path
) -> None:
    config = tmp_path / "v.toml"
    config.write_text(
        proxy_table("cache", redis_address, 'protocol = "redis"')
        + proxy_table("web", nginx_address, 'protocol = "http"', 'behavior = "100:error"')
    )
    with served("--config", str(config), log=tmp_path / "log") as serving:
        assert len(redis_benchmark(serving.address("cache"), "-n", "2000", "-t", "get,set")) == 2
        url = f"http://{serving.address('web')}/hello"
        words = [require("curl"), "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
        status = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False).stdout
        assert int(status) >= 400 or int(status) == 0
        assert serving.end() == 0
