"""Which addresses a backend may have."""

from __future__ import annotations

import socket

import pytest

from vaurien.errors import AddressError
from vaurien.net.address import Address
from vaurien.net.permitted import Pattern, Permitted
from vaurien.net.system import Endpoint


def to(host: str, port: int = 80) -> Endpoint:
    if ":" in host:
        return int(socket.AF_INET6), (host, port, 0, 0)
    return int(socket.AF_INET), (host, port)


def permits(patterns: list[str], address: str, there: str) -> bool:
    wanted = Address.parse(address)
    endpoint = (int(socket.AF_UNIX), there) if wanted.path else to(there, wanted.port)
    permitted = Permitted(map(Pattern.parse, patterns))
    return not permitted.why_not(wanted, endpoint)


METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "::ffff:100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
]


@pytest.mark.parametrize("there", METADATA)
@pytest.mark.parametrize("patterns", [[], ["*"], ["metadata.example"], ["0.0.0.0/0", "::/0"]])
def test_metadata_is_refused_by_any_name(there: str, patterns: list[str]) -> None:
    assert not permits(patterns, "metadata.example:80", there)


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("169.254.169.254", "169.254.169.254"),
        ("169.254.0.0/16", "169.254.169.254"),
        ("169.254.169.0/24", "::ffff:169.254.169.254"),
        ("169.254.169.254:80", "169.254.169.254"),
        ("fe80::/10", "fe80::1"),
        ("[fe80::/64]:80", "fe80::1"),
        ("fd00:ec2::254", "fd00:ec2::254"),
        ("100.100.100.200", "100.100.100.200"),
    ],
)
def test_metadata_that_is_named_is_allowed(pattern: str, there: str) -> None:
    assert permits([pattern], "metadata.example:80", there)


@pytest.mark.parametrize(
    "there", ["127.0.0.1", "::1", "10.0.0.1", "192.0.2.1", "fd00::1", "0.0.0.0"]
)
def test_all_others_are_allowed_without_patterns(there: str) -> None:
    assert permits([], "backend:80", there)


@pytest.mark.parametrize(
    ("pattern", "address", "there", "allowed"),
    [
        ("redis", "redis:6379", "10.0.0.1", True),
        ("Redis", "rEDIS:6379", "10.0.0.1", True),
        ("redis", "redis2:6379", "10.0.0.1", False),
        ("redis:6379", "redis:6379", "10.0.0.1", True),
        ("redis:6379", "redis:6380", "10.0.0.1", False),
        ("*.internal", "redis.internal:6379", "10.0.0.1", True),
        ("*.internal", "internal:6379", "10.0.0.1", False),
        ("*.internal:443", "a.internal:80", "10.0.0.1", False),
        ("*", "whatever:1", "198.51.100.1", True),
        ("*:443", "whatever:443", "198.51.100.1", True),
        ("*:443", "whatever:80", "198.51.100.1", False),
        ("10.0.0.0/8", "redis:6379", "10.1.2.3", True),
        ("10.0.0.0/8", "redis:6379", "11.1.2.3", False),
        ("10.0.0.0/8:6379", "redis:6380", "10.1.2.3", False),
        ("10.0.0.1", "10.0.0.1:80", "10.0.0.1", True),
        ("10.0.0.1", "10.1:80", "10.0.0.1", True),
        ("::1", "[::1]:80", "::1", True),
        ("[::1]:80", "[::1]:80", "::1", True),
        ("[fd00::/8]:80", "redis:80", "fd00::1", True),
        ("[fd00::/8]:80", "redis:81", "fd00::1", False),
        ("127.0.0.0/8", "localhost:80", "127.0.0.1", True),
        ("localhost", "127.0.0.1:80", "127.0.0.1", False),
        ("unix:/run/*.sock", "unix:/run/a.sock", "/run/a.sock", True),
        ("unix:/run/a.sock", "unix:/run/b.sock", "/run/b.sock", False),
        ("unix:/run/*.sock", "unix:/run/../home/b.sock", "/run/../home/b.sock", False),
        ("unix:/run/*", "unix:/run/..", "/run/..", False),
        ("unix:../a.sock", "unix:../a.sock", "../a.sock", True),
        ("*", "unix:/run/b.sock", "/run/b.sock", False),
        ("unix:*", "redis:80", "10.0.0.1", False),
    ],
)
def test_only_what_a_pattern_allows_is_allowed(
    pattern: str, address: str, there: str, allowed: bool
) -> None:
    assert permits([pattern], address, there) is allowed
    assert permits(["198.51.100.9", pattern], address, there) is allowed


@pytest.mark.parametrize(
    ("patterns", "never"),
    [
        ([], False),
        (["redis"], False),
        (["10.0.0.0/8"], False),  # it may resolve to one of these
        (["other", "redis:80"], True),
        (["unix:*"], True),
    ],
)
def test_some_names_are_refused_before_they_are_resolved(patterns: list[str], never: bool) -> None:
    permitted = Permitted(map(Pattern.parse, patterns))
    address = Address("redis", 6379)
    assert bool(permitted.why_never(address)) is never
    if never:
        assert permitted.why_never(address) == "redis:6379 is in no --allow-backend"


def test_the_refusal_says_what_would_allow_it() -> None:
    why = Permitted().why_not(Address("metadata", 80), to("::ffff:169.254.169.254"))
    assert why == (
        "169.254.169.254 is a link-local address, which takes --allow-backend 169.254.169.254"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "a:b",
        "a:65536",
        "a:123456",
        "a b",
        "a/b",
        "10.0.0.0/33",
        "[::1",
        "[a]b",
        "unix:",
        "1::2::3",
    ],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(
        AddressError, match="is not a pattern of backends: it takes HOST, HOST:PORT"
    ):
        Pattern.parse(text)
