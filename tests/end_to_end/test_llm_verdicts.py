"""Verdicts on programs that ask a language model, with and without the help of an SDK."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

import vaurien
from end_to_end.llm_clients import SAY, Clients, outcome
from llm_server import llm_server
from peers import wait_until
from vaurien.embedded.chaos import Chaos
from vaurien.embedded.handle import ProxyHandle
from vaurien.verdicts.evidence import calls_of
from vaurien.verdicts.verdict import judge

ASKED = {"model": "m", "messages": SAY, "stream": True}


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    with llm_server() as server, vaurien.chaos() as made:
        made.proxy(str(server.address), protocol="http", name="llm")
        yield made


@pytest.fixture
def proxy(chaos: Chaos) -> ProxyHandle:
    chaos["llm"].forget()
    return chaos["llm"]


@pytest.fixture(scope="module")
def retrying(chaos: Chaos) -> Iterator[Clients]:
    """The SDKs, which try once more."""
    made = Clients(chaos["llm"], retries=1)
    yield made
    made.close()


def found(chaos: Chaos) -> list[tuple[str, str]]:
    return [(finding.level, finding.rule) for finding in chaos.verdict().findings]


def ask(proxy: ProxyHandle, times: int) -> None:
    """Ask again and again, at once."""
    with httpx.Client(base_url=f"http://{proxy.address}", timeout=None) as client:
        for _ in range(times):
            client.post("/v1/chat/completions", json=ASKED)


@pytest.mark.parametrize("which", ["chat", "messages"])
def test_the_sdks_wait_as_they_are_told(
    chaos: Chaos, proxy: ProxyHandle, retrying: Clients, which: str
) -> None:
    window = 0.3 if which == "chat" else 1.0  # Anthropic tells whole seconds
    with proxy.rule("error", fault="rate-limit-requests", window=window, times=1):
        assert "Once" in outcome(getattr(retrying, which))
    (call,) = calls_of(chaos.trace())
    assert [attempt.error for attempt in call.attempts] == ["rate-limit-requests", ""]
    assert call.gaps[0] >= window - 0.01
    assert found(chaos) == []


@pytest.mark.parametrize("limit", [0, 1])
def test_not_waiting(chaos: Chaos, proxy: ProxyHandle, limit: int) -> None:
    with proxy.rule("error", fault="rate-limit-requests", limit=limit, window=2):
        ask(proxy, 2 + limit)
    assert ("FAIL", "ignored-wait") in found(chaos)


@pytest.mark.parametrize("fault", ["400", "insufficient-quota"])
def test_trying_again_what_cannot_succeed(chaos: Chaos, proxy: ProxyHandle, fault: str) -> None:
    with proxy.rule("error", fault=fault):
        ask(proxy, 2)
    assert found(chaos) == [("FAIL", "retried-fatal")]


def test_the_sdk_tries_again_although_the_quota_is_used_up(
    chaos: Chaos, proxy: ProxyHandle, retrying: Clients
) -> None:
    with proxy.rule("error", fault="insufficient-quota"):
        assert outcome(retrying.chat) == "openai.RateLimitError"
    assert found(chaos) == [("FAIL", "retried-fatal")]


@pytest.mark.parametrize("fault", ["cut-event", "no-terminator"])
@pytest.mark.parametrize("which", ["chat", "messages"])
def test_a_part_taken_for_the_whole(
    chaos: Chaos, proxy: ProxyHandle, retrying: Clients, which: str, fault: str
) -> None:
    with proxy.rule("error", fault=fault):
        assert "Once" in outcome(getattr(retrying, which))
    assert ("WARN", "truncated-accepted") in found(chaos)


def test_asking_again_after_a_part(chaos: Chaos, proxy: ProxyHandle, retrying: Clients) -> None:
    with proxy.rule("error", fault="cut-event", times=1):
        outcome(retrying.chat)
        outcome(retrying.chat)
    assert found(chaos) == []


def waiting_for(proxy: ProxyHandle) -> Callable[[], object]:
    return lambda: proxy.exchanges and proxy.exchanges[0].told_bytes


def test_waiting_without_a_limit(chaos: Chaos, proxy: ProxyHandle) -> None:
    with proxy.rule("error", fault="first-token-stall"):
        asking = threading.Thread(target=ask, args=(proxy, 1))
        asking.start()
        wait_until(waiting_for(proxy), "the head")
        later = replace(chaos.trace(), ended_at=chaos.now + 60)
    asking.join()
    assert [(each.level, each.rule) for each in judge(later).findings] == [
        ("FAIL", "waited-forever")
    ]
    assert found(chaos) == []
