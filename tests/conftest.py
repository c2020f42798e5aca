"""Fixtures for all tests: real servers, raw peers, and proxies that run in a thread."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from end_to_end.proxies import StartProxy
    from peers import Listening
    from vaurien.net.address import Address

# A slow machine is no failure: how long an example takes is not what these tests are about.
settings.register_profile("vaurien", deadline=None)
settings.load_profile("vaurien")

# Whoever runs the tests in the background may ignore these, and so would all that they start.
for name in ("SIGINT", "SIGQUIT", "SIGHUP"):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def accounts() -> Iterator[None]:
    """Nothing is left of a scenario after its test."""
    yield
    if (scenario := sys.modules.get("scenario")) is not None:
        made = scenario.World.made
        while made:
            made.pop().account()


@pytest.fixture(scope="session", autouse=True)
def ca_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the authority of this test process, and of its children."""
    folder = tmp_path_factory.mktemp("tls") / "ca"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAURIEN_CA_FOLDER", str(folder))
        yield folder


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A redis of this test process."""
    from servers import redis_server

    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture(scope="session")
def nginx_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """An nginx of this test process."""
    from servers import nginx_server

    with nginx_server(tmp_path_factory.mktemp("nginx")) as address:
        yield address


@pytest.fixture
def backend() -> Iterator[Listening]:
    """A raw peer that listens; the test accepts, and plays its part."""
    from peers import Listening

    with Listening() as listening:
        yield listening


@pytest.fixture
def start_proxy() -> Iterator[StartProxy]:
    """Starts proxies in threads; afterwards they are stopped, and must have had no failure."""
    from end_to_end.proxies import RunningProxy

    with ExitStack() as stack:
        yield lambda *given, **named: stack.enter_context(RunningProxy(*given, **named))
