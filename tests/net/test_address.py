"""Addresses as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.errors import AddressError
from vaurien.net.address import PATH_LIMIT, Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:8000", Address("localhost", 8000)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("google.com:65535", Address("google.com", 65535)),
        ("[::1]:80", Address("::1", 80)),
        ("[fe80::1%eth0]:80", Address("fe80::1%eth0", 80)),
        ("unix:/run/x.sock", Address("", 0, "/run/x.sock")),
        ("unix:relative:1", Address("", 0, "relative:1")),
        ("invalid://", Address.unusable("")),
        ("invalid://invalid:80", Address.unusable("invalid:80")),
        ("invalid:80", Address("invalid", 80)),
    ],
)
def test_an_address_is_read_and_written(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":80",
        "localhost",
        "localhost:",
        "localhost:http",
        "localhost:-1",
        "localhost:+1",
        "localhost: 80",
        "localhost:8 0",
        "localhost:٨٠",
        "localhost:80.0",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[localhost]:80",
        "[]:80",
        "unix:",
        "unix:/run/\0x",
        "local\0host:80",
    ],
)
def test_a_text_that_is_no_address(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.parse(text)
    assert str(caught.value) == (
        f"{text!r} is not an address: it takes HOST:PORT, [IPV6]:PORT or unix:/path"
    )


@pytest.mark.parametrize("port", ["65536", "100000", "9" * 5000])
def test_a_port_is_from_0_to_65535(port: str) -> None:
    with pytest.raises(AddressError, match="is not an address: it takes a port from 0 to 65535"):
        Address.parse(f"localhost:{port}")


def test_a_path_is_no_longer_than_the_system_takes() -> None:
    longest = f"unix:/{'x' * (PATH_LIMIT - 1)}"
    assert str(Address.parse(longest)) == longest
    with pytest.raises(
        AddressError, match=f"is not an address: it takes a path of at most {PATH_LIMIT} b"
    ):
        Address.parse(f"{longest}x")


characters = st.characters(exclude_characters=": ").filter(str.isprintable)
hosts = st.text(characters, min_size=1).filter(lambda host: not host.startswith(("unix", "[")))
addresses = st.one_of(
    st.builds(Address, hosts, st.integers(0, 65535)),
    st.builds(Address, st.ip_addresses(v=4).map(str), st.integers(0, 65535)),
    st.builds(Address, st.ip_addresses(v=6).map(str), st.integers(0, 65535)),
    st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=25).map(
        lambda path: Address("", 0, path)
    ),
)


@given(addresses)
def test_an_address_is_read_as_it_was_written(address: Address) -> None:
    assert Address.parse(str(address)) == address


@given(st.one_of(st.text(), st.from_regex(r"\[?[a-z0-9:.]*\]?:[0-9]*", fullmatch=True)))
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except AddressError:
        return
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [(":8000", "[::]:8000"), ("[::]:8000", "[::]:8000"), ("h:1", "h:1"), ("unix:/x", "unix:/x")],
)
def test_without_a_host_it_listens_everywhere(text: str, address: str) -> None:
    assert str(Address.parse_listen(text)) == address


def test_without_a_port_it_does_not_listen() -> None:
    for text in (":", ":x", "::1", ":1:2"):
        with pytest.raises(AddressError):
            Address.parse_listen(text)


def test_a_backend_has_a_port() -> None:
    assert Address.parse_backend("unix:/run/x.sock").path == "/run/x.sock"
    with pytest.raises(AddressError, match=r"'localhost:0' is not a backend: .*the port not 0"):
        Address.parse_backend("localhost:0")
