"""One proxy's charts and its timeline; and whether everybody can use the dashboard."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from browser.dashboard import PHONE, Dashboard, opened, redis_of, traffic
from serving import Served
from vaurien.net.address import Address

CLOCK = "const now = Date.now; Date.now = () => now() - 3_600_000"
"""Gives the browser a clock that is an hour slow: what is shown is by that of the server."""
SLOW = {"behavior": "delay", "sleep": 0.05, "name": "slow"}


def chart(page: Page, title: str) -> str:
    """What a chart says to those who cannot see it."""
    return (
        page.get_by_role("figure", name=title).get_by_role("img").get_attribute("aria-label") or ""
    )


def test_a_rule_and_its_effect_are_seen_together(
    dashboard: Dashboard, redis_address: Address
) -> None:
    cache = dashboard.create("cache", redis_address, "redis")
    dashboard.page.add_init_script(CLOCK)
    page = dashboard.open("#/proxies/cache")
    timeline = page.get_by_role("figure", name="Response time, and rules")
    with traffic(cache):
        expect(page.get_by_role("figure", name="Requests a second")).to_contain_text(
            re.compile(r"requests [1-9]")
        )
        dashboard.client.proxy("cache").add_rule("delay", name="slow", sleep=0.05)
        said = timeline.get_by_role("img")
        expect(said).to_have_attribute("aria-label", re.compile(r"Rule slow is on, fired [1-9]"))
        expect(timeline.locator(".life")).to_have_count(1)
        expect(timeline.locator(".tick").first).to_be_visible()
        dashboard.client.proxy("cache").remove_rule("slow")
        expect(said).to_have_attribute("aria-label", re.compile("Rule slow was on"))
    page.get_by_role("switch", name="cache").click()
    expect(said).to_have_attribute("aria-label", re.compile("The proxy is off"))
    page.get_by_text("The same as tables").click()
    happened = page.get_by_role("table", name="What happened")
    expect(happened).to_contain_text("begins: delay")
    expect(happened).to_contain_text("ends")
    expect(happened).to_contain_text("turned off")
    page.get_by_role("button", name="1 hour").click()
    expect(said).to_have_attribute("aria-label", re.compile("last hour"))


def test_the_cursor_moves_by_keyboard(dashboard: Dashboard, redis_address: Address) -> None:
    cache = dashboard.create("cache", redis_address, "redis")
    page = dashboard.open("#/proxies/cache")
    slider = page.get_by_role("slider").first
    with traffic(cache):
        expect(slider).to_have_attribute("aria-valuemax", re.compile("[3-9]"))
        slider.press("Home")
        expect(slider).to_have_attribute("aria-valuenow", "0")
        slider.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuenow", "1")
        expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d: .*p99"))
    expect(page.locator(".pointer:visible")).to_have_count(5)
    slider.press("Escape")
    expect(page.locator(".pointer:visible")).to_have_count(0)


def test_a_proxy_that_goes_and_comes_back(dashboard: Dashboard, redis_address: Address) -> None:
    page = dashboard.open("#/proxies/cache")
    expect(page.get_by_text("There is no proxy cache.")).to_be_visible()
    dashboard.create("cache", redis_address, "redis")
    expect(page.get_by_role("heading", name="Traffic")).to_be_visible()
    dashboard.client.proxy("cache").delete()
    expect(page.get_by_text("There is no proxy cache.")).to_be_visible()
    dashboard.errors.clear()  # of what was asked for when it had just gone


def test_what_opens_can_be_used_by_everybody(
    browser: Browser, server: Served, redis_address: Address
) -> None:
    with opened(browser, server, scheme="dark") as dashboard:
        cache = dashboard.create("cache", redis_address, "redis", [SLOW])
        redis_of(cache).ping()
        page = dashboard.open("#/proxies/cache")
        page.get_by_text("The same as tables").click()
        expect(page.get_by_role("table", name="Figures")).to_be_visible()
        dashboard.check()
        page.get_by_role("button", name="Reset everything").click()
        dashboard.check()


def test_everything_is_reached_by_keyboard(
    browser: Browser, server: Served, redis_address: Address
) -> None:
    with opened(browser, server, size=PHONE) as dashboard:
        dashboard.create("cache", redis_address, "redis")
        page = dashboard.open()
        expect(dashboard.row("cache")).to_be_visible()
        reached: list[str] = []
        while not reached or reached[-1] != "cache":
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.innerText.trim()"))
            assert len(reached) < 30, reached
        assert reached[:6] == [
            "Skip to the content",
            "vaurien",
            "Proxies",
            "Events",
            "Presets",
            "Reset everything",
        ]
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="cache", level=1)).to_be_visible()
        assert page.evaluate("document.activeElement.id") == "main"
