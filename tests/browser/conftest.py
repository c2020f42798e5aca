"""A browser, a server, and a window of its dashboard.

They live as long as the tests of one module: while Playwright runs, no other test of the same
process could run an event loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from servers import require
from serving import Served, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.dashboard import Dashboard


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    from playwright.sync_api import expect, sync_playwright

    from browser.dashboard import PATIENCE

    expect.set_options(timeout=PATIENCE)
    program = require("chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program)
        yield running
        running.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``vaurien serve``, without any proxy."""
    log = tmp_path_factory.mktemp("server") / "log"
    with served("--port", "0", log=log) as running:
        yield running


@pytest.fixture
def dashboard(browser: Browser, server: Served) -> Iterator[Dashboard]:
    """A window of the dashboard of a server that has no proxies yet."""
    from browser.dashboard import opened

    with opened(browser, server) as window:
        yield window
