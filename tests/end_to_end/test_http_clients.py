"""HTTP's faults as urllib3, requests and curl see them: retries, errors, exit statuses."""

from __future__ import annotations

import time

import pytest
import requests
import urllib3
from urllib3.util import Retry

from end_to_end.web import (
    HELLO,
    OpenProxy,
    curl,
    session_of,
)
from vaurien.net.address import Address

NOT_LONG = 0.3
"""Seconds that an impatient client waits."""


# Retries, as urllib3 makes them.


def test_retry_after_is_respected(proxy_to: OpenProxy, nginx_address: Address) -> None:
    proxy = proxy_to(nginx_address, "error fault=429 retry_after=1 times=1")
    retry = Retry(2, status_forcelist=[429], respect_retry_after_header=True)
    with session_of(proxy, retry) as session:
        begun = time.monotonic()
        assert session.get(f"http://{proxy.address}/hello").content == HELLO
        assert time.monotonic() - begun >= 1
    assert len(proxy.fired) == 1


@pytest.mark.parametrize("word", ["past", "0", "''"])
def test_retry_after_may_ask_for_no_pause(
    proxy_to: OpenProxy, nginx_address: Address, word: str
) -> None:
    proxy = proxy_to(nginx_address, f"error fault=503 retry_after={word} times=2")
    with session_of(proxy, Retry(2, status_forcelist=[503])) as session:
        assert session.get(f"http://{proxy.address}/hello").content == HELLO
    assert len(proxy.fired) == 2


def test_retry_after_may_be_garbage(proxy_to: OpenProxy, nginx_address: Address) -> None:
    proxy = proxy_to(nginx_address, "error fault=503 retry_after=garbage")
    with (
        session_of(proxy, Retry(2, status_forcelist=[503])) as session,
        pytest.raises(requests.exceptions.InvalidHeader, match="in a while"),
    ):
        session.get(f"http://{proxy.address}/hello")


def test_retries_end(proxy_to: OpenProxy, nginx_address: Address) -> None:
    proxy = proxy_to(nginx_address, "error fault=502")
    with (
        session_of(proxy, Retry(3, status_forcelist=[502])) as session,
        pytest.raises(requests.exceptions.RetryError, match="too many 502"),
    ):
        session.get(f"http://{proxy.address}/hello")
    assert len(proxy.fired) == 4
    assert proxy.totals.opened == 1


def test_transient_statuses_pass(proxy_to: OpenProxy, nginx_address: Address) -> None:
    proxy = proxy_to(nginx_address, "transient fault=503 agitate=2")
    with session_of(proxy, Retry(3, status_forcelist=[503])) as session:
        assert session.get(f"http://{proxy.address}/hello").content == HELLO
    assert [event.detail for event in proxy.fired][:2] == ["503", "503"]


@pytest.mark.parametrize("reset", ["false", "true"])
def test_a_stale_connection_is_retried(
    proxy_to: OpenProxy, nginx_address: Address, reset: str
) -> None:
    proxy = proxy_to(nginx_address, f"error fault=stale-keep-alive reset={reset}")
    with session_of(proxy, Retry(1)) as session:
        for _ in range(3):
            assert session.get(f"http://{proxy.address}/hello").content == HELLO
    assert proxy.totals.opened == 3
    with urllib3.PoolManager(retries=False) as pool:
        assert pool.request("GET", f"http://{proxy.address}/hello").data == HELLO
        with pytest.raises(urllib3.exceptions.ProtocolError):
            pool.request("GET", f"http://{proxy.address}/hello")


@pytest.mark.parametrize(
    ("rule", "raises"),
    [
        ("truncated-body", requests.exceptions.ChunkedEncodingError),
        ("truncated-body reset=true", requests.exceptions.ChunkedEncodingError),
        ("truncated-chunks", requests.exceptions.ChunkedEncodingError),
        ("bad-chunk", requests.exceptions.ChunkedEncodingError),
        ("corrupt-gzip", requests.exceptions.ContentDecodingError),
        ("duplicate-content-length", requests.exceptions.InvalidHeader),
        ("huge-header", requests.exceptions.ConnectionError),
        ("redirect-loop", requests.exceptions.TooManyRedirects),
        ("dead-redirect", requests.exceptions.ConnectionError),
        ("empty-reply", requests.exceptions.ConnectionError),
        ("reset", requests.exceptions.ConnectionError),
    ],
)
def test_requests_raises_too(
    proxy_to: OpenProxy, nginx_address: Address, rule: str, raises: type[Exception]
) -> None:
    proxy = proxy_to(nginx_address, f"error fault={rule}")
    with session_of(proxy, Retry(0)) as session, pytest.raises(raises):
        session.get(f"http://{proxy.address}/large")


CURL_EXITS = {
    "redirect-loop": 47,
    "dead-redirect": 7,
    "empty-reply": 52,
    "reset": 56,
    "truncated-body": 18,
    "truncated-chunks": 18,
    "bad-chunk": 56,
    "corrupt-gzip": 61,
    "stall-after-headers": 28,
    "503": 22,
    "interim-flood": 0,
    "missing-reason": 0,
}


@pytest.mark.parametrize("name", CURL_EXITS)
def test_curl_exits(proxy_to: OpenProxy, nginx_address: Address, name: str) -> None:
    proxy = proxy_to(nginx_address, f"error fault={name}")
    words = ["--fail", "--location", "--compressed", "--noproxy", "*"]
    if CURL_EXITS[name] == 28:
        words += ["--max-time", str(NOT_LONG)]
    done = curl(proxy.address, *words)
    assert done.returncode == CURL_EXITS[name], done.stderr
