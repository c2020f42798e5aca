"""Verdicts on HTTP clients: urllib3 with all its switches, requests, httpx."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import requests
import urllib3
from urllib3.util import Retry

from end_to_end.judging import Client, found
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address

LIMIT = 0.5
RETRIES: dict[str, Any] = {"status_forcelist": [429, 503], "backoff_factor": 0.05}
STALLS = {"direction": "to_client"}
CAREFUL = Retry(3, **RETRIES)
ANY_METHOD = Retry(3, allowed_methods=None, **RETRIES)
IMPATIENT = Retry(3, respect_retry_after_header=False, **RETRIES)
AT_ONCE = Retry(5, status_forcelist=[503])
STUBBORN = Retry(3, status_forcelist=[404], allowed_methods=None)


def with_urllib3(retries: Retry, method: str = "GET", **headers: str) -> Client:
    def ask(proxy: ProxyHandle) -> None:
        with urllib3.PoolManager(retries=retries, timeout=LIMIT) as pool:
            body = b"order" if method == "POST" else None
            pool.request(method, f"http://{proxy.address}/hello", body=body, headers=headers)

    return ask


def with_requests(proxy: ProxyHandle) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.post(f"http://{proxy.address}/hello", data=b"order", timeout=LIMIT)


def with_httpx(proxy: ProxyHandle) -> None:
    transport = httpx.HTTPTransport(retries=3)  # of connects alone
    with httpx.Client(transport=transport, timeout=LIMIT, trust_env=False) as client:
        client.post(f"http://{proxy.address}/hello", content=b"order")


LOSSES = [
    ("reply-lost", {}),
    ("request-lost", {}),
    ("partial-reply", {}),
    ("partial-reply", {"then": "rst"}),
    ("reset", {"scope": "exchange"}),
    ("hang", STALLS),
    ("hang", {}),
]


@pytest.mark.parametrize(("behavior", "rule"), LOSSES)
def test_repeating_what_may_be_repeated(
    small_address: Address, behavior: str, rule: dict[str, object]
) -> None:
    key = with_urllib3(ANY_METHOD, "POST", **{"Idempotency-Key": "17"})
    for client in (with_urllib3(CAREFUL), key):
        assert found(small_address, "http", client, behavior, times=1, **rule) == ""


@pytest.mark.parametrize(
    ("behavior", "rule", "says"),
    [
        ("reply-lost", {}, "FAIL repeated-effect"),
        ("partial-reply", {}, "FAIL repeated-effect"),
        ("hang", STALLS, "FAIL repeated-effect"),
        ("hang", {}, "FAIL repeated-effect"),
        ("request-lost", {}, ""),
        ("reset", {"scope": "exchange"}, ""),
    ],
)
def test_repeating_a_post(
    small_address: Address, behavior: str, rule: dict[str, object], says: str
) -> None:
    client = with_urllib3(ANY_METHOD, "POST")
    assert found(small_address, "http", client, behavior, times=1, **rule) == says


@pytest.mark.parametrize("client", [with_urllib3(CAREFUL, "POST"), with_requests, with_httpx])
@pytest.mark.parametrize(
    ("behavior", "says"), [("reply-lost", ""), ("request-lost", "WARN gave-up")]
)
def test_giving_up_on_a_post(
    small_address: Address, client: Client, behavior: str, says: str
) -> None:
    assert found(small_address, "http", client, behavior, times=1) == says


@pytest.mark.parametrize(
    ("retries", "method", "rule", "says"),
    [
        (CAREFUL, "GET", {"fault": "503", "times": 2}, ""),
        (CAREFUL, "GET", {"fault": "503", "times": 9}, "WARN gave-up"),
        (CAREFUL, "GET", {"fault": "503", "retry_after": "1", "times": 1}, ""),
        (IMPATIENT, "GET", {"fault": "503", "retry_after": "1", "times": 1}, "FAIL ignored-wait"),
        (IMPATIENT, "GET", {"fault": "429", "retry_after": "9", "times": 1}, "FAIL ignored-wait"),
        (CAREFUL, "GET", {"fault": "404", "times": 2}, ""),
        (STUBBORN, "POST", {"fault": "404", "times": 2}, "FAIL retried-fatal"),
        (STUBBORN, "GET", {"fault": "404", "times": 2}, "WARN retried-fatal"),
        (AT_ONCE, "GET", {"fault": "503", "times": 2}, ""),
    ],
)
def test_errors(
    small_address: Address, retries: Retry, method: str, rule: dict[str, object], says: str
) -> None:
    client = with_urllib3(retries, method)
    assert found(small_address, "http", client, "error", **rule) == says


def test_no_pause(small_address: Address) -> None:
    client = with_urllib3(AT_ONCE)
    assert "WARN no-backoff" in (
        found(small_address, "http", client, "error", fault="503", times=4)
        for _ in range(5)  # a machine with much to do makes pauses of its own
    )
