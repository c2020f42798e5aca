"""Rules, connections, proxies and the journal, by way of their forms.

What each action does is seen on the traffic of a real redis and nginx.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from browser.dashboard import PHONE, Dashboard, opened
from peers import connect, receive, receive_until_fin, receive_until_reset, wait_until
from redis_talk import Client
from vaurien.net.address import Address

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from serving import Served

HOSTILE = "<img src=x onerror=alert(1)>"
"""As a rule's name, a key, a path: nothing may come of it."""
READONLY = b"-READONLY"
OOM = b"-OOM"
OK = b"+OK"


def press(where: Page | Locator, name: str) -> None:
    where.get_by_role("button", name=name, exact=True).click()


def put(address: Address, key: str = "k") -> bytes:
    """What redis answers to a write: its first word."""
    with Client(address) as client:
        return client.told("SET", key, "1").split()[0]


def get(address: Address, path: str = "/hello") -> int:
    """The status that a request over HTTP is answered."""
    with connect(address) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(receive(sock, 12).split()[1])


def refuses(address: Address) -> bool:
    """Whether nobody listens there."""
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False


def closed(page: Page) -> None:
    """Wait until no dialog is open."""
    page.locator("dialog").wait_for(state="detached")


def test_a_rule_from_its_form_to_its_end(dashboard: Dashboard, redis_address: Address) -> None:
    first = {"behavior": "dummy", "name": "first"}
    address = dashboard.create("cache", redis_address, "redis", rules=[first])
    dashboard.page.clock.install()
    page = dashboard.open("#/proxies/cache")
    rules = dashboard.panel("Rules")

    # A fault from the list, by keyboard alone.
    rules.get_by_role("button", name="Add a fault").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Search faults").wait_for()
    page.keyboard.type("read only replica")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="Add a rule")
    form.get_by_text("the server is a replica").wait_for()
    form.get_by_label("name", exact=True).focus()
    page.keyboard.type(HOSTILE)
    form.get_by_text("How often").focus()
    page.keyboard.press("Enter")

    # Nothing that was typed is lost when somebody else changes something meanwhile.
    dashboard.client.proxy("cache").add_rule("dummy", name="other")
    rules.get_by_text("other", exact=True).wait_for()
    assert form.get_by_label("name", exact=True).input_value() == HOSTILE

    # What is wrong is told at its field, by the page ...
    percent = form.get_by_label("percent", exact=True)
    percent.fill("400")
    page.keyboard.press("Enter")
    form.get_by_text("This takes a number from 0 to 100.").wait_for()
    assert percent.get_attribute("aria-invalid") == "true"
    # ... and by the API, in a part of the form that was folded.
    percent.fill("100")
    form.get_by_text("On which requests").click()
    command = form.get_by_label("command", exact=True)
    command.fill("~(")
    form.get_by_text("On which requests").click()
    press(form, "Add it")
    form.get_by_text("is not a regular expression").wait_for()
    assert command.evaluate("it => it === document.activeElement")
    assert dashboard.errors.pop().startswith("Failed to load resource")
    assert put(address) == OK
    dashboard.take("rule-form-light")
    command.fill("")
    form.get_by_text("More", exact=True).click()
    form.get_by_label("before", exact=True).select_option("first")
    press(form, "Add it")
    closed(page)
    assert put(address, HOSTILE) == READONLY
    rules.get_by_text("fired 1 time of 1 that match").wait_for()

    press(rules, f"Pause {HOSTILE}")
    rules.get_by_role("button", name=f"Resume {HOSTILE}").wait_for()
    assert put(address) == OK
    press(rules, f"Resume {HOSTILE}")
    rules.get_by_role("button", name=f"Pause {HOSTILE}").wait_for()
    assert put(address) == READONLY

    press(rules, f"Change {HOSTILE}")
    form = page.get_by_role("dialog")
    press(form, "Choose a fault …")
    page.get_by_label("Search faults").fill("OOM maxmemory")
    page.keyboard.press("Enter")
    form.get_by_label("message", exact=True).fill("no room")
    press(form, "Change it")
    closed(page)
    assert put(address) == OOM
    rules.get_by_text('error fault=OOM message="no room" grows=yes').wait_for()

    press(rules, f"Remove {HOSTILE}")
    undo = rules.get_by_role("button", name="Undo")
    undo.wait_for()
    assert put(address) == OK
    assert undo.evaluate("it => it === document.activeElement")
    page.keyboard.press("Enter")
    rules.get_by_text("is there again").wait_for()
    assert put(address) == OOM
    names = [rule.name for rule in dashboard.client.proxy("cache").rules()]
    assert names == [HOSTILE, "first", "other"]

    # What has been removed is told until somebody has gone on to other things.
    press(rules, "Remove other")
    page.clock.fast_forward("00:11")
    undo.wait_for()
    rules.get_by_role("button", name="Add a rule").focus()
    page.clock.fast_forward("00:11")
    undo.wait_for(state="detached")
    assert page.locator("img").count() == 0


