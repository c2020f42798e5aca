"""HTTP's faults between real servers and real clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
from collections.abc import Callable
from http.client import HTTPConnection

import httpx
import pytest

from end_to_end.web import (
    HELLO,
    OpenProxy,
    ask,
    client_of,
    curl,
    plain,
)
from peers import PATIENCE, connect, receive_until_fin, wait_until
from servers import LARGE_FILE
from vaurien.net.address import Address
from vaurien.protocols.http.faults import CATALOGUE
from vaurien.protocols.http.llm_faults import LLM_FAULTS
from vaurien.protocols.http.statuses import STATUSES

NOT_LONG = 0.3
"""Seconds that an impatient client waits."""


# What every fault is to a client.


def statuses() -> list[str]:
    return [str(status) for status in STATUSES]


@pytest.mark.parametrize("status", statuses())
def test_a_status_is_raised_and_the_next_request_works(
    proxy_to: OpenProxy, nginx_address: Address, status: str
) -> None:
    proxy = proxy_to(nginx_address, f"error fault={status} times=1")
    with client_of(proxy) as client:
        failed = client.get("/hello")
        with pytest.raises(httpx.HTTPStatusError) as raised:
            failed.raise_for_status()
        assert raised.value.response.status_code == int(status)
        assert failed.reason_phrase == STATUSES[int(status)].phrase
        assert client.get("/hello").content == HELLO
    assert proxy.totals.opened == (2 if status == "408" else 1)
    assert proxy.proxy.tally.injected == {status: 1}


def get_twice(client: httpx.Client) -> httpx.Response:
    assert client.get("/hello").content == HELLO
    return client.get("/hello")


def get_json(client: httpx.Client) -> object:
    return client.get("/hello").json()


def get(client: httpx.Client) -> httpx.Response:
    return client.get("/hello")


def get_by_http_client(client: httpx.Client) -> bytes:
    url = client.base_url
    with contextlib.closing(HTTPConnection(url.host, url.port, timeout=PATIENCE)) as connection:
        return ask(connection).read()


CLIENT_RAISES: dict[
    str, tuple[str, Callable[[httpx.Client], object], type[Exception] | None, str]
] = {
    "redirect-loop": ("", get, httpx.TooManyRedirects, ".*"),
    "dead-redirect": ("", get, httpx.ConnectError, ".*"),
    "stale-keep-alive": ("", get_twice, httpx.RemoteProtocolError, "disconnected"),
    "empty-reply": ("", get, httpx.RemoteProtocolError, "disconnected"),
    "reset": ("", get, httpx.ReadError, "reset"),
    "corrupt-gzip": ("", get, httpx.DecodingError, ".*"),
    "wrong-charset": ("", get_json, UnicodeDecodeError, "invalid continuation byte"),
    "html-for-json": ("", get_json, json.JSONDecodeError, "Expecting value"),
    "duplicate-content-length": ("", get, httpx.RemoteProtocolError, "Content-Length"),
    "huge-header": ("", get_by_http_client, http.client.LineTooLong, "65536"),
    "truncated-body": ("", get, httpx.RemoteProtocolError, "received 3 bytes, expected 6"),
    "truncated-chunks": ("", get, httpx.RemoteProtocolError, "incomplete chunked read"),
    "bad-chunk": ("", get, httpx.RemoteProtocolError, "chunk header"),
    "slow-headers": ("interval=3600", get, httpx.ReadTimeout, ".*"),
    "slow-body": ("interval=3600", get, httpx.ReadTimeout, ".*"),
    "stall-after-headers": ("", get, httpx.ReadTimeout, ".*"),
    "status": (
        "status=521",
        lambda client: get(client).raise_for_status(),
        httpx.HTTPStatusError,
        "521",
    ),
    # What clients put up with, and well they may:
    "missing-reason": ("", lambda client: not get(client).reason_phrase, None, ""),
    "interim-flood": ("", lambda client: get(client).content == HELLO, None, ""),
}
"""How a rule is written, what the client does, and what it raises."""


def test_no_fault_is_missing() -> None:
    of_language_models = {fault.name for fault in LLM_FAULTS} | {"html-page"}
    named = {fault.name for fault in CATALOGUE} - of_language_models
    assert named == {*CLIENT_RAISES, *statuses()}


@pytest.mark.parametrize("name", CLIENT_RAISES)
def test_a_client_raises_what_it_has_for_a_fault(
    proxy_to: OpenProxy, nginx_address: Address, name: str
) -> None:
    told, act, raises, saying = CLIENT_RAISES[name]
    proxy = proxy_to(nginx_address, f"error fault={name} {told}")
    patience = NOT_LONG if raises is httpx.ReadTimeout else PATIENCE
    with client_of(proxy, patience, follow_redirects=True) as client:
        if raises is None:
            assert act(client)
        else:
            with pytest.raises(raises, match=saying):
                act(client)
        proxy.change()
        assert client.get("/hello", timeout=PATIENCE).content == HELLO
    assert set(proxy.proxy.tally.injected) == {name}


def test_without_a_name_it_is_a_typical_one(proxy_to: OpenProxy, nginx_address: Address) -> None:
    proxy = proxy_to(nginx_address, "error")
    with client_of(proxy) as client:
        seen = {client.get("/hello").status_code for _ in range(60)}
    assert seen == {429, 500, 502, 503, 504}
    assert proxy.totals.opened == 1


# Beside a real server.

NGINX_SAYS = {
    405: "Not Allowed",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    416: "Requested Range Not Satisfiable",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
"""Where it has phrases of its own; it has none for statuses that it does not know."""
UNSAID = {408, 499}
"""With these it closes the connection, and says nothing."""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_status_is_what_nginx_would_say(
    proxy_to: OpenProxy, strict_address: Address, method: str
) -> None:
    proxy = proxy_to(strict_address)
    for status in (status for status in STATUSES if status >= 400 and status not in UNSAID):
        with plain(proxy) as connection:
            proxy.change()
            real = ask(connection, f"/{status}", method)
            real_body = real.read()
            proxy.change(f"error fault={status}")
            ours = ask(connection, "/hello", method)
            our_body = ours.read()
        assert (ours.status, ours.version) == (real.status, real.version) == (status, 11)
        assert real.reason in ("", ours.reason, NGINX_SAYS.get(status)), status
        assert bool(our_body) is (method == "GET")
        assert ours.getheader("Connection") != "close"
        if real_body:
            for body in (real_body, our_body):
                assert f"<title>{status} ".encode() in body
            assert ours.getheader("Content-Type") == real.getheader("Content-Type")
            assert ours.getheader("Content-Length") == str(len(our_body))


def test_what_a_status_has_to_say_besides(proxy_to: OpenProxy, strict_address: Address) -> None:
    proxy = proxy_to(strict_address)
    for path, fault, field in (
        ("/locked", "401", "WWW-Authenticate"),
        ("/lost", "302", "Location"),
        ("/gigabyte", "416", "Content-Range"),
    ):
        seen = []
        for rule in ((), (f"error fault={fault}",)):
            proxy.change(*rule)
            with plain(proxy) as connection:
                connection.request("GET", path, headers={"Range": f"bytes={2**40}-"})
                answer = connection.getresponse()
                assert answer.status == int(fault)
                value = answer.getheader(field) or ""
                seen.append(re.sub(r"http://[^/]*|\d+$", "", value))
        assert seen[0] == seen[1], fault


# Requests with bodies.


def test_a_body_is_swallowed_and_the_connection_goes_on(
    proxy_to: OpenProxy, small_address: Address
) -> None:
    proxy = proxy_to(small_address, "error fault=503 times=2")
    with client_of(proxy) as client:
        assert client.post("/", content=LARGE_FILE).status_code == 503
        chunks = (b"x" * 1000 for _ in range(100))
        assert client.post("/", content=chunks).status_code == 503
        assert client.post("/", content=b"abc").content == b"abc"
    assert proxy.totals.opened == 1


def test_who_waits_for_a_word_before_the_body_gets_the_status(
    proxy_to: OpenProxy, small_address: Address
) -> None:
    proxy = proxy_to(small_address, "error fault=413 times=1")
    words = ["-H", "Expect: 100-continue", "--expect100-timeout", "20", "-d", "x" * 5000]
    begun = time.monotonic()
    refused = curl(proxy.address, *words, "-w", "%{http_code} %{size_upload}")
    assert refused.stdout.endswith(b"413 0")
    accepted = curl(proxy.address, *words)
    assert accepted.stdout == b"x" * 5000
    assert time.monotonic() - begun < 20


def test_replies_take_their_turn_in_a_pipeline(proxy_to: OpenProxy, small_address: Address) -> None:
    proxy = proxy_to(small_address, "error fault=503 path=/b", "delay sleep=0.05 before=false")
    with connect(proxy.address) as client:
        asked = [f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for name in "abc"]
        last = b"GET /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        client.sendall(b"".join(asked) + last)
        told = receive_until_fin(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", told) == [b"200", b"503", b"200", b"200"]


# Which exchanges.


def test_labels_choose(proxy_to: OpenProxy, small_address: Address) -> None:
    proxy = proxy_to(
        small_address,
        "error fault=503 method=POST",
        "error fault=404 path=~^/api/",
        "error fault=429 query=~token=",
        "error fault=401 host=other:81",
    )
    with client_of(proxy) as client:
        assert client.post("/", content=b"x").status_code == 503
        assert client.get("/api/x?y").status_code == 404
        assert client.get("/x?token=1").status_code == 429
        assert client.get("/x", headers={"Host": "other:81"}).status_code == 401
        assert client.get("/x?api").status_code == 200


def test_a_status_of_the_backend_chooses(proxy_to: OpenProxy, small_address: Address) -> None:
    proxy = proxy_to(
        small_address, "error fault=500 status=503", "error fault=truncated-body status=200"
    )
    with client_of(proxy) as client:
        assert client.get("/unavailable").status_code == 500
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/hello")
    assert proxy.proxy.tally.errors == {"503": 1}


def test_traffic_is_counted(proxy_to: OpenProxy, small_address: Address) -> None:
    proxy = proxy_to(small_address)
    with client_of(proxy) as client:
        client.get("/hello")
        client.head("/hello")
        client.post("/", content=b"x")
        client.get("/unavailable")
    tally = proxy.proxy.tally
    # A quiet link parses what it has passed on already.
    wait_until(lambda: tally.latency.count == 4, "all responses are counted")
    assert tally.exchanges == {"GET": 2, "HEAD": 1, "POST": 1}
    assert tally.errors == {"503": 1}


# Slowness.


def test_a_stalled_body_comes_when_the_rule_is_lifted(
    proxy_to: OpenProxy, nginx_address: Address
) -> None:
    proxy = proxy_to(nginx_address, "error fault=stall-after-headers")
    with plain(proxy) as connection:
        answer = ask(connection)
        assert answer.status == 200
        proxy.change()
        assert answer.read() == HELLO


@pytest.mark.parametrize("fault", ["slow-headers", "slow-body"])
def test_slow_responses_are_whole(proxy_to: OpenProxy, nginx_address: Address, fault: str) -> None:
    proxy = proxy_to(nginx_address, f"error fault={fault} bytes=3 interval=0.001")
    with plain(proxy) as connection:
        for _ in range(2):
            assert ask(connection).read() == HELLO
    proxy.change(f"error fault={fault} bytes=1000000 interval=0.05")
    with plain(proxy) as connection:
        begun = time.monotonic()
        assert ask(connection, "/large").read() == LARGE_FILE
        assert time.monotonic() - begun >= (0.5 if fault == "slow-body" else 0.05)
