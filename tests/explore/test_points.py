"""Points of a trace: what is asked for, and how often it was before."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces import exchange, trace_of
from vaurien.explore.points import (
    Point,
    fold,
    points_of,
    sampled,
    slug_of,
    spread,
)
from vaurien.protocols.http import Http
from vaurien.protocols.postgresql import PostgreSQL
from vaurien.rules.matches import condition


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("/orders/17", "/orders/18234"),
        ("cart:6f9619ff-8b86-d011-b42d-00cf4fc964ff", "cart:00000000-0000-0000-0000-000000000001"),
        ("INSERT INTO t VALUES (1, 'it''s')", "INSERT INTO t VALUES (2.5, 'x')"),
        ("session/deadbeef0123", "session/0123456789abcdef"),
    ],
)
def test_what_differs_from_run_to_run_is_folded(text: str, other: str) -> None:
    assert fold(text) == fold(other) != text


@pytest.mark.parametrize("text", ["SET", "cart", "/orders", "facade", "select * from t"])
def test_other_texts_stay(text: str) -> None:
    assert fold(text) == text


@given(st.text(max_size=60))
def test_a_text_meets_what_it_is_folded_to(text: str) -> None:
    assert condition("label", fold(text)).accepts({"label": text})


def test_occurrences_are_counted_over_all_connections() -> None:
    points = points_of(
        trace_of(
            exchange(1, command="GET", key="a1"),
            exchange(1, connection=2, command="GET", key="a2", at=2.0),
            exchange(2, command="GET", key="b", at=3.0),
            connections=2,
        )
    )
    assert [point.id for point in points] == [
        "db/connect/1",
        "db/connect/2",
        "db/GET-aN/1",
        "db/GET-aN/2",
        "db/GET-b/1",
    ]
    assert str(points[3]) == "db: GET a2 #2"


def test_what_opens_a_connection_is_one_point() -> None:
    opening = [
        exchange(1, command="HELLO"),
        exchange(2, command="CLIENT", subcommand="SETINFO"),
        exchange(3, command="GET", key="a"),
        exchange(4, command="CLIENT", subcommand="ID"),
    ]
    titles = [point.title for point in points_of(trace_of(*opening))]
    assert titles == ["connect", "HELLO", "GET a", "CLIENT ID"]


def test_what_a_request_is_does_not_depend_on_its_connection() -> None:
    made = [
        exchange(n, method="GET", path="/", reused=reused) for n, reused in ((1, "no"), (2, "yes"))
    ]
    points = points_of(trace_of(*made, protocol=Http))[1:]
    assert [point.id for point in points] == ["db/GET/1", "db/GET/2"]


def test_points_with_the_same_title_are_told_apart() -> None:
    first, second = (
        exchange(number, method="GET", path="/", host=host)
        for number, host in ((1, "one"), (2, "another"))
    )
    slugs = [point.slug for point in points_of(trace_of(first, second, protocol=Http))[1:]]
    assert len(set(slugs)) == 2
    assert all(re.fullmatch(r"GET-[0-9a-f]{4}", slug) for slug in slugs)


def slug(sql: str) -> str:
    return slug_of({"sql": sql}, PostgreSQL)


def test_slugs_are_words_without_numbers() -> None:
    assert slug("INSERT INTO orders (a) VALUES (17)") == "INSERT-INTO-orders-a-VALUES-N"
    assert slug("tea-6f9619ff-8b86-d011-b42d-00cf4fc964ff") == "tea-N"
    assert slug("UPDATE t SET a = a - 1") == "UPDATE-t-SET-a-a-N"
    assert slug("\x1b[31m") == "Nm"
    assert slug("///") == "bytes"


def test_a_sample_has_the_first_the_second_and_the_last() -> None:
    points = points_of(trace_of(*(exchange(n, command="GET", key="a") for n in range(1, 7))))
    assert [point.occurrence for point in sampled(points)[1:]] == [0, 1, 5]


def test_as_json_and_back() -> None:
    (_, point) = points_of(trace_of(exchange(1, command="SET", key="a1")))
    assert Point.from_json(json.loads(json.dumps(asdict(point)))) == point


def test_of_too_many_there_are_some_of_each_kind() -> None:
    made = [exchange(n, command="SET", key=f"a{chr(n)}") for n in range(100, 200)]
    made.append(exchange(201, command="GET", key="last"))
    points = points_of(trace_of(*made))
    few = spread(points, 5)
    assert few == [points[0], *points[1:4], points[-1]]
    assert spread(points, 500) == points
