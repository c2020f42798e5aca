"""What the SDKs of OpenAI and Anthropic make of each fault of a language model's API."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

import vaurien
from end_to_end.llm_clients import SAY, Clients, outcome
from llm_server import SAID, LlmServer, llm_server
from peers import wait_until
from vaurien.embedded.chaos import Chaos
from vaurien.embedded.handle import AppliedRule, ProxyHandle
from vaurien.protocols.http.llm_faults import LLM_FAULTS

CHAT, RESPONSE, MESSAGE, WHOLE = (
    f"{SAID!r} stop 10",
    f"{SAID!r} response.completed",
    f"{SAID!r} end_turn 5",
    f"{SAID!r} stop",
)
"""What there is without a fault."""
SAME = (CHAT, RESPONSE, MESSAGE, WHOLE)
LIMITED = ("openai.RateLimitError", "openai.RateLimitError", "anthropic.RateLimitError")
NOT_DECODED = ("UnicodeDecodeError",) * 4
LATE = ("openai.APITimeoutError", "openai.APITimeoutError", "httpx2.ReadTimeout")

NOT_LONG = 0.2
"""Seconds that an impatient client waits for the next bytes ..."""
LONGER = 1.0
"""... and one that is to be kept waiting."""

SEEN: dict[str, tuple[str, str, str, str]] = {
    "rate-limit-requests": (*LIMITED, "openai.RateLimitError"),
    "rate-limit-tokens": (*LIMITED, "openai.RateLimitError"),
    "insufficient-quota": (
        *("openai.RateLimitError", "openai.RateLimitError"),
        *("anthropic.EnforcedSpendLimitReachedError", "openai.RateLimitError"),
    ),
    "overloaded": (
        *("openai.InternalServerError", "openai.InternalServerError"),
        *("anthropic.OverloadedError", "openai.InternalServerError"),
    ),
    "first-token-stall": (*LATE, "openai.APITimeoutError"),
    "token-stall": (*LATE, "openai.APITimeoutError"),
    "token-stall seconds=0.01": SAME,
    "slow-tokens rate=200": SAME,
    "keep-alives-only interval=1": (*LATE, "openai.APITimeoutError"),
    "stream-error": (
        *("openai.APIError", "openai.APIError", "anthropic.APIStatusError"),
        "None None",  # an error in a 200 is no error
    ),
    # What breaks off is taken for the whole, if the response ends as it should.
    "cut-event": (
        *("'Once upon' None", "'Once upon' response.output_text.delta", "'Once' None 5"),
        "json.JSONDecodeError",
    ),
    "cut-event end=fin": (
        *("openai.APIConnectionError", "openai.APIConnectionError"),
        *("httpx2.RemoteProtocolError", "openai.APIConnectionError"),
    ),
    "cut-event end=rst": (
        *("openai.APIConnectionError", "openai.APIConnectionError"),
        *("httpx2.ReadError", "openai.APIConnectionError"),
    ),
    "cut-utf8": NOT_DECODED,
    "no-terminator": (CHAT, f"{SAID!r} response.output_text.done", MESSAGE, WHOLE),
    "duplicate-event events=4": (
        *("'Once upon a time time, wéll' stop 10",),
        *("'Once upon a time time, wéll' response.completed",),
        *("'Once upon a a time, wéll' end_turn 5", WHOLE),
    ),
    "reordered-events events=3": (
        *("'Once upon time a, wéll' stop 10",),
        *("'Once upon time a, wéll' response.completed",),
        *("'Once a upon time, wéll' end_turn 5", WHOLE),
    ),
    "cut-tool-call": SAME,
    "finish-length": (
        *("'Once upon' length 10", "'Once upon' response.incomplete", "'Once' max_tokens 5"),
        f"{SAID!r} length",
    ),
    "content-filter": (
        *("'Once upon' content_filter 10", "'Once upon' response.incomplete"),
        *("'Once' refusal 5", f"{SAID!r} content_filter"),
    ),
    "no-finish-reason": (*(f"{SAID!r} None 10", RESPONSE, f"{SAID!r} None 5", f"{SAID!r} None"),),
    "no-usage": (f"{SAID!r} stop", RESPONSE, "AttributeError", WHOLE),
    "empty-choice": ("'' None 10", "'' response.completed", "None end_turn 5", "None None"),
    "html-page": ("'' None", "'' None", "AssertionError", "str <!DOCTYPE html>"),
}
"""By fault: what Chat Completions, Responses and Messages tell as streams, and the first whole."""


@pytest.fixture(scope="module")
def server() -> Iterator[LlmServer]:
    with llm_server() as running:
        yield running


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    with vaurien.chaos() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(chaos: Chaos, server: LlmServer) -> ProxyHandle:
    return chaos.proxy(str(server.address), protocol="http")


@pytest.fixture(scope="module")
def clients(proxy: ProxyHandle) -> Iterator[Clients]:
    made = Clients(proxy)
    yield made
    made.close()


def failing(proxy: ProxyHandle, fault: str) -> AbstractContextManager[AppliedRule]:
    """Play a fault, given with its parameters as in a rule."""
    words = f"fault={fault}".split()
    return proxy.rule("error", **dict(word.split("=", 1) for word in words))


@pytest.fixture(scope="module")
def impatient(proxy: ProxyHandle) -> Iterator[Clients]:
    made = Clients(proxy, patience=NOT_LONG)
    yield made
    made.close()


def seen(clients: Clients) -> tuple[str, str, str, str]:
    return (
        outcome(clients.chat),
        outcome(clients.responses),
        outcome(clients.messages),
        outcome(clients.whole),
    )


def test_all_faults_are_here() -> None:
    assert {name.partition(" ")[0] for name in SEEN} >= {fault.name for fault in LLM_FAULTS}


def test_without_a_fault(clients: Clients, proxy: ProxyHandle, server: LlmServer) -> None:
    proxy.forget()
    assert seen(clients) == SAME
    assert set(server.codings[-4:]) == {"gzip, deflate"}
    labels = [dict(each.labels) for each in proxy.exchanges]
    assert [(one["provider"], one["model"], one["stream"]) for one in labels] == [
        ("openai", "gpt-4o", "yes"),
        ("openai", "gpt-4o", "yes"),
        ("anthropic", "claude", "yes"),
        ("openai", "gpt-4o", "no"),
    ]


@pytest.mark.parametrize("fault", SEEN)
def test_what_the_sdks_make_of_it(
    clients: Clients, impatient: Clients, proxy: ProxyHandle, fault: str
) -> None:
    with failing(proxy, fault):
        assert seen(impatient if SEEN[fault][:3] == LATE else clients) == SEEN[fault]
    assert outcome(clients.chat) == CHAT  # the rule has left nothing behind


def test_a_tool_call_that_is_cut(clients: Clients, proxy: ProxyHandle) -> None:
    assert outcome(lambda: clients.chat(tool=True)) == """'{"city": "Paris"}' tool_calls 10"""
    assert outcome(lambda: clients.messages(tool=True)) == "{'city': 'Paris'} tool_use 5"
    with failing(proxy, "cut-tool-call"):
        assert outcome(lambda: clients.chat(tool=True)) == """'{"' tool_calls 10"""
        assert outcome(lambda: clients.messages(tool=True)) == "{} tool_use 5"


@pytest.mark.parametrize(("which", "expected"), [("chat", CHAT), ("messages", MESSAGE)])
def test_no_timeout_while_the_stream_is_kept_alive(
    proxy: ProxyHandle, which: str, expected: str
) -> None:
    clients, found = Clients(proxy, patience=LONGER), list[str]()
    asking = threading.Thread(target=lambda: found.append(outcome(getattr(clients, which))))
    with failing(proxy, "keep-alives-only interval=0.05"):
        begun = time.monotonic()
        asking.start()
        wait_until(lambda: found or time.monotonic() > begun + 1.2 * LONGER, "the timeout")
        assert not found
    asking.join()
    clients.close()
    assert found == [expected]


def test_rules_match_on_the_model(clients: Clients, proxy: ProxyHandle) -> None:
    with failing(proxy, "overloaded model=~^claude stream=yes"):
        assert seen(clients) == (CHAT, RESPONSE, "anthropic.OverloadedError", WHOLE)


def test_a_limit_is_counted_down(clients: Clients, proxy: ProxyHandle) -> None:
    with proxy.rule("error", fault="rate-limit-requests", limit=2):
        raw = clients.openai.chat.completions.with_raw_response
        answers = [raw.create(model="m", messages=SAY) for _ in range(2)]
        left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
        assert left == ["1", "0"]
        assert outcome(clients.chat) == "openai.RateLimitError"


def test_two_rules_act_on_one_response(clients: Clients, proxy: ProxyHandle) -> None:
    rules = (
        {"behavior": "error", "fault": "rate-limit-requests", "limit": 9},
        {"behavior": "error", "fault": "duplicate-event", "events": 1},
        {"behavior": "error", "fault": "no-usage"},
    )
    with proxy.rules(*rules):
        assert outcome(clients.chat) == "'OnceOnce upon a time, wéll' stop"
