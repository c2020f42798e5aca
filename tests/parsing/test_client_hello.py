from __future__ import annotations

import random
import ssl
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.parsing.client_hello import (
    HELLO_LIMIT,
    RECORDS_LIMIT,
    ClientHello,
    Unread,
    join_records,
    read_client_hello,
)

RANDOM = bytes(range(32))
SESSION = b"\x07" * 32


def hello_of(
    name: str | None = "db.example.com",
    alpn: tuple[str, ...] = (),
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> bytes:
    """The ClientHello of the OpenSSL that Python has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version, context.maximum_version = lowest, highest
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def sized(data: bytes, size: int = 2) -> bytes:
    return len(data).to_bytes(size, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + sized(data)


def record(data: bytes, kind: int = 22) -> bytes:
    return bytes([kind, 3, 1]) + sized(data)


def message(*extensions: bytes, version: int = 0x0303, kind: int = 1) -> bytes:
    """A ClientHello, without its records."""
    body = version.to_bytes(2, "big") + RANDOM + sized(SESSION, 1) + sized(b"\x13\x01") + b"\1\0"
    if extensions:
        body += sized(b"".join(extensions))
    return bytes([kind]) + sized(body, 3)


def names(*entries: bytes) -> bytes:
    return extension(0, sized(b"".join(entries)))


def name(text: bytes, kind: int = 0) -> bytes:
    return bytes([kind]) + sized(text)


def read(data: bytes) -> ClientHello:
    hello = read_client_hello(data)
    assert isinstance(hello, ClientHello), hello
    return hello


# Real clients.


def test_what_a_client_offers() -> None:
    data = hello_of(alpn=("h2", "http/1.1"))
    hello = read(data)
    assert hello.sni == "db.example.com"
    assert hello.alpn == ("h2", "http/1.1")
    assert hello.versions == ("TLSv1.3", "TLSv1.2")
    assert hello.legacy_version == 0x0303
    assert len(hello.session_id) == 32
    assert hello.size == len(data)


def test_a_client_that_offers_little() -> None:
    hello = read(hello_of(name=None))
    assert (hello.sni, hello.alpn) == (None, ())


@pytest.mark.parametrize(
    ("lowest", "highest", "versions"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, ("TLSv1.2",)),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, ("TLSv1.3",)),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, ("TLSv1.3", "TLSv1.2")),
    ],
)
def test_versions(
    lowest: ssl.TLSVersion, highest: ssl.TLSVersion, versions: tuple[str, ...]
) -> None:
    assert read(hello_of(lowest=lowest, highest=highest)).versions == versions


# What a client may send.


def test_a_hello_without_extensions() -> None:
    hello = read(record(message(version=0x0301)))
    assert hello == ClientHello(None, (), ("TLSv1",), 0x0301, SESSION, len(record(message())))


def test_versions_that_have_no_name_are_left_out() -> None:
    offered = extension(43, sized(b"\x7f\x1c\x03\x03\x0a\x0a\x03\x04", 1))
    assert read(record(message(offered))).versions == ("TLSv1.3", "TLSv1.2")
    assert read(record(message(extension(43, sized(b"\x7f\x1c", 1))))).versions == ()


def test_a_higher_legacy_version_offers_none_that_only_an_extension_can() -> None:
    assert read(record(message(version=0x0304))).versions == ("TLSv1.2",)


def test_the_first_host_name_counts() -> None:
    entries = names(name(b"other", kind=9), name(b"a.example"), name(b"b.example"))
    assert read(record(message(entries))).sni == "a.example"


@pytest.mark.parametrize("text", [b"", b"a\0b", b"a b", b"a\n", "bücher.example".encode()])
def test_what_is_no_host_name(text: bytes) -> None:
    sni = read(record(message(names(name(text))))).sni
    assert not sni


def test_protocols_that_are_no_ascii_are_left_out() -> None:
    offered = extension(16, sized(sized(b"\x8a\x8a", 1) + sized(b"h2", 1) + sized(b"\n", 1)))
    assert read(record(message(offered))).alpn == ("h2",)


def test_extensions_that_are_empty() -> None:
    empty = [extension(kind, b"") for kind in (0, 16, 43)]
    assert read(record(message(*empty))).versions == ("TLSv1.2",)


# How it arrives.


def test_every_beginning_is_incomplete() -> None:
    data = hello_of()
    for end in range(len(data)):
        assert read_client_hello(data[:end]) is Unread.INCOMPLETE


def test_what_follows_is_not_of_it() -> None:
    data = hello_of()
    assert read(data + b"more").size == len(data)


@given(st.lists(st.integers(1, 300), min_size=1))
def test_it_may_be_cut_into_records(sizes: list[int]) -> None:
    whole = message(names(name(b"db.example.com")))
    data, rest = b"", whole
    for size in sizes:
        if rest:
            data, rest = data + record(rest[:size]), rest[size:]
    data += record(rest) if rest else b""
    hello = read(data)
    assert (hello.sni, hello.size) == ("db.example.com", len(data))
    for end in range(len(data)):
        assert read_client_hello(data[:end]) is Unread.INCOMPLETE


def test_a_large_hello_is_read_up_to_the_limit() -> None:
    padding = HELLO_LIMIT - len(record(message(extension(21, b""))))
    assert read(record(message(extension(21, bytes(padding))))).size == HELLO_LIMIT
    assert read_client_hello(record(message(extension(21, bytes(padding + 1))))) is Unread.NOT_TLS


# What is no ClientHello.


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\x80\x2e\x01\x00\x02",
        record(b"", kind=22),
        record(b"\2\x28", kind=21),
        record(message(kind=2)),
        b"\x16\x02\x00",
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x40\x00\x01\xff",
    ],
    ids=[
        "http", "ssh", "postgresql", "ssl-2", "empty-record", "alert", "server-hello", "version",
        "long-record", "long-message",
    ],
)  # fmt: skip
def test_what_is_no_hello_is_known_at_once(data: bytes) -> None:
    assert read_client_hello(data) is Unread.NOT_TLS
    assert read_client_hello(data + b"more") is Unread.NOT_TLS


@pytest.mark.parametrize(
    "data",
    [
        message(extension(0, b"\0")),
        message(extension(0, sized(b"\0\0\x05abc"))),
        message(extension(16, sized(b"\x05h2"))),
        message(extension(43, b"\x09\x03\x04")),
        message(b"\0\0\0"),
        b"\1\0\0\0",
        b"\1\0\0\2\3\3",
    ],
    ids=["sni", "sni-entry", "alpn", "versions", "extension", "empty", "short"],
)
def test_lengths_that_do_not_fit(data: bytes) -> None:
    assert read_client_hello(record(data)) is Unread.NOT_TLS


def test_records_of_another_kind_between_are_no_hello() -> None:
    whole = message()
    assert read_client_hello(record(whole[:20]) + record(b"\1\0", kind=21)) is Unread.NOT_TLS


def test_another_message_can_be_read_from_records() -> None:
    data = record(message(kind=2))
    assert join_records(data, kind=2) == (message()[4:], len(data))


# Whatever comes.


def mangled(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    bytes_ = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(bytes_))
        bytes_[place] = chance.choice([0, 255, bytes_[place] ^ 1, chance.randrange(256)])
    del bytes_[chance.randrange(len(bytes_)) if chance.random() < 0.2 else len(bytes_) :]
    return bytes(bytes_)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_failing(data: bytes) -> None:
    read_client_hello(data)
    read_client_hello(record(b"\1" + sized(data, 3)))


@given(st.data())
def test_any_extensions_are_read_without_failing(data: st.DataObject) -> None:
    found = data.draw(st.lists(st.tuples(st.sampled_from([0, 16, 43]), st.binary(max_size=20))))
    read_client_hello(record(message(*(extension(*each) for each in found))))


def test_damaged_hellos_are_read_without_failing() -> None:
    data = hello_of(alpn=("h2",))
    for seed in range(2000):
        hello = read_client_hello(mangled(data, seed))
        assert isinstance(hello, ClientHello | Unread)


def worst_cases() -> Iterator[tuple[str, bytes]]:
    """What takes most work to read."""
    small = b"\1\0\x20\0" + bytes(HELLO_LIMIT)
    yield "tiny-records", b"".join(record(small[n : n + 1]) for n in range(HELLO_LIMIT // 6))
    yield "many-extensions", record(message(*[extension(21, b"")] * 4000))
    yield "many-versions", record(message(extension(43, sized(b"\3\4" * 127, 1))))
    yield "many-protocols", record(message(extension(16, sized(b"\1a" * 8000))))
    yield "many-names", record(message(names(*[name(b"", kind=1)] * 5000)))
    yield "unending", b"\x16\x03\x01\x3f\x00" + bytes(1_000_000)


WORST = dict(worst_cases())


@pytest.mark.parametrize("data", WORST.values(), ids=WORST)
def test_work_and_memory_are_bounded(data: bytes) -> None:
    tracemalloc.start()
    begin = time.process_time()
    read_client_hello(data)
    took = time.process_time() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert took < 0.5


@pytest.mark.parametrize(
    ("records", "answer"),
    [(RECORDS_LIMIT - 1, Unread.INCOMPLETE), (RECORDS_LIMIT, Unread.NOT_TLS)],
)
def test_a_hello_that_is_cut_too_small_is_none(records: int, answer: Unread) -> None:
    cut = b"\1\0\4\0" + bytes(records - 4)  # a message of 1024 bytes
    assert read_client_hello(b"".join(record(bytes([byte])) for byte in cut)) is answer