def test_what_is_typed_is_not_lost(dashboard: Dashboard, redis_address: Address) -> None:
    taken = {"behavior": "dummy", "name": "taken"}
    dashboard.create("cache", redis_address, "redis", rules=[taken])
    page = dashboard.open("#/proxies/cache")
    press(page, "Add a rule")
    form = page.get_by_role("dialog", name="Add a rule")
    form.get_by_label("behavior").select_option("latency")
    form.get_by_label("jitter", exact=True).fill("0.5")
    form.get_by_label("behavior").select_option("delay")
    assert form.get_by_text("Delays requests, or responses.").is_visible()
    form.get_by_label("sleep", exact=True).fill("0..1/60")  # a ramp is a number, too
    page.context.set_offline(True)
    press(form, "Add it")
    form.get_by_text("What you have typed is kept").wait_for()
    page.context.set_offline(False)
    dashboard.errors.clear()
    form.get_by_label("name", exact=True).fill("taken")
    press(form, "Add it")
    form.get_by_text("there is a rule 'taken' already").and_(page.locator(".field *")).wait_for()
    dashboard.errors.clear()
    page.keyboard.press("Escape")
    form.get_by_text("This is not saved.").wait_for()
    page.keyboard.press("Escape")
    closed(page)
    assert len(dashboard.client.proxy("cache").rules()) == 1


def test_presets(dashboard: Dashboard, redis_address: Address, nginx_address: Address) -> None:
    address = dashboard.create("cache", redis_address, "redis")
    web = dashboard.create("web", nginx_address, "http")
    page = dashboard.open("#/proxies/cache")
    panel = dashboard.panel("Presets")

    press(panel, "Network profile …")
    page.get_by_label("Search profiles").fill("lighthouse")
    page.get_by_role("dialog").get_by_role("button", name="3g-fast").click()
    panel.get_by_role("button", name="Remove 3g-fast").wait_for()
    begun = time.monotonic()
    assert put(address) == OK
    assert time.monotonic() - begun > 0.1  # its round trip is 0.15 s
    press(panel, "Remove 3g-fast")
    panel.get_by_text("None is applied.").wait_for()
    assert dashboard.client.proxy("cache").rules() == []

    press(panel, "Recipe …")
    page.get_by_label("Search recipes").fill("promote primary")
    page.get_by_role("dialog").get_by_text("0 of").wait_for()
    page.get_by_label("Search recipes").fill("crashes READONLY")
    page.keyboard.press("Enter")
    panel.get_by_role("button", name="End redis-failover").wait_for()
    assert refuses(address)
    press(panel, "End redis-failover")
    panel.get_by_text("None is applied.").wait_for()
    assert put(address) == OK

    page = dashboard.open("#/presets?proxy=web")
    page.get_by_label("Search faults").fill("418")
    press(page, "Add … 418")
    form = page.get_by_role("dialog", name="Add a rule")
    form.get_by_text("I'm a teapot: This").wait_for()
    press(form, "Add it")
    closed(page)
    assert get(web) == 418
    page.get_by_label("For the proxy").select_option("cache")
    page.get_by_role("heading", name="Faults of redis").wait_for()


def test_connections_are_ended(dashboard: Dashboard, redis_address: Address) -> None:
    address = dashboard.create("cache", redis_address, "redis")
    page = dashboard.open("#/proxies/cache")
    panel = dashboard.panel("Connections").first
    with Client(address) as first, Client(address) as second:
        assert (first.told("PING"), second.told("PING")) == (b"+PONG\r\n", b"+PONG\r\n")
        panel.get_by_role("button", name="End connection 1").click()
        sure = page.get_by_role("dialog", name="End connection 1?")
        press(sure, "Cancel")
        assert first.told("PING") == b"+PONG\r\n"
        panel.get_by_role("button", name="End connection 1").click()
        press(sure, "End it")
        receive_until_reset(first.sock)
        panel.get_by_role("button", name="End connection 1").wait_for(state="detached")
        assert second.told("PING") == b"+PONG\r\n"

        panel.get_by_label("End them").select_option("close")
        press(panel, "End all")
        press(page.get_by_role("dialog", name="End all connections?"), "End all")
        assert receive_until_fin(second.sock) == b""
        panel.get_by_text("No connection is open.").wait_for()


