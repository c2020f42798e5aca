"""JSON as Go writes it."""

from __future__ import annotations

import errno

import pytest

from vaurien.control.toxiproxy.answers import (
    Number,
    Refusal,
    answer,
    bind_error,
    not_found,
    shortest,
    to_json,
)
from vaurien.errors import ListenError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, True, None, "x"], "b": {}}, '{"a":[1,true,null,"x"],"b":{}}'),
        ("größe <&> \u2028\u2029 \x01", '"größe \\u003c\\u0026\\u003e \\u2028\\u2029 \\u0001"'),
        (Number(1.0), "1"),
        (Number(0.0), "0"),
        (Number(0.5), "0.5"),
        (Number(0.12345679), "0.12345679"),
        (Number(0.000001), "0.000001"),
        (Number(1e-7), "1e-7"),
        (Number(1.5e-9), "1.5e-9"),
        (Number(1e20), "100000000000000000000"),
    ],
)
def test_a_value(value: object, text: str) -> None:
    assert to_json(value) == text


@pytest.mark.parametrize("given", [0.1, 0.5, 1.0, 1e-9, 0.3, 1 / 3, 0.123456789])
def test_the_shortest_number_of_32_bits(given: float) -> None:
    short = shortest(given)
    assert shortest(short) == short
    assert short == pytest.approx(given, rel=1e-7)
    assert len(f"{short:g}") <= len(f"{given:.9g}")


def test_a_number_that_is_too_large() -> None:
    with pytest.raises(OverflowError):
        shortest(1e40)


def test_responses() -> None:
    assert answer({"a": 1}, 201).body == b'{"a":1}'
    assert not_found().status_code == 404
    refusal = Refusal(400, "bad request body", "EOF")
    assert refusal.response.body == b'{"error":"bad request body: EOF","status":400}\n'
    listed = Refusal(500, "x", listed={"proxies": None})
    assert listed.response.body == b'{"error":"x","status":500,"proxies":null}'


def test_errors_of_binding() -> None:
    taken = ListenError(errno.EADDRINUSE, "proxy 'a': cannot listen")
    taken.endpoint = "127.0.0.1:80"
    assert bind_error(taken) == "listen tcp 127.0.0.1:80: bind: address already in use"
    unknown = ListenError(-2, "proxy 'a': cannot listen on x:1: Name or service not known")
    unknown.reason = "cannot listen on x:1: Name or service not known"
    assert bind_error(unknown) == f"listen tcp: lookup: {unknown.reason}"
