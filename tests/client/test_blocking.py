"""The blocking client on sockets: connections, their reuse and their end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from client.playing import CUT, HOLD, LAST, LIMIT, OK, UNKNOWN, Player, chunk, events, playing
from vaurien.client import Client, ClientError, NotFoundError


def client_of(player: Player, *, timeout: float = LIMIT, token: str = "") -> Client:
    return Client(url=player.url, timeout=timeout, token=token)


def test_each_request_has_its_connection() -> None:
    with playing((OK, HOLD), (OK, HOLD)) as player:
        client = client_of(player)
        assert [client.seed(), client.seed()] == [7, 7]
    assert player.counts == [1, 1]


def test_connections_are_kept_within_a_block() -> None:
    with playing((OK, OK, UNKNOWN, OK, HOLD), (OK,)) as player, client_of(player) as client:
        assert [client.seed(), client.set_seed(7)] == [7, 7]
        with pytest.raises(NotFoundError, match="there is none"):
            client.proxy("nope").read()
        assert client.seed() == 7
        assert player.counts == [4]


def test_a_handle_shares_the_connections_of_its_client() -> None:
    with playing((OK, OK, HOLD)) as player, client_of(player) as client:
        assert client.proxy("cache").read() == {"seed": 7}
        assert client.seed() == 7
        assert player.counts == [2]


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
    with playing(*script) as player, client_of(player) as client:
        assert [client.seed(), client.seed()] == [7, 7]
    assert player.counts == counts


def test_an_old_connection_is_not_used_again() -> None:
    with playing((OK, HOLD), (OK, HOLD)) as player, client_of(player) as client:
        client.seed()
        client._transport._kept[0].used_at -= 5
        client.seed()
    assert player.counts == [1, 1]


def test_a_forked_process_does_not_share_connections() -> None:
    with playing((OK, HOLD), (OK, HOLD)) as player, client_of(player) as client:
        client.seed()
        client._transport._process = -1
        client.seed()
    assert player.counts == [1, 1]


def test_a_request_that_may_have_had_an_effect_is_not_repeated() -> None:
    with playing((OK, CUT), (OK,)) as player, client_of(player) as client:
        client.seed()
        with pytest.raises(ClientError, match="does not respond at http://127"):
            client.reload()
    assert player.counts == [2]


def test_a_request_is_repeated_once() -> None:
    with playing((OK, CUT), (CUT,), (OK,)) as player, client_of(player) as client:
        client.seed()
        with pytest.raises(ClientError, match="closed before the whole response"):
            client.seed()
    assert player.counts == [2, 1]


def test_an_answer_that_does_not_come() -> None:
    with (
        playing((HOLD,)) as player,
        pytest.raises(ClientError, match=r"does not respond at http.*: timed out"),
    ):
        client_of(player, timeout=0.05).seed()


def test_the_token_goes_along() -> None:
    with playing((OK, OK, HOLD)) as player, client_of(player, token="secret") as client:
        client.seed()
        client.set_seed(7)
        assert all("Authorization: Bearer secret\r\n" in each for each in player.requests[0])


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "v.sock"
    with playing((OK,), path=path) as player:
        assert client_of(player).seed() == 7
    assert "Host: localhost\r\n" in player.requests[0][0]
    path.unlink()
    with pytest.raises(ClientError, match=f"does not respond at unix:{path}: "):
        client_of(player).seed()


# Events.


def test_events_are_resumed_where_they_broke_off() -> None:
    half = events(3) + chunk(b"id: 4\ndata: {")
    with playing((events(1, 2),), (half,), (events(4), HOLD)) as player:
        found = islice(client_of(player).events(after=0), 4)
        assert [event.id for event in found] == ["1", "2", "3", "4"]
    for (request,), last in zip(player.requests[1:], (2, 3), strict=True):
        assert f"Last-Event-ID: {last}\r\n" in request


def test_samples_go_on_where_they_broke_off() -> None:
    with playing((events(1),), (events(2), HOLD)) as player:
        assert len(list(islice(client_of(player).samples(proxy="cache"), 2))) == 2
    assert [request.split(" ")[1] for (request,) in player.requests] == ["/v1/live?proxy=cache"] * 2


def test_events_end_after_a_while() -> None:
    with playing((events(1), HOLD)) as player:
        assert [event.id for event in client_of(player).events(timeout=0.05)] == ["1"]


def test_events_that_are_refused() -> None:
    with playing((UNKNOWN,)) as player, pytest.raises(NotFoundError, match="there is none"):
        next(client_of(player).events())


def test_events_of_a_server_that_has_gone() -> None:
    with playing((events(1),)) as player:
        found = client_of(player).events()
        assert next(found).id == "1"
    with pytest.raises(ClientError, match="does not respond"):
        next(found)


def test_events_that_do_not_begin() -> None:
    with playing((HOLD,)) as player, pytest.raises(ClientError, match="timed out"):
        next(client_of(player, timeout=0.05).events())
