"""The part of HTTP's catalogue that is about streams of events, and the APIs of language models."""

from __future__ import annotations

from ...fault import Fault
from ...values.options import Option
from .edited_faults import ChangedReason, CutArguments, EmptyAnswer, NoUsage
from .llm import PROVIDERS
from .llm_errors import ModelError
from .rate_limits import RateLimit
from .stream_faults import (
    CutStream,
    DuplicateEvent,
    ErrorEvent,
    KeepAlives,
    NoTerminator,
    ReorderedEvents,
    SlowStream,
    StalledStream,
)

MODELS = {"provider": "~."}
"""Requests to the API of a language model."""
MESSAGE = Option("message", str, "", "text of the error; '' for the usual one")
PROVIDER = Option(
    "provider_form",
    str,
    "",
    "whose form the error has; '' for that of the API that is asked",
    choices=("", *PROVIDERS),
)
RETRY_AFTER = Option(
    "retry_after", str, "", "retry-after: seconds, a date or any text; '' for none"
)
LIMIT_AFTER = Option(
    "retry_after", str, "", "retry-after: seconds, a date, any text, or none; '' for the real time"
)
EVENT = Option("event", str, "", "count the events of this type only; '' for all but keep-alives")
END = Option(
    "end",
    str,
    "clean",
    "what comes then: the regular end of the response, or that of the connection",
    choices=("clean", "fin", "rst"),
)


def events(default: int) -> tuple[Option, ...]:
    """Return the parameters that say on which event a fault acts."""
    return (Option("events", int, default, "events that arrive first", minimum=0), EVENT)


def limit(unit: str) -> tuple[Option, ...]:
    """Return the parameters of a limit on the rate of something."""
    return (
        Option("limit", int, 0, f"{unit} that pass in each window", minimum=0),
        Option("window", float, 60.0, "seconds after which the limit begins anew", minimum=0.001),
        LIMIT_AFTER,
        MESSAGE,
        PROVIDER,
    )


