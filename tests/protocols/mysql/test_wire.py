"""Packets and length-encoded integers."""

from __future__ import annotations

import pytest

from vaurien.protocols.mysql.wire import errno_of, error_packet, integer_at, packet, size_of


def test_a_packet_has_a_size_and_a_sequence_id() -> None:
    assert packet(257, b"abc") == b"\3\0\0\1abc"
    assert size_of(packet(0, b"x" * 70_000)) == 70_000


@pytest.mark.parametrize(
    ("data", "value", "end"),
    [
        (b"", 0, 1),
        (b"\xfa", 0xFA, 1),
        (b"\xfc\x01\x02", 0x201, 3),
        (b"\xfd\x01\x02\x03", 0x30201, 4),
        (b"\xfe" + b"\1" * 8, 0x0101010101010101, 9),
    ],
)
def test_a_length_encoded_integer(data: bytes, value: int, end: int) -> None:
    assert integer_at(data, 0) == (value, end)
    assert integer_at(b"?" + data, 1) == (value, end + 1)


def test_an_error_packet_has_a_sqlstate_once_the_client_has_told_its_capabilities() -> None:
    told = error_packet(2, 1045, "28000", "Access denied")
    assert told == b"\x16\0\0\x02\xff\x15\x04#28000Access denied"
    assert error_packet(0, 1040, "", "Too many connections")[4:7] == b"\xff\x10\x04"
    assert len(error_packet(1, 1105, "HY000", "x" * 1000)) == 4 + 9 + 512
    assert errno_of(told[4:]) == "1045"
