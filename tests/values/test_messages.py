"""Messages are values."""

from __future__ import annotations

import pytest

from vaurien.values.messages import NO_LABELS, Direction, Ended, Message


def test_a_message_is_a_whole_request_that_nothing_is_known_of() -> None:
    message = Message(b"hello", Direction.TO_BACKEND, 1.5)
    assert (message.data, message.at, message.exchange) == (b"hello", 1.5, 0)
    assert message.to_backend
    assert message.begins
    assert message.ends
    assert message.expects_reply
    assert message.labels == {}
    assert not Message(b"hello", Direction.TO_CLIENT, 1.5).to_backend


def test_a_message_carries_other_bytes_and_is_the_same_otherwise() -> None:
    message = Message(
        b"hello",
        Direction.TO_CLIENT,
        1.5,
        {"status": "200"},
        exchange=7,
        begins=False,
        ends=False,
        expects_reply=False,
    )
    other = message.with_data(b"bye")
    assert other.data == b"bye"
    assert other._replace(data=b"hello") == message


def test_messages_and_their_labels_do_not_change() -> None:
    message = Message(b"hello", Direction.TO_BACKEND, 1.5)
    with pytest.raises(AttributeError):
        message.data = b"bye"  # type: ignore[misc] # that it is refused is the point
    with pytest.raises(TypeError):
        NO_LABELS["command"] = "GET"  # type: ignore[index] # likewise


def test_an_end_says_whose_words_are_over_and_how() -> None:
    ended = Ended(Direction.TO_CLIENT, 1.5, reset=True)
    assert (ended.direction, ended.at, ended.reset) == (Direction.TO_CLIENT, 1.5, True)
    with pytest.raises(AttributeError):
        ended.reset = False  # type: ignore[misc] # that it is refused is the point
