"""The labels of postgresql's requests."""

from __future__ import annotations

from acting import request
from vaurien.protocols.postgresql.statements import (
    PgRequest,
    request_labels,
    startup_labels,
    statement_labels,
)


def test_a_message_has_the_labels_of_its_request() -> None:
    labels = {"phase": "query"}
    message = request(b"x")._replace(labels={"error": "42P01"}, about=PgRequest(labels))
    assert request_labels(message) is labels
    assert request_labels(message._replace(about=None)) == {"error": "42P01"}


def test_labels_of_the_same_statement_are_made_once() -> None:
    assert statement_labels(b"SELECT 1", "simple") is statement_labels(b"SELECT 1", "simple")
    assert statement_labels(b"SELECT 1", "extended")["mode"] == "extended"


def test_a_startup_may_lack_anything() -> None:
    nobody = {"phase": "startup", "verb": "STARTUP", "user": "", "database": ""}
    assert startup_labels(b"") == nobody
    assert startup_labels(b"user") == nobody
    assert startup_labels(b"\xff\0\xfe\0\0") == nobody


def test_names_are_cut() -> None:
    labels = startup_labels(b"user\0" + b"u" * 3000 + b"\0database\0" + b"d" * 3000 + b"\0\0")
    assert (labels["user"], labels["database"]) == ("u" * 2000, "d" * 2000)
