"""memcache chooses between text and binary by the first byte of each direction."""

from __future__ import annotations

import pytest

from feeding import owing, parse_in_all_ways, stream_of
from memcache_server import NOOP, request, response
from vaurien.protocols.memcache.parser import Memcache
from vaurien.values.messages import Direction

GET = b"get a\r\n"
FULL = b"ERROR Too many open connections\r\n"


@pytest.mark.parametrize(("data", "form"), [(GET, "text"), (request(NOOP), "binary")])
def test_a_client_chooses_with_its_first_byte(data: bytes, form: str) -> None:
    (found,) = parse_in_all_ways(Memcache().requests, data)
    assert found.labels["form"] == form


@pytest.mark.parametrize("asked", [GET, request(NOOP)], ids=["text", "binary"])
@pytest.mark.parametrize(
    ("data", "result"), [(FULL, "ERROR"), (response(NOOP), "SUCCESS")], ids=["text", "binary"]
)
def test_a_server_answers_in_either_form(asked: bytes, data: bytes, result: str) -> None:
    (message,) = stream_of(Memcache().requests).feed(asked, 0.0)
    exchanges = owing(1, about=message.about)
    (found,) = parse_in_all_ways(Memcache().responses, data, Direction.TO_CLIENT, exchanges)
    assert (found.exchange, found.labels["result"]) == (1, result)