LLM_FAULTS: tuple[Fault, ...] = (
    # Requests that are refused.
    RateLimit(
        name="rate-limit-requests",
        aliases=("rpm",),
        meaning="429: too many requests; those before are told how many are left",
        exercises="honoring retry-after; slowing down as the limit comes near",
        applies_to=MODELS,
        parameters=limit("requests"),
        shape="HTTP/1.1 429, x-ratelimit-remaining-requests: 0, retry-after, retry-after-ms",
        unit="requests",
    ),
    RateLimit(
        name="rate-limit-tokens",
        aliases=("tpm",),
        meaning="429: too many tokens; a token is counted for each 4 bytes of a request's body",
        exercises="honoring retry-after; slowing down as the limit comes near",
        applies_to=MODELS,
        parameters=limit("tokens"),
        shape="HTTP/1.1 429, x-ratelimit-remaining-tokens: 0, retry-after, retry-after-ms",
        unit="tokens",
    ),
    ModelError(
        name="insufficient-quota",
        aliases=("insufficient_quota",),
        meaning="429 that does not pass: what was paid for is used up",
        exercises="telling a limit that passes from one that does not",
        applies_to=MODELS,
        parameters=(MESSAGE, PROVIDER),
        shape='HTTP/1.1 429, {"error": {"code": "insufficient_quota", …}}',
        kind="quota",
    ),
    ModelError(
        name="overloaded",
        aliases=("overloaded_error",),
        meaning="the service is overloaded: 529 of Anthropic, 503 of others",
        exercises="retries with a pause in between; another model or provider",
        applies_to=MODELS,
        parameters=(RETRY_AFTER, MESSAGE, PROVIDER),
        shape='HTTP/1.1 529, {"type": "error", "error": {"type": "overloaded_error", …}}',
        kind="overloaded",
    ),
    # Streams that stall, slow down or end.
    StalledStream(
        name="first-token-stall",
        meaning="the head arrives, and the first event does not",
        exercises="the timeout of the first token",
        parameters=(
            *events(0),
            Option("seconds", float, 0.0, "how long it lasts; 0: until lifted", minimum=0),
        ),
        shape="the real head; the events when the rule is lifted",
    ),
    StalledStream(
        name="token-stall",
        meaning="the stream stalls between two events",
        exercises="the timeout between two tokens",
        parameters=(
            *events(3),
            Option("seconds", float, 0.0, "how long it lasts; 0: until lifted", minimum=0),
        ),
        shape="some events; the others when the rule is lifted",
    ),
    SlowStream(
        name="slow-tokens",
        meaning="events arrive slowly: a token each, with most APIs",
        exercises="total timeouts, and what users see meanwhile",
        parameters=(
            Option("rate", float, 5.0, "events a second", minimum=0.001),
            EVENT,
        ),
        shape="the real events, a few a second",
    ),
    KeepAlives(
        name="keep-alives-only",
        meaning="comments and pings keep the stream alive, and no event comes",
        exercises="timeouts that keep-alives do not put off",
        parameters=(
            *events(0),
            Option("interval", float, 1.0, "seconds between two of them", minimum=0.01),
        ),
        shape=": keep-alive, or event: ping, until the rule is lifted",
    ),
    ErrorEvent(
        name="stream-error",
        meaning="an error as an event, after the 200; as the whole body, if it is no stream",
        exercises="errors that come after success",
        applies_to=MODELS,
        parameters=(
            *events(3),
            Option(
                "error",
                str,
                "overloaded",
                "which error",
                choices=("overloaded", "requests", "tokens", "quota", "error"),
            ),
            MESSAGE,
        ),
        shape='some events, data: {"error": {…}}, the end',
    ),
    CutStream(
        name="cut-event",
        meaning="the stream ends in the middle of an event",
        exercises="detecting incomplete streams",
        parameters=(*events(3), END),
        shape="some events, the half of one, the end",
    ),
    CutStream(
        name="cut-utf8",
        meaning="the stream ends in the middle of a character",
        exercises="decoding of text, and detecting incomplete streams",
        parameters=(*events(3), END),
        shape="some events, a part of one with a part of a character, the end",
        in_character=True,
    ),
    NoTerminator(
        name="no-terminator",
        meaning="the stream ends without [DONE], message_stop or response.completed",
        exercises="detecting incomplete streams",
        applies_to={"stream": "yes"},
        shape="all events but the last one",
    ),
    # Streams in disorder.
    DuplicateEvent(
        name="duplicate-event",
        meaning="an event arrives twice",
        exercises="putting the answer together",
        parameters=events(1),
        shape="some events, the next one twice, the others",
    ),
    ReorderedEvents(
        name="reordered-events",
        meaning="an event arrives after the one that follows it",
        exercises="putting the answer together",
        parameters=events(1),
        shape="some events, the next two in reverse order, the others",
    ),
    # Answers that are worse than the real one.
    CutArguments(
        name="cut-tool-call",
        meaning="the arguments of a tool call are JSON that is cut short; all else is as usual",
        exercises="parsing of what a model says",
        applies_to=MODELS,
        shape='the real answer, "arguments": "{…" without its end',
    ),
    ChangedReason(
        name="finish-length",
        meaning="the answer ends early, as it is too long",
        exercises="looking at why an answer has ended",
        applies_to=MODELS,
        parameters=events(3),
        shape='a part of the answer, "finish_reason": "length", "stop_reason": "max_tokens"',
        openai="length",
        anthropic="max_tokens",
        response="max_output_tokens",
    ),
    ChangedReason(
        name="content-filter",
        aliases=("content_filter",),
        meaning="the answer ends early, as a filter has stopped it",
        exercises="looking at why an answer has ended",
        applies_to=MODELS,
        parameters=events(3),
        shape='a part of the answer, "finish_reason": "content_filter", "stop_reason": "refusal"',
        openai="content_filter",
        anthropic="refusal",
        response="content_filter",
    ),
    ChangedReason(
        name="no-finish-reason",
        meaning="the answer does not say why it has ended",
        exercises="looking at why an answer has ended",
        applies_to=MODELS,
        shape='the real answer, "finish_reason": null, "stop_reason": null',
        openai=None,
        anthropic=None,
    ),
    NoUsage(
        name="no-usage",
        meaning="the answer does not say how many tokens it has taken",
        exercises="counting of tokens and costs",
        applies_to=MODELS,
        shape='the real answer without "usage"',
    ),
    EmptyAnswer(
        name="empty-choice",
        meaning="an answer without choices or content",
        exercises="looking before taking the first choice",
        applies_to=MODELS,
        shape='the real answer, "choices": [], "content": []',
    ),
)
