"""Extensions are removed from the reply to EHLO."""

from __future__ import annotations

from vaurien.protocols.smtp.wire import without_extension


def test_a_server_may_have_no_extension_left() -> None:
    assert without_extension(b"250-a\r\n250 SIZE 1\r\n", b"SIZE") == b"250 a\r\n"
    assert without_extension(b"250 size\r\n", b"SIZE") == b"250 size\r\n"
