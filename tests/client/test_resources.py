"""Proxies and rules, as the API answers them."""

from __future__ import annotations

from vaurien.client import Proxy, Rule
from vaurien.client.resources import without_status

RULE = {
    "name": "slow",
    "behavior": "latency",
    "delay": 0.2,
    "status": {"state": "paused", "matched": 3, "fired": 2, "expires_in": None},
}
PROXY = {
    "name": "cache",
    "backend": "localhost:6379",
    "enabled": True,
    "rules": [RULE],
    "status": {"address": "127.0.0.1:6380", "generation": 7},
}


def test_a_rule() -> None:
    rule = Rule(RULE)
    assert (rule.name, rule.behavior, rule["delay"]) == ("slow", "latency", 0.2)
    assert (rule.state, rule.matched, rule.fired) == ("paused", 3, 2)
    assert rule == RULE


def test_a_proxy() -> None:
    proxy = Proxy(PROXY)
    assert (proxy.name, proxy.backend, proxy.enabled) == ("cache", "localhost:6379", True)
    assert (proxy.address, proxy.generation) == ("127.0.0.1:6380", 7)
    assert [rule.name for rule in proxy.rules] == ["slow"]


def test_what_is_disabled_has_no_address() -> None:
    proxy = Proxy({**PROXY, "enabled": False, "status": {"address": None, "generation": 8}})
    assert (proxy.enabled, proxy.address) == (False, "")


def test_without_status() -> None:
    assert without_status({"seed": 3, "proxies": [PROXY]}) == {
        "seed": 3,
        "proxies": [
            {
                "name": "cache",
                "backend": "localhost:6379",
                "enabled": True,
                "rules": [{"name": "slow", "behavior": "latency", "delay": 0.2}],
            }
        ],
    }
