"""The table of proxies, and what is around all views, in a real browser with real traffic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from redis import ResponseError

from browser.dashboard import Dashboard, opened, redis_of, traffic
from peers import connect
from servers import free_port
from serving import Served, proxy_table, served
from vaurien.net.address import Address

READ_ONLY = {"behavior": "error", "fault": "READONLY", "access": "write", "name": "read-only"}
EVIL = "<img src=x onerror=alert(1)>"
CUT_OFF = """[document.documentElement, ...document.querySelectorAll(".panel")]
    .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.innerText)"""
"""What is wider than there is room for."""
TOKEN = "a-token-of-the-tests-1"
READS = "a-token-that-only-reads"


def test_it_shows_what_proxies_do(
    dashboard: Dashboard, redis_address: Address, nginx_address: Address
) -> None:
    cache = dashboard.create("cache", redis_address, "redis", [READ_ONLY])
    dashboard.create("web", nginx_address, "http")
    page = dashboard.open()
    row = dashboard.row("cache")
    expect(row).to_contain_text(f"{cache} → {redis_address}")
    expect(row).to_contain_text("redis")
    expect(row.locator(".chip.wide")).to_have_text("error")
    with traffic(cache):
        expect(row.get_by_role("cell").nth(3)).to_have_text("1")
        expect(row.get_by_role("cell").nth(4)).not_to_have_text("0")
        expect(row.get_by_role("cell").nth(7)).to_contain_text("ms")
        expect(row.locator(".spark .line")).to_have_attribute("d", re.compile("^M"))
    page.get_by_role("button", name="Req/s").click()
    expect(page.get_by_role("columnheader", name="Req/s")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_label("Search proxies").fill("web")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("1 of 2 proxies")).to_be_visible()


def test_a_proxy_is_turned_off_and_on(dashboard: Dashboard, redis_address: Address) -> None:
    cache = dashboard.create("cache", redis_address, "redis")
    page = dashboard.open()
    switch = page.get_by_role("switch", name="cache")
    switch.click()
    expect(switch).not_to_be_checked()
    with pytest.raises(ConnectionRefusedError):
        connect(cache)
    switch.press("Space")
    expect(switch).to_be_checked()
    assert redis_of(dashboard.address("cache")).ping()


def test_one_button_resets_everything(dashboard: Dashboard, redis_address: Address) -> None:
    cache = dashboard.create("cache", redis_address, "redis", [READ_ONLY])
    page = dashboard.open()
    expect(dashboard.row("cache")).to_contain_text("error")
    with redis_of(cache) as client:
        with pytest.raises(ResponseError, match="read only"):
            client.set("key", 1)
        page.get_by_role("button", name="Reset everything").click()
        dialog = page.get_by_role("dialog", name="Reset everything?")
        expect(dialog).to_contain_text("1 rule is removed")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        with pytest.raises(ResponseError, match="read only"):
            client.set("key", 1)
        page.get_by_role("button", name="Reset everything").click()
        dialog.get_by_role("button", name="Reset everything").click()
        expect(page.get_by_text("Everything is reset.")).to_be_visible()
        expect(dashboard.row("cache")).to_contain_text("none")
        assert client.set("key", 1)


def test_many_proxies_are_shown_a_page_at_a_time(
    dashboard: Dashboard, redis_address: Address
) -> None:
    many = [{"name": f"p{number:03}", "backend": str(redis_address)} for number in range(120)]
    dashboard.client.apply({"proxies": [{**each, "enabled": False} for each in many]})
    page = dashboard.open()
    rows = page.locator("tbody tr")
    expect(page.get_by_text("1 to 50 of 120")).to_be_visible()
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("101 to 120 of 120")).to_be_visible()
    expect(rows).to_have_count(20)
    dashboard.client.proxy("p110").delete()
    expect(rows).to_have_count(19)
    page.get_by_label("Search proxies").fill("p007")
    expect(rows).to_have_count(1)


def test_names_and_traffic_are_never_markup(dashboard: Dashboard, nginx_address: Address) -> None:
    fault = {"behavior": "error", "fault": "503", "name": EVIL}
    web = dashboard.create(EVIL, nginx_address, "http", [fault])
    for place in ("#/", f"#/proxies/{EVIL.replace('/', '%2F')}", f"#/events?proxy={EVIL}"):
        page = dashboard.open(place)
        with connect(web) as client:
            client.sendall(f"GET /{EVIL} HTTP/1.1\r\nHost: {EVIL}\r\n\r\n".encode())
            client.recv(1)
        expect(page.get_by_role("main")).to_contain_text(EVIL)
        assert page.locator("img").count() == 0


def test_it_says_when_the_server_is_gone_and_comes_back(
    browser: Browser, tmp_path: Path, redis_address: Address
) -> None:
    words = ("--port", str(free_port()))
    (tmp_path / "one.toml").write_text(proxy_table("one", redis_address))
    (tmp_path / "two.toml").write_text(proxy_table("two", redis_address))
    one, two = (str(tmp_path / name) for name in ("one.toml", "two.toml"))
    with (
        served("--config", one, *words, log=tmp_path / "one.log") as first,
        opened(browser, first, emptied=False) as dashboard,
    ):
        page = dashboard.open()
        expect(dashboard.row("one")).to_be_visible()
        first.end()
        expect(page.get_by_role("alert")).to_contain_text("No connection to vaurien.")
        with served("--config", two, *words, log=tmp_path / "two.log"):
            expect(dashboard.row("two")).to_be_visible()
            expect(dashboard.row("one")).to_have_count(0)
            expect(page.get_by_role("alert")).to_be_empty()
            dashboard.errors.clear()  # of requests that nobody answered


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that wants a token."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tokens").touch(0o600)
    (folder / "tokens").write_text(f"{TOKEN}\nread {READS}\n")
    with served(
        "--port", "0", "--token-file", str(folder / "tokens"), log=folder / "log"
    ) as running:
        yield running


def test_it_asks_for_a_token(browser: Browser, guarded: Served) -> None:
    with opened(browser, guarded, token=TOKEN) as dashboard:
        page = dashboard.page
        page.goto(dashboard.url)
        page.get_by_label("Token", exact=True).press("Escape")
        expect(page.get_by_role("alert")).to_contain_text("vaurien asks for a token.")
        page.get_by_role("alert").get_by_role("button", name="Give a token").click()
        page.get_by_label("Token", exact=True).fill("another")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The server does not know this token.")).to_be_visible()
        page.get_by_label("Token", exact=True).fill(TOKEN)
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        expect(page.get_by_text("There are no proxies yet")).to_be_visible()
        page.reload()
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        dashboard.errors.clear()  # the browser's, of the answers 401


def test_a_token_that_may_only_read_changes_nothing(
    browser: Browser, guarded: Served, redis_address: Address
) -> None:
    with opened(browser, guarded, token=TOKEN) as dashboard:
        dashboard.create("cache", redis_address, "redis")
        page = dashboard.open(f"#token={READS}")
        assert page.url == f"{dashboard.url}/#/"
        page.get_by_role("switch", name="cache").click()
        expect(page.locator(".toast.error")).to_contain_text("read")
        expect(page.get_by_role("switch", name="cache")).to_be_checked()
        dashboard.errors.clear()  # the browser's, of the answer 403


def test_nothing_is_wider_than_the_screen(dashboard: Dashboard, redis_address: Address) -> None:
    long = "a-name-that-is-so-long-that-no-screen-can-show-all-of-it" * 3
    dashboard.create(long, redis_address, "redis", [READ_ONLY])
    for place in ("#/", f"#/proxies/{long}"):
        page = dashboard.open(place)
        expect(page.get_by_text(long).first).to_be_visible()
        for width in (1280, 1100, 900, 360):
            page.set_viewport_size({"width": width, "height": 800})
            assert (place, width, page.evaluate(CUT_OFF)) == (place, width, [])
