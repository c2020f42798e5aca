"""The dashboard as a person with a browser has it, and the server behind it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page
from redis import Redis

from serving import Served
from vaurien.client import Client
from vaurien.net.address import Address

PATIENCE = 20_000.0
"""Milliseconds; far more than anything takes on a loaded machine."""
SCREENSHOTS = "VAURIEN_SCREENSHOTS"
"""The environment variable that names the folder in which screenshots are kept."""
DESKTOP = (1280, 860)
PHONE = (360, 740)
ANY_PORT = "127.0.0.1:0"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
Scheme = Literal["light", "dark"]


class Dashboard:
    """A page of a server: ``page`` is the browser's, ``client`` a client of the same API."""

    def __init__(self, served: Served, page: Page, client: Client) -> None:
        self.served = served
        self.page = page
        self.client = client
        self.url = f"http://{served.http}"
        self.errors: list[str] = []
        """What the page complained about: a test that expects this clears it."""
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, place: str = "#/") -> Page:
        """Open a view, and wait until the page is in touch with the server."""
        self.page.goto(f"{self.url}/{place}")
        self.page.get_by_text("live", exact=True).wait_for()
        return self.page

    def create(
        self,
        name: str,
        backend: Address,
        protocol: str = "tcp",
        rules: Sequence[Mapping[str, object]] = (),
    ) -> Address:
        """Create a proxy over the API; gives where it listens."""
        where = {"listen": ANY_PORT, "protocol": protocol}
        self.client.create(name, backend=str(backend), rules=rules, **where)
        return self.address(name)

    def address(self, name: str) -> Address:
        """Where a proxy listens now."""
        return Address(*self.client.proxy(name).address())

    def row(self, name: str) -> Locator:
        """The row of a proxy in the table."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=name))

    def panel(self, title: str) -> Locator:
        """A part of the page with this title."""
        return self.page.get_by_role("region", name=title)

    def check(self) -> None:
        """Check that everybody can use what is shown at the moment, as far as axe can tell."""
        options = {"runOnly": STANDARDS, "resultTypes": ["violations"]}
        found = Axe().run(self.page, options=options).response["violations"]
        wrong = [
            f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:4]]}"
            for each in found
        ]
        assert not wrong, "\n".join(wrong)

    def take(self, name: str) -> None:
        """Keep a screenshot for the documentation, if somebody asked for them."""
        if folder := os.environ.get(SCREENSHOTS):
            self.page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")


@contextmanager
def opened(
    browser: Browser,
    served: Served,
    *,
    scheme: Scheme = "light",
    size: tuple[int, int] = DESKTOP,
    token: str = "",
    emptied: bool = True,
) -> Iterator[Dashboard]:
    """Open a window of its own; afterwards the page must have complained about nothing.

    ``emptied``: all proxies that the server has are removed first.
    """
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="reduce",
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE)
    try:
        with Client(url=f"http://{served.http}", token=token) as client:
            if emptied:
                client.apply({"proxies": []})
            dashboard = Dashboard(served, context.new_page(), client)
            yield dashboard
            assert not dashboard.errors, dashboard.errors
    finally:
        context.close()


def redis_of(address: Address) -> Redis:
    return Redis(address.host, address.port, socket_timeout=10)


@contextmanager
def traffic(address: Address) -> Iterator[None]:
    """Send some commands a second through a proxy of a redis."""
    done = threading.Event()

    def send() -> None:
        with redis_of(address) as client:
            while not done.wait(0.02):
                client.get("key")

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
