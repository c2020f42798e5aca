"""Requests to the APIs of language models: whose API it is, and which model is asked.

OpenAI's API is also that of many other servers, which are called compatible here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .members import Members

ENDPOINT = re.compile(
    r"(?P<before>.*?)/(?:(?P<messages>messages(?:/count_tokens)?)"
    r"|(?:chat/)?completions|responses|embeddings)"
)
"""The path of a request.  Groups: what is before the endpoint; the endpoint, if it is that of
Anthropic's API."""
VERSION = re.compile(rb"\nanthropic-version[ \t]*+:", re.IGNORECASE)
PUBLIC = re.compile(r"(?!.*\.openai\.com(?::|\Z))[^:]*\.[a-z-]+(?::\d+)?", re.IGNORECASE)
"""A name in the DNS that is not OpenAI's: neither an address nor the name of a machine."""
PROVIDERS = ("openai", "anthropic", "compatible")
ASKED = ("model", "stream")
"""Labels that are members of the request's body."""
LLM_LABELS = frozenset({"provider", *ASKED})
"""Labels that only requests to these APIs have."""
PEEK_LIMIT = 1024 * 1024
"""Bytes of a body in which these are looked for: some clients send the messages first."""
LABEL_LIMIT = 200
"""Maximum length of the name of a model, in characters."""


def is_endpoint(path: str) -> bool:
    """Whether a path may be one of these APIs."""
    return ENDPOINT.fullmatch(path) is not None


def provider_of(path: str, host: str, head: bytes) -> str:
    """Return whose API a request is for, "" if it is for none that is known."""
    found = ENDPOINT.fullmatch(path)
    if found is None:
        return ""
    if found["messages"]:
        return "anthropic" if found["before"] == "/v1" or VERSION.search(head) else ""
    if found["before"] != "/v1" or PUBLIC.fullmatch(host):
        return "compatible"
    return "openai"


def asked_of(members: Members, *, whole: bool) -> Mapping[str, str]:
    """Return the labels that a body gives; ``whole``: all of it has been looked at."""
    labels = {}
    if "model" in members.found:
        labels["model"] = members.found["model"][:LABEL_LIMIT]
    stream = members.found.get("stream")
    if stream is not None or whole or members.over:
        labels["stream"] = "yes" if stream == "true" else "no"
    return labels
