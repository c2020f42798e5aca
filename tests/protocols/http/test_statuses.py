"""The table of status codes, compared with the standard library's."""

from __future__ import annotations

from http import HTTPStatus

from vaurien.protocols.http.statuses import REGISTERED, STATUSES, UNREGISTERED

NEWER = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    418: "I'm a teapot",
    422: "Unprocessable Content",
}
"""Phrases that Python up to 3.12 has in older wording, and one that it spells differently."""
UNKNOWN_TO_PYTHON = {306}


def test_every_registered_status_is_there() -> None:
    known = {status.value for status in HTTPStatus if status >= 300}
    assert set(REGISTERED) == known | UNKNOWN_TO_PYTHON


def test_the_phrases_are_those_of_the_registry() -> None:
    for status in set(REGISTERED) - UNKNOWN_TO_PYTHON:
        assert REGISTERED[status].phrase == NEWER.get(status, HTTPStatus(status).phrase)


def test_nothing_is_there_twice() -> None:
    assert not set(REGISTERED) & set(UNREGISTERED)
    for of in (lambda status: status.phrase, lambda status: status.text):
        assert len(set(map(of, STATUSES.values()))) == len(STATUSES)
