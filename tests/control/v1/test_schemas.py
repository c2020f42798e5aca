"""Schemas of options."""

from __future__ import annotations

from vaurien.control.v1.schemas import accepted, object_of, schema_of
from vaurien.values.options import Option

SLEEP = Option("sleep", float, 1.0, "seconds", minimum=0)
WAY = Option("way", str, "a", "which", choices=("a", "b"))


def test_the_schema_of_an_option() -> None:
    assert schema_of(SLEEP, 2.0) == {
        "type": "number",
        "default": 2.0,
        "description": "seconds",
        "minimum": 0,
    }
    assert schema_of(WAY)["enum"] == ["a", "b"]


def test_texts_are_understood_too() -> None:
    assert accepted(SLEEP)["type"] == ["number", "string"]
    assert accepted(WAY)["type"] == "string"


def test_objects() -> None:
    schema = object_of({"a": {}, "b": {}}, ["b"])
    assert (schema["required"], schema["additionalProperties"]) == (["a"], False)
