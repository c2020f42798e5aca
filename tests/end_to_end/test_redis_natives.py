"""A real redis is driven to each error, and its words are those of the fault."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import RedisCluster

from end_to_end.proxies import StartProxy
from peers import Listening, connect, receive_until_fin, wait_until
from redis_talk import Client, command
from servers import free_port, redis_server, require, serving
from vaurien.net.address import Address
from vaurien.protocols.redis.fault_types import ErrorReply
from vaurien.protocols.redis.faults import CATALOGUE
from vaurien.protocols.redis.parser import Redis

FOREVER = ("EVAL", "while true do end", "0")
OURS, THEIRS = "a" * 40, "b" * 40
"""The names of two nodes of a cluster."""
THEIR_PORT = 7001
MINE, MOVING, ARRIVING, THEIRS_KEY, NOBODYS = "{b}", "{f}", "{d}", "{h}", "{a}"
"""Keys by the nodes that have their slots: 3300, 3168, 11298, 11694 and 15495."""

Drive = Callable[[Client], bytes]
SETTINGS = {
    "maxmemory": "0",
    "min-replicas-to-write": "0",
    "requirepass": "",
    "busy-reply-threshold": "5000",
    "maxclients": "10000",
    "replica-serve-stale-data": "yes",
}


# What is done to it.


def wrong_type(redis: Client) -> bytes:
    redis.does("SET key value")
    return redis.told("LPUSH key value")


def not_an_integer(redis: Client) -> bytes:
    redis.does("SET key value")
    return redis.told("INCR key")


def group_exists(redis: Client) -> bytes:
    redis.does("XGROUP CREATE stream group $ MKSTREAM")
    return redis.told("XGROUP CREATE stream group $")


def key_exists(redis: Client) -> bytes:
    redis.does("SET key value")
    return redis.told("RESTORE key 0 x")


def no_answer(redis: Client) -> bytes:
    redis.does("SET key value")
    with Listening() as silent:
        return redis.told(f"MIGRATE 127.0.0.1 {silent.address.port} key 0 10")


def memory_used_up(redis: Client) -> bytes:
    redis.does("CONFIG SET maxmemory 1")
    return redis.told("SET key value")


def no_replicas(redis: Client) -> bytes:
    redis.does("CONFIG SET min-replicas-to-write 1")
    return redis.told("SET key value")


def no_password(redis: Client) -> bytes:
    redis.does("CONFIG SET requirepass secret")
    with redis.another() as stranger:
        return stranger.told("GET key")


def forbidden(redis: Client) -> bytes:
    return as_nobody(redis, "GET key")


def key_forbidden(redis: Client) -> bytes:
    return as_nobody(redis, "TTL key")


def as_nobody(redis: Client, words: str) -> bytes:
    redis.does("ACL SETUSER nobody on nopass -@all +ttl")
    with redis.another() as stranger:
        stranger.does("AUTH nobody x")
        return stranger.told(words)


def a_replica(redis: Client) -> bytes:
    redis.does("REPLICAOF 127.0.0.1 1")
    return redis.told("SET key value")


def stale(redis: Client) -> bytes:
    redis.does("REPLICAOF 127.0.0.1 1", "CONFIG SET replica-serve-stale-data no")
    return redis.told("GET key")


def no_master(redis: Client) -> bytes:
    redis.does("REPLICAOF 127.0.0.1 1")
    with redis.another() as replica:
        return replica.told("PSYNC ? -1")


def waiting(redis: Client, *words: str) -> bytes:
    """What is told to somebody who waits, when this is done."""
    with redis.another() as waiter:
        number = waiter.told("CLIENT ID")[1:-2].decode()
        waiter.sock.sendall(command("BLPOP list 0"))
        blocked = b"blocked_clients:1\r\n"
        wait_until(lambda: blocked in redis.told("INFO clients"), "a client waits")
        redis.does(*(word.replace("ID", number) for word in words))
        return waiter.hear(b"\r\n")


def failover(redis: Client) -> bytes:
    return waiting(redis, "REPLICAOF 127.0.0.1 1")


def unblocked(redis: Client) -> bytes:
    return waiting(redis, "CLIENT UNBLOCK ID ERROR")


def busy(redis: Client, words: tuple[str, ...] = FOREVER, kill: str = "SCRIPT KILL") -> bytes:
    redis.does("CONFIG SET busy-reply-threshold 1")
    with redis.another() as looping:
        looping.sock.sendall(command(*words))
        wait_until(lambda: redis.told("GET key").startswith(b"-BUSY"), "redis is busy")
        told = redis.told("GET key")
        redis.does(kill)
        looping.hear(b"\r\n")
    return told


def busy_function(redis: Client) -> bytes:
    code = "#!lua name=l\nredis.register_function('f', function() while true do end end)"
    redis.told("FUNCTION", "LOAD", "REPLACE", code)
    return busy(redis, ("FCALL", "f", "0"), "FUNCTION KILL")


def full(redis: Client) -> bytes:
    redis.does("CONFIG SET maxclients 1")
    with connect(redis.address) as late:
        return receive_until_fin(late)


def garbled(redis: Client) -> bytes:
    with connect(redis.address) as sock:
        sock.sendall(b"*1\r\n$x\r\n")
        return receive_until_fin(sock)


def discarded(redis: Client) -> bytes:
    redis.does("MULTI")
    redis.told("NONSENSE")
    return redis.told("EXEC")


def watched(redis: Client) -> bytes:
    redis.does("SET key value", "WATCH key", "SET key other", "MULTI")
    return redis.told("EXEC")


DRIVEN: dict[str, tuple[str, Drive]] = {
    "WRONGTYPE": ("GET key", wrong_type),
    "not-an-integer": ("INCR key", not_an_integer),
    "BUSYGROUP": ("XGROUP CREATE stream group $", group_exists),
    "NOGROUP": (
        "XREADGROUP GROUP workers me STREAMS stream >",
        lambda redis: redis.told("XREADGROUP GROUP workers me STREAMS stream >"),
    ),
    "BUSYKEY": ("RESTORE key 0 x", key_exists),
    "IOERR": ("MIGRATE 127.0.0.1 1 key 0 10", no_answer),
    "NOSCRIPT": ("EVALSHA x 0", lambda redis: redis.told("EVALSHA x 0")),
    "NOTBUSY": ("SCRIPT KILL", lambda redis: redis.told("SCRIPT KILL")),
    "unknown-command": ("NONSENSE a bc", lambda redis: redis.told("nonsense a bc")),
    "EXECABORT": ("EXEC", discarded),
    "watch-failed": ("EXEC", watched),
    "miss": ("GET nothing", lambda redis: redis.told("GET nothing")),
    "OOM": ("SET key value", memory_used_up),
    "NOREPLICAS": ("SET key value", no_replicas),
    "NOAUTH": ("GET key", no_password),
    "WRONGPASS": ("AUTH me x", lambda redis: redis.told("AUTH me x")),
    "no-password": ("AUTH x", lambda redis: redis.told("AUTH x")),
    "NOPERM": ("GET key", forbidden),
    "no-key-permission": ("TTL key", key_forbidden),
    "NOPROTO": ("HELLO 9", lambda redis: redis.told("HELLO 9")),
    "READONLY": ("SET key value", a_replica),
    "MASTERDOWN": ("GET key", stale),
    "NOMASTERLINK": ("PSYNC ? -1", no_master),
    "UNBLOCKED": ("BLPOP list 0", failover),
    "client-unblocked": ("BLPOP list 0", unblocked),
    "BUSY": ("GET key", busy),
    "busy-function": ("GET key", busy_function),
    "max-clients": ("GET key", full),
    "protocol-error": ("GET key", garbled),
}
CLOSING = {fault.name for fault in CATALOGUE if isinstance(fault, ErrorReply) and fault.closes}


@pytest.fixture(scope="module")
def driven_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with redis_server(tmp_path_factory.mktemp("driven")) as address:
        yield address


@pytest.fixture
def driven(driven_address: Address) -> Iterator[Client]:
    """A redis to which anything may be done; afterwards it is as it was."""
    with Client(driven_address) as client:
        yield client
        client.does("REPLICAOF NO ONE")
        for name, value in SETTINGS.items():
            client.told("CONFIG", "SET", name, value)
        client.does("FLUSHALL")


@pytest.fixture
def injected(start_proxy: StartProxy, redis_address: Address) -> Callable[..., bytes]:
    """Gives what a fault tells to a command."""

    def inject(name: str, words: str, parameters: str = "") -> bytes:
        rule = f"error fault={name} command={words.split()[0]} {parameters}"
        proxy = start_proxy(redis_address, rule, protocol=Redis())
        with connect(proxy.address) as sock:
            sock.sendall(command("MULTI") * words.startswith("EXEC") + command(words))
            if name not in CLOSING:  # a command that nobody reads any more would make it a reset
                sock.sendall(command("QUIT"))
            return receive_until_fin(sock).removeprefix(b"+OK\r\n").removesuffix(b"+OK\r\n")

    return inject


@pytest.mark.parametrize("name", DRIVEN)
def test_the_words_are_those_of_redis(
    name: str, driven: Client, injected: Callable[..., bytes]
) -> None:
    said, drive = DRIVEN[name]
    assert injected(name, said) == drive(driven)


def test_nothing_is_there_in_resp3(driven: Client) -> None:
    driven.told("HELLO 3")
    assert driven.told("GET nothing") == driven.told("BLPOP nothing 0.001") == b"_\r\n"
    driven.does("SET key value", "WATCH key", "SET key other", "MULTI")
    assert driven.told("EXEC") == b"_\r\n"
    assert driven.told("HELLO 2").startswith(b"*")
    assert driven.told("BLPOP nothing 0.001") == b"*-1\r\n"


@pytest.mark.parametrize("name", ["LPOP", "RPOP", "SPOP", "SRANDMEMBER", "ZRANDMEMBER"])
def test_several_are_not_there(
    name: str, driven: Client, start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "error fault=miss", protocol=Redis())
    with Client(proxy.address) as client:
        for version in ("2", "3"):
            assert client.told("HELLO", version)[:1] == driven.told("HELLO", version)[:1]
            for words in (f"{name} none", f"{name} none 2"):
                assert client.told(words) == driven.told(words)
    driven.told("HELLO 2")


# What an error makes of a transaction.


@pytest.mark.parametrize("name", ["NOREPLICAS", "OOM"])
def test_exec_fails_like_that(name: str, driven: Client, injected: Callable[..., bytes]) -> None:
    driven.does("MULTI")
    driven.told("SET key value")
    setting = {"NOREPLICAS": "min-replicas-to-write", "OOM": "maxmemory"}[name]
    with driven.another() as other:
        other.told("CONFIG", "SET", setting, "1")
        assert injected(name, "EXEC", "access=~. grows=~.") == driven.told("EXEC")


# Servers that do not live long.


def words(port: int) -> list[str]:
    """How a redis is called."""
    return [require("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]


def test_a_script_that_has_written(tmp_path: Path, injected: Callable[..., bytes]) -> None:
    script = "redis.call('SET', 'key', 'value') while true do end"
    with redis_server(tmp_path) as address, Client(address) as redis, redis.another() as looping:
        redis.does("CONFIG SET busy-reply-threshold 1")
        looping.sock.sendall(command("EVAL", script, "0"))
        wait_until(lambda: redis.told("GET key").startswith(b"-BUSY"), "redis is busy")
        told = redis.told("SCRIPT KILL")
        redis.sock.sendall(command("SHUTDOWN NOSAVE"))
        assert receive_until_fin(redis.sock) == b""
    assert injected("UNKILLABLE", "SCRIPT KILL") == told


def test_a_snapshot_that_failed(tmp_path: Path, injected: Callable[..., bytes]) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    failed = b"rdb_last_bgsave_status:err"
    with redis_server(folder) as address, Client(address) as redis:
        shutil.rmtree(folder)
        redis.told("CONFIG", "SET", "save", "3600 1")
        redis.told("BGSAVE")
        wait_until(lambda: failed in redis.told("INFO persistence"), "the snapshot failed")
        assert injected("MISCONF", "SET key value") == redis.told("SET key value")
        redis.told("CONFIG", "SET", "save", "")  # otherwise it would not end without one


def test_a_file_that_is_full(tmp_path: Path, injected: Callable[..., bytes]) -> None:
    def start(port: int) -> list[str]:
        options = ["--dir", str(tmp_path), "--save", "", "--appendonly", "yes"]
        limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 100; exec "$@"', "sh"]
        return [*limited, *words(port), *options]

    failed = b"aof_last_write_status:err"
    with serving(start, tmp_path / "redis.log") as address, Client(address) as redis:
        redis.told("SET", "key", "x" * 100_000)
        wait_until(lambda: failed in redis.told("INFO persistence"), "the file is full")
        told = redis.told("SET key value")
    assert injected("aof-error", "SET key value") == told


def test_a_server_that_loads(tmp_path: Path, injected: Callable[..., bytes]) -> None:
    with redis_server(tmp_path) as address, Client(address) as redis:
        for number in range(200):
            redis.told("SET", f"key{number}", "x" * 100)
        redis.does("SAVE")

    def start(port: int) -> list[str]:
        slow = ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"]
        return [*words(port), "--dir", str(tmp_path), *slow]

    with serving(start, tmp_path / "redis.log") as address, Client(address) as redis:
        assert injected("LOADING", "GET key") == redis.told("GET key")


# A cluster of two nodes, of which one is not there.


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A node that has half of the slots; some are nobody's."""
    folder = tmp_path_factory.mktemp("cluster")

    def start(port: int) -> list[str]:
        bus = free_port()  # its own choice may be a port that the system gives to clients
        (folder / "nodes.conf").write_text(
            f"{OURS} 127.0.0.1:{port}@{bus} myself,master - 0 0 1 connected 0-8000\n"
            f"{THEIRS} 127.0.0.1:{THEIR_PORT}@17001 master - 0 0 2 connected 8001-15000\n"
            "vars currentEpoch 2 lastVoteEpoch 0\n"
        )
        options = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]
        options += ["--cluster-port", str(bus)]
        return [*words(port), "--dir", str(folder), "--save", "", *options]

    with serving(start, folder / "redis.log") as address:
        with Client(address) as redis:
            ok = b"cluster_state:ok"
            wait_until(lambda: ok in redis.told("CLUSTER INFO"), "the cluster is there")
        yield address


