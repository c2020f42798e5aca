"""How the faults of MySQL are played, by script."""

from __future__ import annotations

from dataclasses import replace

from acting import ARRIVAL, firing, request, response
from vaurien.behavior import Firing
from vaurien.fault import Fault, values_of
from vaurien.protocols.mysql.commands import MySqlRequest, ResponseKind
from vaurien.protocols.mysql.fault_types import ErrPacket, RefusedRequest
from vaurien.protocols.mysql.faults import CATALOGUE
from vaurien.protocols.mysql.parser import MySQL
from vaurien.protocols.mysql.wire import error_packet, packet
from vaurien.values.actions import Action, Close, Forward, Reply, Wait
from vaurien.values.messages import Message

QUERY = packet(0, b"\x03SELECT 1")
OK = packet(1, b"\0\0\0\2\0\0\0")
RESULTS = MySqlRequest(ResponseKind.RESULTS)
REFUSED = error_packet(1, 1317, "70100", "Query execution was interrupted")


def play(
    fault: Fault | str, message: Message, fired: Firing | None = None, /, **given: object
) -> list[Action]:
    found = CATALOGUE.find(fault) if isinstance(fault, str) else fault
    return list(found.play(message, fired or firing(), values_of(found, given)))


def asking(data: bytes = QUERY, about: object = RESULTS) -> Message:
    return request(data)._replace(about=about)


def answering(data: bytes = OK, about: object = RESULTS) -> Message:
    return response(data)._replace(about=about)


def test_a_refusal_answers_at_the_end_of_the_request() -> None:
    fired = firing()
    assert play("1317", asking()._replace(ends=False), fired) == []
    assert play("1317", asking()._replace(begins=False, ends=False), fired) == []
    last = asking(b"...")._replace(begins=False, offset=len(QUERY))
    assert play("1317", last, fired) == [Reply(REFUSED)]
    kept = fired.of_exchange(RefusedRequest)
    assert kept.first == asking()._replace(ends=False)
    assert kept.last == last
    assert play("1053", asking())[1:] == [Close()]


def test_a_refusal_takes_the_place_of_an_answer() -> None:
    assert play("1317", answering()) == [Forward(answering(REFUSED))]
    assert play("1317", answering()._replace(begins=False)) == []
    unfinished = answering()._replace(final=False)  # its peer would wait for more
    assert play("1317", unfinished)[1:] == [Close()]


def test_what_gets_no_answer_is_passed_on() -> None:
    for message in (
        asking(packet(0, b"\x01"))._replace(expects_reply=False),
        asking()._replace(expects_reply=False, continues=True),
    ):
        assert play("1213", message) == [Forward(message)]


def test_a_deadlock_has_the_backend_roll_back() -> None:
    for about, rollback in (
        (RESULTS, b"\x03ROLLBACK"),
        (RESULTS._replace(attributes=True), b"\x03\0\x01ROLLBACK"),
    ):
        fired = firing()
        passed = asking(packet(0, rollback), MySqlRequest(ResponseKind.SINGLE))
        assert play("1213", asking(about=about), fired) == [Forward(passed)]
        (told,) = play("1213", answering(about=MySqlRequest(ResponseKind.SINGLE)), fired)
        assert isinstance(told, Forward)
        assert told.message.data[3:13] == b"\x01\xff\xbd\x04#40001"


