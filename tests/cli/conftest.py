"""Fixtures of the command line."""

from __future__ import annotations

import pytest

from commands import forget_plugins, plugin_folder, refuse, understand

__all__ = ["forget_plugins", "plugin_folder", "refuse", "understand"]


@pytest.fixture(autouse=True)
def _forget_plugins(forget_plugins: None) -> None:
    """No test of the command line knows what another one has registered."""
