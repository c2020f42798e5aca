"""Certificates that the tests share."""

from __future__ import annotations

import pytest

from secured import Certified, certify


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certify(tmp_path_factory.mktemp("certified"))
