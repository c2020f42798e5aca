"""All views and forms can be used without eyes, without a mouse, in the dark and on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

from browser.audit import audit
from redis_talk import Client
from vaurien.net.address import Address

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.dashboard import Dashboard, Scheme
    from serving import Served

PHONE = (360, 740)
DESKTOP = (1280, 860)
BAD = """
<header></header><h1>a</h1><h1>b</h1><h3 id=x>c</h3><main id=x></main>
<button></button><button style="width: 5px; padding: 0; overflow: hidden">small</button>
<input><label for=nothing>d</label><svg></svg><i role=switch tabindex=1>e</i>
<p style="color: #999; background: #fff">pale</p><menu><li>f</menu>
<div style="width: 200vw">g</div>
"""
FOUND = (
    *("language", "not one h1", "level 1", "id of another", "has no name", "is small", "not there"),
    *("out of the order", "whether it is on", "contrast of 2.8", "in no list", "too wide"),
)


def test_faults_are_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(BAD)
    found = "\n".join(audit(page))
    page.close()
    assert [each for each in FOUND if each not in found] == []


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["light", "dark-phone"]
)
def test_views(
    browser: Browser, server: Served, redis_address: Address, scheme: Scheme, size: tuple[int, int]
) -> None:
    from browser.dashboard import opened

    with opened(browser, server, scheme=scheme, size=size) as dashboard:
        address = dashboard.create("cache", redis_address, "redis", rules=RULES)
        dashboard.client.proxy("cache").apply_profile("fiber")
        with Client(address) as client:
            assert client.told("SET", "a", "1").startswith(b"-OOM")
            for place, seen in VIEWS.items():
                page = dashboard.open(place)
                page.get_by_text(seen, exact=True).first.wait_for()
                assert (place, audit(page)) == (place, [])
            _check_dialogs(dashboard)


RULES: Sequence[Mapping[str, object]] = [
    {"behavior": "error", "fault": "OOM"},
    {"behavior": "hang", "paused": True},
]
VIEWS = {
    "#/": "cache",
    "#/presets": "3g-slow",
    "#/events": "fired",
    "#/add": "backend",
    "#/proxies/cache": "idle",
}
"""A text of each view that is there when it is complete."""


def _check_dialogs(dashboard: Dashboard) -> None:
    """Check the forms of a rule and of a proxy, with all parts open and with mistakes."""
    page = dashboard.page
    for opener, parts, name in (
        ("Change error", ["On which requests", "How often", "When", "More"], "percent"),
        ("Change settings", ["Limits, seed", "TLS"], "timeout"),
    ):
        page.get_by_role("button", name=opener, exact=True).click()
        form = page.get_by_role("dialog")
        for part in parts:
            summary = form.get_by_text(part, exact=True)
            if summary.locator("xpath=..").get_attribute("open") is None:
                summary.click()
        form.get_by_label(name, exact=True).fill("-1")
        page.keyboard.press("Enter")
        form.locator("[aria-invalid=true]").wait_for()
        assert (opener, audit(page)) == (opener, [])
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Add a fault").click()
    page.get_by_label("Search faults").fill("cluster")
    assert audit(page) == []
    page.keyboard.press("Escape")