CLUSTER: dict[str, tuple[str, Callable[[Client], object]]] = {
    "MOVED": (f"GET {THEIRS_KEY}", lambda redis: None),
    "ASK": (
        f"GET {MOVING}",
        lambda redis: redis.does(f"CLUSTER SETSLOT 3168 MIGRATING {THEIRS}"),
    ),
    "TRYAGAIN": (
        f"MGET {ARRIVING} {ARRIVING}x",
        lambda redis: redis.does(f"CLUSTER SETSLOT 11298 IMPORTING {THEIRS}", "ASKING"),
    ),
    "CROSSSLOT": (f"MGET {MINE} {NOBODYS}", lambda redis: None),
    "slot-not-served": (f"GET {NOBODYS}", lambda redis: None),
    "cluster-read-only": (f"SET {MINE} value", lambda redis: go_down(redis, "yes")),
    "CLUSTERDOWN": (f"GET {MINE}", lambda redis: go_down(redis, "no")),
}


def go_down(redis: Client, reads: str) -> None:
    redis.does(f"CONFIG SET cluster-allow-reads-when-down {reads}")
    redis.does("CONFIG SET cluster-require-full-coverage yes", "CLUSTER SETSLOT 1 STABLE")
    down = b"cluster_state:fail"
    wait_until(lambda: down in redis.told("CLUSTER INFO"), "the cluster is down")


