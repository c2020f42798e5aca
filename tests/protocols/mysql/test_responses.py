"""Where responses end, packet by packet; see ``test_parser`` for whole ones."""

from __future__ import annotations

import pytest

from vaurien.protocols.mysql.commands import ResponseKind
from vaurien.protocols.mysql.responses import ResponseReader, is_labelled, labels_of, skip_rows
from vaurien.protocols.mysql.wire import DEPRECATE_EOF, LONGEST, errno_of, error_packet, packet

ROW = packet(1, b"\x03abc")


@pytest.mark.parametrize(
    ("window", "end"),
    [
        (b"", 0),
        (ROW[:4], 0),
        (ROW, len(ROW)),
        (ROW[:5], len(ROW)),
        (ROW * 3, 3 * len(ROW)),
        (ROW + packet(2, b"\xfe\0\0\2\0"), len(ROW)),
        (ROW + error_packet(2, 1317, "70100", ""), len(ROW)),
        (ROW + b"\xff\xff\xff\x02\xfd", len(ROW)),
        (ROW + b"\xfe\xff\xff\x02\xfd", len(ROW) + 4 + LONGEST - 1),
    ],
)
def test_rows_pass_up_to_what_may_be_their_end(window: bytes, end: int) -> None:
    assert skip_rows(window, 0) == end


@pytest.mark.parametrize(
    ("flags", "payload", "more"),
    [
        (0, b"\0\0\0\x0a\0\0\0", True),
        (0, b"\0\0\0\x02\0\0\0", False),
        (0, b"\0\xfc\x0a\x0a\xfd\x0a\x0a\x0a\x02\0\0\0", False),
        (0, b"\0\xfc\x02\x02\xfe" + bytes(8) + b"\x0a\0\0\0", True),
        (DEPRECATE_EOF, b"\xfe\x05\0\x0a\0\0\0", True),
        (DEPRECATE_EOF, b"\xfe\x0a\0\x02\0\0\0", False),
        (0, b"\xfe\x0a\0\x02\0", False),
        (0, b"\0", False),
    ],
)
def test_flags_say_whether_another_result_follows(flags: int, payload: bytes, more: bool) -> None:
    response = ResponseReader(ResponseKind.RESULTS, flags)
    window = packet(1, payload)
    assert response.take(window) == len(window)
    assert response.taken is not more


def test_a_response_waits_for_as_much_of_a_packet_as_it_looks_at() -> None:
    response = ResponseReader(ResponseKind.SINGLE, 0)
    window = packet(1, b"x" * 1000)
    assert response.take(window[:35]) == 0
    assert response.take(window[:36]) == 1004
    assert response.taken


def test_a_packet_that_goes_on_is_not_taken_before_its_end() -> None:
    response = ResponseReader(ResponseKind.SINGLE, 0)
    assert response.take(b"\xff\xff\xff\x01" + bytes(32)) == LONGEST + 4
    assert response.over
    assert not response.taken
    assert response.take(packet(2, b"")) == 4
    assert response.taken


def test_an_error_is_known_from_its_first_bytes() -> None:
    refusal = error_packet(1, 1213, "40001", "Deadlock")
    assert not is_labelled(refusal[:6])
    assert is_labelled(refusal[:7])
    assert labels_of(refusal[:7]) == {"error": "1213"}
    assert errno_of(refusal[4:]) == "1213"
    assert is_labelled(packet(1, b""))
    assert is_labelled(packet(1, b"\xff"))
    assert labels_of(packet(1, b"\xff")) == {}


def test_progress_is_no_error() -> None:
    assert labels_of(packet(1, b"\xff\xff\xff\1\1\2\0\0\0\5stage")) == {}
    assert labels_of(error_packet(1, 1317, "70100", "")) == {"error": "1317"}
