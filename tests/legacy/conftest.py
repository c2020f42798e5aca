"""What old plugins register, when imported or when found, is gone after each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest

from vaurien import registry


@contextmanager
def restored_registries() -> Iterator[None]:
    """Afterwards, only what was registered before is registered."""
    behaviors_before = dict(registry.behaviors._plugins)
    protocols_before = dict(registry.protocols._plugins)
    yield
    registry.behaviors._plugins = behaviors_before
    registry.protocols._plugins = protocols_before


with restored_registries():
    for module in ("documented", "hooks"):
        import_module(f"legacy.plugins.{module}")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with restored_registries():
        yield