@pytest.mark.parametrize("fault", ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"])
def test_a_cluster_client_finds_its_way(
    fault: str, start_proxy: StartProxy, cluster: Address
) -> None:
    proxy = start_proxy(cluster, protocol=Redis())
    told = f"address={proxy.address}" if fault in ("MOVED", "ASK") else "command=SET"
    proxy.change(f"error fault={fault} key={MINE} times=1 {told}")
    with closing(
        RedisCluster(
            proxy.address.host,
            proxy.address.port,
            require_full_coverage=False,
            address_remap=lambda address: (proxy.address.host, proxy.address.port),
        )
    ) as client:
        assert client.set(MINE, fault)
        assert client.get(MINE) == fault.encode()
    assert [event.detail for event in proxy.fired] == [fault]


@pytest.mark.parametrize("name", CLUSTER)
def test_the_words_are_those_of_a_cluster(
    name: str, cluster: Address, injected: Callable[..., bytes]
) -> None:
    said, prepare = CLUSTER[name]
    parameters = f"address=127.0.0.1:{THEIR_PORT}" if name in ("MOVED", "ASK") else ""
    with Client(cluster) as redis:
        prepare(redis)
        assert injected(name, said, parameters) == redis.told(said)


def test_what_is_not_compared() -> None:
    elsewhere = {"UNKILLABLE", "MISCONF", "aof-error", "LOADING"}
    compared = {*DRIVEN, *CLUSTER, *elsewhere}
    left = {fault.name for fault in CATALOGUE} - compared
    assert left == {"DENIED", "invalidate", "error"}  # needs another host; the last is ours
