"""Addresses as Go reads them; each error was seen from Toxiproxy 2.12."""

from __future__ import annotations

import pytest

from vaurien.config.go_addresses import GoError, parse_listen, parse_upstream
from vaurien.errors import AddressError
from vaurien.net.address import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "[::]:0"),
        (":0", "[::]:0"),
        (":80", "[::]:80"),
        ("0.0.0.0:80", "[::]:80"),
        ("[::]:80", "[::]:80"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        ("localhost:", "localhost:0"),
        ("localhost:http", "localhost:80"),
        ("localhost:+80", "localhost:80"),
    ],
)
def test_where_to_listen(text: str, address: str) -> None:
    assert str(parse_listen(text)) == address


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("foo", "address foo: missing port in address"),
        ("127.0.0.1", "address 127.0.0.1: missing port in address"),
        ("localhost:99999", "address 99999: invalid port"),
        (":-1", "address -1: invalid port"),
        ("localhost:http2", "lookup tcp/http2: unknown port"),
        ("::1:5", "address ::1:5: too many colons in address"),
        ("[::1", "address [::1: missing ']' in address"),
        ("a]:1", "address a]:1: unexpected ']' in address"),
        ("[::1]x:1", "address [::1]x:1: missing port in address"),
        (" localhost:0", "lookup  localhost: no such host"),
        ("unix:/tmp/x", "lookup tcp//tmp/x: unknown port"),
    ],
)
def test_what_is_no_address(text: str, error: str) -> None:
    with pytest.raises(GoError) as caught:
        parse_listen(text)
    assert str(caught.value) == error


def test_where_to_connect() -> None:
    assert str(parse_upstream(":6379")) == "localhost:6379"
    assert str(parse_upstream("db:postgresql")) == "db:5432"


@pytest.mark.parametrize(
    "text", ["", "foo", "http://localhost:80/x", "db:0", "db:", "db:99999", "invalid://foo", "8080"]
)
def test_what_nobody_can_connect_to(text: str) -> None:
    address = parse_upstream(text)
    assert not address.usable
    assert str(address) == f"invalid://{text}"
    assert Address.parse_backend(str(address)) == address


def test_what_cannot_be_shown() -> None:
    with pytest.raises(AddressError, match="printable"):
        parse_upstream("a\x1b")
