"""The asynchronous client on sockets: connections, their reuse and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from client.playing import CUT, HOLD, LAST, LIMIT, OK, UNKNOWN, Player, chunk, events, playing
from vaurien import AsyncClient
from vaurien.client import ClientError, NotFoundError


def client_of(player: Player, *, timeout: float = LIMIT, token: str = "") -> AsyncClient:
    return AsyncClient(url=player.url, timeout=timeout, token=token)


async def seeds(client: AsyncClient) -> list[int]:
    """Ask twice, in a block."""
    async with client:
        return [await client.seed(), await client.seed()]


def test_each_request_has_its_connection() -> None:
    async def ask(client: AsyncClient) -> list[int]:
        return [await client.seed(), await client.seed()]

    with playing((OK, HOLD), (OK, HOLD)) as player:
        assert asyncio.run(ask(client_of(player))) == [7, 7]
    assert player.counts == [1, 1]


def test_a_client_may_be_used_in_several_loops() -> None:
    with playing((OK, OK, HOLD), (OK, OK, HOLD)) as player:
        client = client_of(player)
        assert asyncio.run(seeds(client)) == [7, 7]
        assert asyncio.run(seeds(client)) == [7, 7]
    assert player.counts == [2, 2]


def test_connections_are_kept_within_a_block() -> None:
    async def ask(player: Player) -> None:
        async with client_of(player) as client:
            assert [await client.seed(), await client.set_seed(7)] == [7, 7]
            with pytest.raises(NotFoundError, match="there is none"):
                await client.proxy("nope").read()
            assert await client.seed() == 7

    with playing((OK, OK, UNKNOWN, OK, HOLD), (OK,)) as player:
        asyncio.run(ask(player))
        assert player.counts == [4]


@pytest.mark.parametrize(
    ("script", "counts"),
    [
        ([(OK,), (OK, HOLD)], [1, 1]),
        ([(OK, CUT), (OK, HOLD)], [2, 1]),
        ([(LAST, HOLD), (OK, HOLD)], [1, 1]),
        ([(OK + b"more", HOLD), (OK, HOLD)], [1, 1]),
    ],
    ids=["ended", "ended meanwhile", "to be closed", "out of step"],
)
def test_a_connection_that_cannot_be_used_again(
    script: Sequence[tuple[bytes, ...]], counts: list[int]
) -> None:
    with playing(*script) as player:
        assert asyncio.run(seeds(client_of(player))) == [7, 7]
    assert player.counts == counts


def test_an_old_connection_is_not_used_again() -> None:
    async def ask(player: Player) -> None:
        async with client_of(player) as client:
            await client.seed()
            client._transport._kept[0].used_at -= 5
            await client.seed()

    with playing((OK, HOLD), (OK, HOLD)) as player:
        asyncio.run(ask(player))
    assert player.counts == [1, 1]


def test_a_request_that_may_have_had_an_effect_is_not_repeated() -> None:
    async def ask(player: Player) -> None:
        async with client_of(player) as client:
            await client.seed()
            with pytest.raises(ClientError, match="does not respond at http://127"):
                await client.reload()

    with playing((OK, CUT), (OK,)) as player:
        asyncio.run(ask(player))
    assert player.counts == [2]


def test_an_answer_that_does_not_come() -> None:
    with (
        playing((HOLD,)) as player,
        pytest.raises(ClientError, match=r"does not respond at http.*: timed out"),
    ):
        asyncio.run(client_of(player, timeout=0.05).seed())


def test_a_request_that_is_cancelled_leaves_no_connection() -> None:
    async def ask(player: Player) -> None:
        async with client_of(player) as client:
            await client.seed()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.seed()
            assert client._transport._kept == []

    with playing((OK, HOLD), (OK,)) as player:
        asyncio.run(ask(player))


def test_several_requests_at_once() -> None:
    async def ask(player: Player) -> list[int]:
        async with client_of(player) as client:
            return await asyncio.gather(*(client.seed() for _ in range(3)))

    with playing((OK,), (OK,), (OK,)) as player:
        assert asyncio.run(ask(player)) == [7, 7, 7]


def test_the_token_goes_along() -> None:
    with playing((OK, OK, HOLD)) as player:
        asyncio.run(seeds(client_of(player, token="secret")))
    assert all("Authorization: Bearer secret\r\n" in each for each in player.requests[0])


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "v.sock"
    with playing((OK,), path=path) as player:
        assert asyncio.run(client_of(player).seed()) == 7
    assert "Host: localhost\r\n" in player.requests[0][0]
    path.unlink()
    with pytest.raises(ClientError, match=f"does not respond at unix:{path}: "):
        asyncio.run(client_of(player).seed())


# Events.


async def ids(client: AsyncClient, count: int, *, timeout: float | None = None) -> list[str]:
    """The ids of so many events, or of all until their end."""
    found: list[str] = []
    async for event in client.events(after=0, timeout=timeout):
        found.append(event.id)
        if len(found) == count:
            break
    return found


def test_events_are_resumed_where_they_broke_off() -> None:
    half = events(3) + chunk(b"id: 4\ndata: {")
    with playing((events(1, 2),), (half,), (events(4), HOLD)) as player:
        assert asyncio.run(ids(client_of(player), 4)) == ["1", "2", "3", "4"]
    for (request,), last in zip(player.requests[1:], (2, 3), strict=True):
        assert f"Last-Event-ID: {last}\r\n" in request


def test_samples_end_after_a_while() -> None:
    async def count(client: AsyncClient) -> int:
        return len([sample async for sample in client.samples(timeout=0.05)])

    with playing((events(1, 2), HOLD)) as player:
        assert asyncio.run(count(client_of(player))) == 2


def test_events_end_after_a_while() -> None:
    with playing((events(1), HOLD)) as player:
        assert asyncio.run(ids(client_of(player), 9, timeout=0.05)) == ["1"]


def test_events_that_are_refused() -> None:
    with playing((UNKNOWN,)) as player, pytest.raises(NotFoundError, match="there is none"):
        asyncio.run(ids(client_of(player), 1))


def test_events_of_a_server_that_has_gone() -> None:
    with playing((events(1),), (CUT,)) as player, pytest.raises(ClientError, match="does not resp"):
        asyncio.run(ids(client_of(player), 9))


def test_events_that_do_not_begin() -> None:
    with playing((HOLD,)) as player, pytest.raises(ClientError, match="timed out"):
        asyncio.run(ids(client_of(player, timeout=0.05), 1))