def test_a_refused_statement_forgets_its_long_data() -> None:
    fired = firing()
    execute = asking(packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0"))
    passed = asking(packet(0, b"\x1a\x07\0\0\0"), MySqlRequest(ResponseKind.SINGLE))
    assert play("1317", execute, fired) == [Forward(passed)]
    assert play("1317", answering(about=MySqlRequest(ResponseKind.SINGLE)), fired) == [
        Forward(answering(REFUSED, MySqlRequest(ResponseKind.SINGLE)))
    ]


def test_a_deadlock_leaves_no_older_statement_to_execute() -> None:
    fired = firing()
    single = MySqlRequest(ResponseKind.SINGLE)
    told = play("1213", asking(packet(0, b"\x16INSERT INTO t VALUES (2)")), fired)
    passed = [action.message for action in told if isinstance(action, Forward)]
    rollback, prepare = passed
    assert rollback == asking(packet(0, b"\x03ROLLBACK"), single)
    failing = packet(0, b"\x16vaurien injects an error")
    assert prepare == asking(failing, single)._replace(again=True)
    assert play("1213", answering(about=single), fired) == []
    (error,) = play("1213", answering(about=single), fired)
    assert isinstance(error, Forward)
    assert error.message.data[3:13] == b"\x01\xff\xbd\x04#40001"


def test_a_deadlock_of_a_statement_forgets_its_long_data() -> None:
    execute = asking(packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0"))
    told = play("1213", execute)
    passed = [action.message.data[4:] for action in told if isinstance(action, Forward)]
    assert passed == [b"\x03ROLLBACK", b"\x1a\x07\0\0\0"]


def test_mariadb_continues_after_it_has_refused_another_user() -> None:
    about = MySqlRequest(
        ResponseKind.LOGIN, mariadb=True, user="you", changes_user=True, resets=True
    )
    change = asking(packet(0, b"\x11you\0\0\0"), about)._replace(
        labels={"phase": "command", "command": "CHANGE_USER", "user": "you"}
    )
    fired = firing()
    (passed,) = play("1045", change, fired)
    assert isinstance(passed, Forward)
    assert passed.message.data == packet(0, b"\x1f")  # COM_RESET_CONNECTION
    (told,) = play("1045", answering(about=MySqlRequest(ResponseKind.SINGLE)), fired)
    assert isinstance(told, Forward)
    assert b"user 'you'@" in told.message.data
    assert play("1053", change)[1:] == [Close()]
    of_mysql = change._replace(about=about._replace(mariadb=False))
    assert play("1045", of_mysql)[1:] == [Close()]


def test_a_refused_login_ends() -> None:
    login = asking(packet(1, b"..."), MySqlRequest(ResponseKind.LOGIN, 1))._replace(
        labels={"user": "me"}
    )
    denied = "Access denied for user 'me'@'localhost' (using password: YES)"
    assert play("1045", login) == [Reply(error_packet(2, 1045, "28000", denied)), Close()]
    assert play("1213", login)[1:] == [Close()]


def test_a_refusal_in_place_of_the_greeting_has_no_sqlstate() -> None:
    for version, text in ((b"10.11-MariaDB", "mariadb-admin"), (b"8.4.0", "mysqladmin")):
        greeting = answering(packet(0, b"\n" + version), None)
        greeting = greeting._replace(labels={"phase": "greeting"})
        told, end = play("1129", greeting)
        assert isinstance(told, Forward)
        assert told.message.data[3:11] == b"\0\xff\x69\x04Host"
        assert text.encode() in told.message.data
        assert end == Close()


def test_each_server_has_its_words() -> None:
    fault = CATALOGUE.find("1290")
    assert isinstance(fault, ErrPacket)
    for mariadb, text in ((True, fault.of_mariadb), (False, fault.text)):
        (told,) = play(fault, asking(about=RESULTS._replace(mariadb=mariadb)))
        assert told == Reply(error_packet(1, 1290, "HY000", text))
    (told,) = play(fault, asking(about=RESULTS._replace(mariadb=True)), message="Mine")
    assert told == Reply(error_packet(1, 1290, "HY000", "Mine"))


def test_any_error_can_be_told() -> None:
    told = play("error", asking(), errno=1146, sqlstate="42S02", message="Gone")
    assert told == [Reply(error_packet(1, 1146, "42S02", "Gone"))]
    assert play("error", asking(), closes=True)[1:] == [Close()]
    for name, given in (("error", {"errno": 1146}), ("1146", {})):
        told = play(name, asking(), message="Gone", **given)
        assert told == [Reply(error_packet(1, 1146, "42S02", "Gone"))]
    told = play("4711", asking(), sqlstate="45000", message="Mine")
    assert told == [Reply(error_packet(1, 4711, "45000", "Mine"))]


def test_texts_are_filled_in() -> None:
    protocol = MySQL()
    protocol.user = "me"
    fired = firing(protocol=protocol)
    labels = {"verb": "SELECT", "sql": "SELECT '{user}'"}
    request = asking()._replace(labels=labels)
    (told,) = play("error", request, fired, message="{user} {verb} {sql} {x}")
    assert told == Reply(error_packet(1, 1105, "HY000", "me SELECT SELECT '{user}' {x}"))
    *_, farewell, _ = play("4031", answering(), fired, message="Bye, {user}")
    assert isinstance(farewell, Forward)
    assert farewell.message.data == error_packet(0, 4031, "HY000", "Bye, me")


def test_who_is_denied_hears_whether_there_was_a_password() -> None:
    for password, word in ((True, "YES"), (False, "NO")):
        login = asking(about=MySqlRequest(ResponseKind.LOGIN, password=password))._replace(
            labels={"user": "me"}
        )
        text = f"Access denied for user 'me'@'localhost' (using password: {word})"
        assert play("1045", login)[0] == Reply(error_packet(1, 1045, "28000", text))


def test_a_farewell_comes_unasked_after_the_response() -> None:
    assert play("4031", asking()) == [Forward(asking())]
    unfinished = answering()._replace(final=False)
    assert play("4031", unfinished) == [Forward(unfinished)]
    first, wait, farewell, end = play("4031", answering(), idle=2, message="Idle")
    assert first == Forward(answering()._replace(ends=False))
    assert wait == Wait(ARRIVAL + 2)
    assert isinstance(farewell, Forward)
    assert farewell.message.data == error_packet(0, 4031, "HY000", "Idle")
    assert (farewell.message.begins, farewell.message.offset) == (False, len(OK))
    assert end == Close()


def test_connections_are_lost_before_and_after_a_statement() -> None:
    for name in ("server-gone", "lost-connection", "malformed-packet"):
        assert play(name, asking()) == [Forward(asking())]
    assert play("server-gone", answering()) == [Forward(answering()), Close(reset=True)]
    unfinished = answering()._replace(ends=False)
    assert play("server-gone", unfinished) == [Forward(unfinished)]
    assert play("lost-connection", answering()) == [Close()]
    assert play("lost-connection", answering()._replace(begins=False)) == []


def test_broken_packets() -> None:
    assert play("malformed-packet", answering()) == [Forward(answering(OK[:7])), Close()]
    wrong = OK[:3] + bytes([101]) + OK[4:]
    assert play("malformed-packet", answering(), form="sequence") == [Forward(answering(wrong))]
    rest = answering()._replace(begins=False)
    assert play("malformed-packet", rest) == [Forward(rest)]


def test_parameters_are_those_of_the_form() -> None:
    fault = CATALOGUE.find("1213")
    assert isinstance(fault, ErrPacket)
    assert [option.name for option in fault.parameters] == ["message"]
    assert fault.parameters[0].default == fault.text
    assert (
        replace(fault, error=f"1 (HY000): {fault.text}", parameters=()).parameters
        == fault.parameters
    )
