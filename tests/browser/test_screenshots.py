"""Makes the pictures of the documentation, in docs/screenshots; takes six minutes when asked to.

VAURIEN_SCREENSHOTS=docs/screenshots .venv/bin/python -m pytest tests/browser/test_screenshots.py
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest
from playwright.sync_api import Browser, expect
from redis import Redis, RedisError

from browser.dashboard import PHONE, SCREENSHOTS, Dashboard, opened
from peers import connect, wait_until
from serving import Served
from vaurien.client import Client
from vaurien.net.address import Address

MINUTES = 5
SCREEN = (1200, 720)
TABLE = (1200, 470)
WORDS = ("GET", "SET", "INCR")
SCENES: list[tuple[float, str, str, dict[str, object]]] = [
    (0.8, "cache", "slow", {"behavior": "delay", "sleep": 0.08, "percent": 30}),
    (1.5, "search", "late", {"behavior": "delay", "sleep": 0.3}),
    (1.9, "cache", "slow", {}),
    (2.5, "cache", "replica", {"behavior": "error", "fault": "READONLY", "percent": 40}),
    (3.3, "cache", "slower", {"behavior": "delay", "sleep": 0.4, "percent": 5}),
    (3.9, "cache", "replica", {}),
]
"""At which minute which proxy gets which rule, or, without anything, loses it."""


def play(client: Client, proxy: str, rule: str, table: dict[str, object]) -> None:
    method, body = ("PUT", {"name": rule, **table}) if table else ("DELETE", None)
    client.request(method, f"/v1/proxies/{proxy}/rules/{rule}", body)


def wait(seconds: float) -> None:
    """Let this much time pass, which is what a picture of five minutes takes."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, "the next scene", seconds + 60)


@contextmanager
def busy(count: int, talk: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run this many clients at a time, each of which talks until it is told to stop."""
    done = threading.Event()
    threads = [threading.Thread(target=talk, args=(done,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def of_redis(address: Address, rate: float) -> Callable[[threading.Event], None]:
    def talk(done: threading.Event) -> None:
        with Redis(address.host, address.port) as client:
            while not done.wait(random.expovariate(rate)):
                word = random.choice(WORDS)
                values = ["1"] if word == "SET" else []
                with suppress(RedisError):
                    client.execute_command(word, "visits", *values)

    return talk


def of_http(address: Address, rate: float) -> Callable[[threading.Event], None]:
    def talk(done: threading.Event) -> None:
        with connect(address) as client:
            while not done.wait(random.expovariate(rate)):
                client.sendall(b"GET /hello HTTP/1.1\r\nHost: shop\r\n\r\n")
                client.recv(4096)

    return talk


@pytest.mark.skipif(SCREENSHOTS not in os.environ, reason=f"{SCREENSHOTS} names no folder")
@pytest.mark.timeout(900)
def test_pictures_of_the_documentation(
    browser: Browser, server: Served, redis_address: Address, nginx_address: Address
) -> None:
    with ExitStack() as stack:
        light = stack.enter_context(opened(browser, server, size=TABLE))
        for name, backend, protocol in (
            ("cache", redis_address, "redis"),
            ("mail", redis_address, "tcp"),
            ("payments", nginx_address, "http"),
            ("search", nginx_address, "http"),
            ("sessions", redis_address, "redis"),
            ("shop", nginx_address, "http"),
        ):
            address = light.create(name, backend, protocol)
            talk = of_http if protocol == "http" else of_redis
            rate = {"cache": 15.0, "mail": 1.0, "sessions": 6.0}.get(name, 4.0)
            stack.enter_context(busy(4, talk(address, rate)))
        light.client.proxy("payments").add_rule("reset", name="refused", percent=2, paused=True)
        light.open()
        minutes = 0.0
        for minute, proxy, rule, table in SCENES:
            wait(60 * (minute - minutes))
            minutes = minute
            play(light.client, proxy, rule, table)
        wait(60 * (MINUTES - minutes))
        other = partial(opened, browser, server, emptied=False)
        dark = stack.enter_context(other(scheme="dark", size=TABLE))
        dark.open()
        expect(light.row("search")).to_contain_text("delay")
        look(light, "proxies-light")
        look(dark, "proxies-dark")
        small = stack.enter_context(other(size=PHONE))
        for window, name in ((light, "proxy-light"), (dark, "proxy-dark"), (small, "proxy-phone")):
            if window is not small:
                window.page.set_viewport_size({"width": SCREEN[0], "height": SCREEN[1]})
            window.open("#/proxies/cache")
            expect(window.page.locator(".life").first).to_be_visible()
            look(window, name)
        light.page.get_by_role("button", name="Add a rule").click()
        look(light, "rule-light")
        light.page.keyboard.press("Escape")
        light.open("#/events")
        look(light, "events-light")


def look(window: Dashboard, name: str) -> None:
    """Take a picture when there has been time for a sample or two."""
    wait(2.5)
    window.take(name)
