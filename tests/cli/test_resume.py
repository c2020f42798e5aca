"""Starting from a saved state, however it was edited."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaurien import plugins
from vaurien.cli.resume import resumed
from vaurien.config.configuration import Configuration
from vaurien.config.document import Document
from vaurien.config.source import Source
from vaurien.control.store import Store

DIGEST = "digest"
SAVED: dict[str, Any] = {
    "format": 1,
    "config_digest": DIGEST,
    "generation": 3,
    "seed": 7,
    "expires": {"cache": {"slow": 4e9}},
    "proxies": {
        "cache": {
            "listen": "localhost:1",
            "backend": "localhost:2",
            "protocol": "redis",
            "options": {},
            "enabled": True,
            "seed": 8,
            "timeout": 1.5,
            "connect-timeout": 5.0,
            "max-connections": 0,
            "backlog": 10,
            "rules": [
                {
                    "behavior": "delay",
                    "name": "slow",
                    "sleep": 2,
                    "ttl": 5.0,
                    "percent": 10,
                    "times": 3,
                    "match": {"command": "GET"},
                },
                {"behavior": "error", "fault": "READONLY", "mix": "a", "direction": "to_client"},
            ],
        },
    },
}
"""A state with a value of each kind."""


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a document."""
    if path:
        yield path
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in inner:
        yield from places(part, (*path, key))


PLACES = [place for place in places(SAVED) if place != ("format",)]
"""A file of a newer format is refused."""
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), float("nan"), float("inf"), 1e308, 0, -1, 0.5])
    | st.text(max_size=5)
    | st.sampled_from(["cache", "slow", "\0", "\ud800", "delay", "1e99", "localhost:0"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    plugins.install()
    return Source("", plugins.load_named).understand(Document({}))


def resume(folder: Path, text: str, configuration: Configuration) -> bool:
    """Whether a state is used; if it is not, it is kept under another name."""
    for old in folder.iterdir():
        old.unlink()
    (folder / "state").write_text(text)
    with closing(Store(str(folder / "state"))) as store:
        used = resumed(store, DIGEST, configuration) is not None
    assert (folder / "state").exists() == used
    aside = [
        file.read_text() for file in folder.iterdir() if file.name not in ("state", "state.lock")
    ]
    assert aside == ([] if used else [text])
    return used


def test_what_was_saved_is_used(tmp_path: Path, configuration: Configuration) -> None:
    assert resume(tmp_path, json.dumps(SAVED), configuration)


@given(st.sampled_from(PLACES), VALUES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_at_any_place_is_used_or_set_aside(
    tmp_path: Path, configuration: Configuration, place: tuple[Any, ...], value: object
) -> None:
    edited = copy.deepcopy(SAVED)
    inner: Any = edited
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    resume(tmp_path, json.dumps(edited), configuration)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_any_type_at_any_place(
    tmp_path: Path, configuration: Configuration, place: tuple[Any, ...]
) -> None:
    for value in (None, True, 1.5, 10**400, "x", ["x"], {"x": 1}):
        edited = copy.deepcopy(SAVED)
        inner: Any = edited
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        resume(tmp_path, json.dumps(edited), configuration)


def test_a_key_that_is_given_twice(tmp_path: Path, configuration: Configuration) -> None:
    text = json.dumps(SAVED).replace('"generation": 3', '"generation": 3, "generation": 4')
    assert not resume(tmp_path, text, configuration)
