"""Routes, requests and their conditions."""

from __future__ import annotations

import pytest

from vaurien.control.v1.problems import Refusal
from vaurien.control.v1.routes import DRAIN, Answer, Call, Route, Table, is_among, parsed_query


def nothing(call: Call) -> Answer:
    del call
    return Answer()


TABLE = Table([Route("GET", path, nothing, "") for path in ("/v1", "/v1/{a}", "/v1/{a}/b")])


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        (["v1"], {}),
        (["v1", "x/y"], {"a": "x/y"}),
        (["v1", "x", "b"], {"a": "x"}),
        (["v1", "x", "c"], None),
        (["v1", ""], None),
        (["v1", "", "b"], None),
        (["v2"], None),
    ],
)
def test_a_path_is_found(path: list[str], arguments: dict[str, str] | None) -> None:
    found = TABLE.find(path)
    assert [each[1] for each in found.values()] == ([] if arguments is None else [arguments])


@pytest.mark.parametrize(
    ("generation", "tags", "among"),
    [
        (3, '"3"', True),
        (3, '"2", "3"', True),
        (3, "*", True),
        (3, 'W/"3"', False),
        (3, "3", False),
        (None, "*", False),
    ],
)
def test_entity_tags(generation: int | None, tags: str, among: bool) -> None:
    assert is_among(generation, tags) is among


def test_a_parameter_given_twice() -> None:
    assert parsed_query([("drain", "1.5")], [DRAIN]) == {"drain": 1.5}
    with pytest.raises(Refusal, match="twice"):
        parsed_query([("drain", "1"), ("drain", "1")], [DRAIN])
