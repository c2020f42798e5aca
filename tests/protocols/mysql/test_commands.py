"""Commands of MySQL, and what is remembered of requests."""

from __future__ import annotations

import pytest

from acting import request
from vaurien.protocols.mysql.commands import (
    COMMANDS,
    MySqlRequest,
    ResponseKind,
    is_login,
    sequence_after,
)
from vaurien.protocols.mysql.wire import LONGEST

RESULTS = MySqlRequest(ResponseKind.RESULTS)


@pytest.mark.parametrize(
    ("size", "about", "sequence"),
    [
        (9, RESULTS, 1),
        (9, MySqlRequest(ResponseKind.LOGIN, 1), 2),
        (4 + LONGEST, RESULTS, 2),
        (4 + LONGEST + 4, RESULTS, 2),
        (2 * (4 + LONGEST) + 9, RESULTS, 3),
        (9, None, 1),
        (9, MySqlRequest(ResponseKind.LOGIN, 255), 0),
    ],
)
def test_an_answer_is_numbered_after_the_last_packet_of_its_request(
    size: int, about: object, sequence: int
) -> None:
    last = request(b"x")._replace(about=about, offset=size - 1, begins=False)
    assert sequence_after(last) == sequence


def test_a_login_is_known_by_its_response() -> None:
    for kind in ResponseKind:
        message = request(b"x")._replace(about=MySqlRequest(kind))
        assert is_login(message) is (kind is ResponseKind.LOGIN)
    assert not is_login(request(b"x"))


def test_names_of_commands_are_unique() -> None:
    names = [command.name for command in COMMANDS.values()]
    assert len(set(names)) == len(names)
    unanswered = {command.name for command in COMMANDS.values() if not command.replies}
    assert unanswered == {"QUIT", "STMT_CLOSE", "STMT_SEND_LONG_DATA"}
