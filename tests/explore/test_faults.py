"""What can happen at a point."""

from __future__ import annotations

from traces import exchange, trace_of
from vaurien.explore.faults import injections_at
from vaurien.explore.points import Point, points_of
from vaurien.protocol import Protocol
from vaurien.protocols.http import Http
from vaurien.protocols.memcache import Memcache
from vaurien.protocols.mysql import MySQL
from vaurien.protocols.postgresql import PostgreSQL
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp import Smtp
from vaurien.protocols.tcp import Tcp


def point(protocol: type[Protocol], **labels: str) -> Point:
    return points_of(trace_of(exchange(1, labels=labels), protocol=protocol))[-1]


def names(protocol: type[Protocol], **labels: str) -> list[str]:
    return [each.name for each in injections_at(point(protocol, **labels), protocol)]


def test_errors_that_a_server_gives_to_such_a_request() -> None:
    write = names(Redis, command="SET", access="write", grows="yes", key="a")
    read = names(Redis, command="GET", access="read", grows="no", key="a")
    assert {"READONLY", "OOM", "LOADING"} <= set(write)
    assert not {"READONLY", "OOM"} & set(read)
    assert "EXECABORT" not in write


def test_losses_and_typical_errors_come_first() -> None:
    found = names(Http, method="POST", path="/", reused="no")
    assert found[:3] == ["reply-lost", "request-lost", "hang"]
    assert {"429", "503"} <= set(found[3:8])


def test_faults_of_language_models_are_tried_where_one_is_asked() -> None:
    asked = {"method": "POST", "path": "/v1/messages", "provider": "anthropic", "stream": "yes"}
    found = names(Http, **asked)
    assert {"overloaded", "no-terminator"} <= set(found)
    assert not {"overloaded", "no-terminator"} & set(names(Http, method="POST", path="/"))


def test_errors_that_show_what_a_client_knows() -> None:
    found = injections_at(point(Http, method="POST", path="/", reused="no"), Http)
    known = {each.name: each for each in found if each.typical}
    assert known["503-retry-after"].options == {"fault": "503", "retry_after": "1"}
    assert known["403"].fatal
    assert not known["503"].fatal
    write = injections_at(point(Redis, command="SADD", access="write", grows="yes"), Redis)
    assert {"READONLY", "OOM"} <= {each.name for each in write if each.typical}


def test_every_fault_that_shows_something_exists() -> None:
    for protocol in (Http, Memcache, MySQL, PostgreSQL, Redis, Smtp):
        for options in protocol.semantics.telling:
            assert protocol.faults.find(options["fault"]).name == options["fault"]


def test_what_gets_no_answer_can_only_be_lost() -> None:
    def unanswered(**labels: str) -> list[str]:
        made = trace_of(exchange(1, labels=labels, reached=False), protocol=Memcache)
        return [each.name for each in injections_at(points_of(made)[-1], Memcache)]

    assert unanswered(command="set") == ["request-lost", "reset"]
    assert unanswered(command="quit") == []


def test_phases_are_told_apart() -> None:
    startup = names(PostgreSQL, phase="startup", verb="STARTUP")
    query = names(PostgreSQL, phase="query", verb="SELECT", mode="simple", sql="select")
    assert "too_many_connections" in startup
    assert "too_many_connections" not in query
    assert "deadlock_detected" in query


def test_what_can_happen_to_bytes() -> None:
    assert names(Tcp) == ["reset", "hang"]


def test_a_connect_can_fail_and_be_greeted_with_an_error() -> None:
    (connect,) = points_of(trace_of(protocol=Smtp))
    found = injections_at(connect, Smtp)
    assert [each.name for each in found[:3]] == ["refused", "reset", "silence"]
    greetings = found[3:]
    assert greetings
    assert all(each.matches == {"phase": "greeting"} for each in greetings)