def test_a_proxy_from_its_form_to_its_end(dashboard: Dashboard, redis_address: Address) -> None:
    page = dashboard.open("#/add")
    page.get_by_label("name", exact=True).fill("a b/<i>")
    press(page, "Add it")
    page.get_by_text("This is needed.").wait_for()  # the backend
    page.get_by_label("backend", exact=True).fill("nowhere")
    page.get_by_label("protocol", exact=True).select_option("redis")
    press(page, "Add it")
    page.get_by_label("backend", exact=True).and_(page.locator("[aria-invalid]")).wait_for()
    dashboard.errors.clear()
    page.get_by_label("name", exact=True).fill("shop/cache")
    page.get_by_label("listen", exact=True).fill("127.0.0.1:0")
    page.get_by_label("backend", exact=True).fill(str(redis_address))
    press(page, "Add it")
    page.get_by_role("heading", name="shop/cache").wait_for()
    proxy = dashboard.client.proxy("shop/cache")
    address = Address(*proxy.address())
    assert put(address) == OK

    settings = dashboard.panel("Settings")
    press(settings, "Change settings")
    form = page.get_by_role("dialog", name="Settings of shop/cache")
    form.get_by_text("Limits, seed").click()
    form.get_by_label("max_connections", exact=True).fill("7")
    form.get_by_text("TLS", exact=True).click()
    form.get_by_label("cert", exact=True).fill("/nowhere")
    press(form, "Change it")
    form.get_by_label("mode", exact=True).and_(page.locator("[aria-invalid]")).wait_for()
    dashboard.errors.clear()
    form.get_by_label("cert", exact=True).fill("")
    press(form, "Change it")
    closed(page)
    settings.get_by_text("7", exact=True).wait_for()
    assert proxy.read()["max_connections"] == 7

    press(settings, "Remove the proxy")
    press(page.get_by_role("dialog"), "Remove it")
    page.get_by_role("button", name="Undo").wait_for()
    assert refuses(address)
    press(page, "Undo")
    wait_until(lambda: not refuses(address), "the proxy is there again")
    assert put(address) == OK


def test_the_journal_shows_what_fired(
    dashboard: Dashboard, redis_address: Address, nginx_address: Address
) -> None:
    rules = [{"behavior": "error", "fault": "OOM", "name": HOSTILE}]
    address = dashboard.create("told", redis_address, "redis", rules=rules)
    down = [{"behavior": "error", "fault": "503", "name": "down"}]
    web = dashboard.create("web-told", nginx_address, "http", rules=down)
    assert put(address, HOSTILE) == OOM
    assert get(web, f"/{HOSTILE.replace(' ', '/')}") == 503
    page = dashboard.open("#/events?rule=down")
    journal = page.get_by_role("region", name="Journal")
    fired = journal.get_by_role("row").filter(has_text="fired")
    fired.filter(has_text="path=/<img/src=x/onerror=alert(1)>").wait_for()
    assert fired.count() == 1
    page.get_by_label("Rule", exact=True).fill("")
    page.keyboard.press("Enter")
    page.get_by_label("Proxy", exact=True).select_option("told")
    fired.filter(has_text=f"key={HOSTILE}").wait_for()
    assert fired.count() == 1
    dashboard.take("events-light")

    press(page, "Pause")
    assert put(address, "while-paused") == OOM
    page.get_by_text("1 new").wait_for()
    assert journal.get_by_text("while-paused").count() == 0
    press(page, "Follow")
    journal.get_by_text("while-paused").wait_for()
    page.get_by_label("Contains", exact=True).fill("while-pau")
    fired.filter(has_text=HOSTILE).filter(has_text="while-paused").wait_for()
    assert fired.count() == 1
    page.get_by_label("Contains", exact=True).fill("")
    page.get_by_label("a rule fired").uncheck()
    fired.first.wait_for(state="detached")
    assert page.locator("img").count() == 0


def test_everybody_can_use_the_forms(
    browser: Browser, server: Served, redis_address: Address
) -> None:
    with opened(browser, server, scheme="dark", size=PHONE) as dashboard:
        oom = {"behavior": "error", "fault": "OOM"}
        address = dashboard.create("cache", redis_address, "redis", rules=[oom])
        assert put(address) == OOM
        for place, seen in (("#/events", "fired"), ("#/add", "backend"), ("#/presets", "3g-slow")):
            page = dashboard.open(place)
            page.get_by_text(seen, exact=True).first.wait_for()
            if place == "#/presets":  # one of each kind is as good as all
                for kind, word in (("profiles", "3g-slow"), ("recipes", "dns"), ("faults", "OOM")):
                    page.get_by_label(f"Search {kind}").fill(word)
            dashboard.check()
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], place
        page = dashboard.open("#/proxies/cache")
        press(page, "Change error")
        form = page.get_by_role("dialog")
        for part in ("How often", "When", "More"):
            form.get_by_text(part, exact=True).click()
        form.get_by_label("percent", exact=True).fill("-1")
        page.keyboard.press("Enter")
        form.locator("[aria-invalid=true]").wait_for()
        dashboard.check()
        press(form, "Choose a fault …")
        page.get_by_label("Search faults").fill("READONLY")
        dashboard.check()
