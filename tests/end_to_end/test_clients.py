"""Both clients, with ``vaurien serve`` and traffic."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from live import echo
from peers import connect, receive, receive_until_reset
from serving import Served, served
from vaurien import AsyncClient, Client
from vaurien.client import ApiError, ConflictError, NotFoundError, ProxyHandle
from vaurien.net.address import Address

LISTEN = "127.0.0.1:0"
NAME = "shop/größe 1"


@pytest.fixture
def backend() -> Iterator[Address]:
    with echo() as address:
        yield address


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served("--host", "127.0.0.1", "--port", "0", log=tmp_path / "log") as running:
        yield running


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with Client(url=f"http://{server.http}") as made:
        yield made


@pytest.fixture
def proxy(client: Client, backend: Address) -> ProxyHandle:
    return client.create(NAME, backend=str(backend), listen=LISTEN)


def where(proxy: ProxyHandle) -> Address:
    return Address(*proxy.address())


def does_not_listen(address: Address) -> bool:
    with pytest.raises(ConnectionRefusedError):
        connect(address)
    return True


def ask(proxy: ProxyHandle) -> bytes:
    with connect(where(proxy)) as sock:
        sock.sendall(b"hello")
        return receive(sock, 5)


def test_a_proxy_is_created_changed_and_removed(client: Client, proxy: ProxyHandle) -> None:
    assert ask(proxy) == b"hello"
    assert [each.name for each in client.proxies()] == [NAME]
    assert proxy.change(timeout=3)["timeout"] == 3
    assert proxy.change(timeout=None)["timeout"] == 0
    address = where(proxy)
    proxy.delete()
    assert does_not_listen(address)
    with pytest.raises(NotFoundError, match="größe"):
        proxy.read()


def test_what_a_proxy_is_it_can_be_made_of(client: Client, proxy: ProxyHandle) -> None:
    proxy.add_rule("delay", sleep=0)
    before = proxy.read()
    after = proxy.replace(before)
    assert {**after, "status": None} == {**before, "status": None}


def test_a_rule_for_the_duration_of_a_block(proxy: ProxyHandle) -> None:
    proxy.add_rule("dummy", name="first")
    with proxy.rule("delay", sleep=0, name="slow") as rule:
        assert ask(proxy) == b"hello"
        assert [each.name for each in proxy.rules()] == ["first", "slow"]
        assert proxy.get_rule(rule.name).fired == 1
        proxy.update_rule("slow", sleep=0.001)
        assert proxy.get_rule("slow").fired == 1
        assert proxy.pause_rule("slow").state == "paused"
        ask(proxy)
        assert proxy.get_rule("slow").fired == 1
        assert proxy.resume_rule("slow").state == "on"
    assert [each.name for each in proxy.rules()] == ["first"]


def test_blocks_may_be_nested(proxy: ProxyHandle) -> None:
    with proxy.rule("delay", sleep=0), proxy.rule("delay", sleep=0):
        assert len({rule.name for rule in proxy.rules()}) == 2
    assert proxy.rules() == []


def test_a_reset_within_a_block(client: Client, proxy: ProxyHandle) -> None:
    with proxy.rule("hang"):
        client.reset()
        assert proxy.rules() == []
        assert ask(proxy) == b"hello"


def test_a_proxy_that_is_down(proxy: ProxyHandle) -> None:
    address = where(proxy)
    with connect(address) as sock:
        sock.sendall(b"hello")
        receive(sock, 5)
        with proxy.down():
            assert receive_until_reset(sock) == b""
            assert does_not_listen(address)
    assert ask(proxy) == b"hello"


def test_a_profile_and_a_recipe_for_the_duration_of_a_block(proxy: ProxyHandle) -> None:
    with proxy.profile("3g"):
        before = proxy.rules()
        assert before
        with proxy.profile("satellite-geo"):
            assert proxy.rules() != before
        assert proxy.rules() == before
    assert proxy.rules() == []
    with proxy.recipe("flapping-link"):
        assert proxy.rules()
        with pytest.raises(ConflictError), proxy.recipe("flapping-link"):
            pytest.fail("the block ran")
        assert proxy.rules()
    assert proxy.rules() == []


def test_all_that_is_wrong_is_told(client: Client, backend: Address) -> None:
    with pytest.raises(ApiError) as caught:
        client.create(
            "x",
            backend=str(backend),
            listen="nowhere",
            rules=[{"behavior": "delay", "sleep": -1}, {"behaviour": "delay"}],
        )
    assert caught.value.status == 422
    pointers = {each["pointer"] for each in caught.value.errors}
    assert pointers >= {"#/listen", "#/rules/0/sleep"}
    assert "sleep" in str(caught.value)
    assert client.proxies() == []


def test_two_writers(client: Client, proxy: ProxyHandle) -> None:
    seen = proxy.read()
    proxy.change(timeout=1)
    with pytest.raises(ConflictError):
        proxy.change(timeout=2, if_generation=seen.generation)
    assert proxy.change(timeout=2, if_generation=proxy.read().generation)["timeout"] == 2
    with pytest.raises(ConflictError):
        client.create(NAME, backend="localhost:1")


def test_all_of_it_as_a_value(client: Client, proxy: ProxyHandle) -> None:
    proxy.add_rule("delay", sleep=0)
    state = client.export()
    assert client.apply(state) == []
    proxy.set_rules([])
    changes = client.apply(state, dry_run=True)
    assert [change["proxy"] for change in changes] == [NAME] * len(changes)
    assert proxy.rules() == []
    assert client.apply(state) == changes
    assert len(proxy.rules()) == 1
    client.apply({"seed": 8, "proxies": []})
    assert (client.proxies(), client.seed()) == ([], 8)


def test_several_changes_at_once(client: Client, proxy: ProxyHandle, backend: Address) -> None:
    good = {
        "method": "POST",
        "path": "proxies",
        "body": {"name": "db", "backend": str(backend), "listen": LISTEN},
    }
    bad = {"method": "DELETE", "path": "proxies/nope"}
    with pytest.raises(ApiError):
        client.change_all([good, bad])
    assert [each.name for each in client.proxies()] == [NAME]
    assert [result["status"] for result in client.change_all([good])] == [201]
    assert [each.name for each in client.proxies()] == [NAME, "db"]


def test_connections(client: Client, proxy: ProxyHandle) -> None:
    with connect(where(proxy)) as one, connect(where(proxy)) as other:
        for sock in (one, other):
            sock.sendall(b"hello")
            receive(sock, 5)
        first, _ = client.connections()
        assert proxy.connections()[0]["client"] == first["client"]
        assert (first["proxy"], first["bytes"]) == (NAME, {"to_backend": 5, "to_client": 5})
        identifier = first["id"]
        assert isinstance(identifier, int)
        assert proxy.kill(identifier) == 1
        assert receive_until_reset(one) == b""
        assert client.kill(how="close") == 1
        assert other.recv(1) == b""
    with pytest.raises(NotFoundError):
        proxy.kill(identifier)


def test_events_and_the_journal(client: Client, proxy: ProxyHandle) -> None:
    proxy.add_rule("delay", sleep=0, name="slow")
    ask(proxy)
    (entry,) = client.journal(rule="slow")
    events = client.events(after=0, type="fired")
    event = next(events)
    assert (event.type, event.data["rule"], event.id) == ("fired", "slow", str(entry["id"]))
    asking = threading.Thread(target=ask, args=(proxy,))
    asking.start()
    assert int(next(events).id) > int(event.id)
    asking.join()
    assert list(client.events(after=event.id, type="fired", timeout=0.1))
    assert client.journal(rule="other") == []


def test_the_seed(client: Client) -> None:
    assert client.set_seed(12) == 12
    assert client.seed() == 12


def test_reloading_needs_a_file(client: Client) -> None:
    with pytest.raises(ConflictError):
        client.reload()


def test_what_there_is(client: Client) -> None:
    for kind in ("protocols", "behaviors", "faults", "recipes", "profiles"):
        assert client.catalogue(kind)
    assert "delay" in str(client.catalogue("behaviors", "latency"))
    with pytest.raises(NotFoundError):
        client.catalogue("behaviors", "nope")


def test_the_methods_of_old_work_beside_the_new_ones(client: Client, proxy: ProxyHandle) -> None:
    with client.with_behavior("delay", sleep=0):
        assert [rule.behavior for rule in proxy.rules()] == ["delay"]
    assert proxy.rules() == []


def test_the_asynchronous_client(server: Served, backend: Address) -> None:
    async def fire(proxy: Address) -> None:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> None:
        async with AsyncClient(url=f"http://{server.http}") as client:
            proxy = await client.create(NAME, backend=str(backend), listen=LISTEN)
            address = Address(*await proxy.address())
            events = client.events(type="fired", after=0)
            async with proxy.rule("delay", sleep=0, name="slow"):
                await asyncio.gather(*(fire(address) for _ in range(3)))
                assert [(await anext(events)).data["rule"] for _ in range(3)] == ["slow"] * 3
                assert (await proxy.get_rule("slow")).fired == 3
            assert await proxy.rules() == []
            async with proxy.down():
                assert does_not_listen(address)
            await fire(address)
            await proxy.delete()
            with pytest.raises(NotFoundError):
                await proxy.read()

    asyncio.run(run())
