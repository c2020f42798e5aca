"""Fixtures of the end-to-end tests alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from end_to_end.proxies import StartProxy
    from end_to_end.web import OpenProxy
    from vaurien.net.address import Address


@pytest.fixture(params=[False, True], ids=["epoll", "portable"])
def portable(request: pytest.FixtureRequest) -> bool:
    """Both pollers, one after the other: see ``RunningProxy``."""
    return bool(request.param)


@pytest.fixture(scope="session")
def memcached_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A memcached of this test process."""
    from memcache_server import memcached

    with memcached(tmp_path_factory.mktemp("memcached")) as address:
        yield address


@pytest.fixture(scope="session")
def small_address() -> Iterator[Address]:
    """A small server of the standard library, of this test process."""
    from end_to_end.web import small_server

    with small_server() as address:
        yield address


@pytest.fixture(scope="session")
def strict_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """An nginx that answers with any status, of this test process."""
    from end_to_end.web import strict_server

    with strict_server(tmp_path_factory.mktemp("strict")) as address:
        yield address


@pytest.fixture
def proxy_to(start_proxy: StartProxy) -> OpenProxy:
    """Starts proxies that understand HTTP."""
    from end_to_end.web import opening

    return opening(start_proxy)
