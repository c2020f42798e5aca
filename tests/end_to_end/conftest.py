"""Fixtures of the end-to-end tests alone."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[False, True], ids=["epoll", "portable"])
def portable(request: pytest.FixtureRequest) -> bool:
    """Both pollers, one after the other: see ``RunningProxy``."""
    return bool(request.param)
