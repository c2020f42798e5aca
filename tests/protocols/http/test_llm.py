"""Whose API a request is for."""

from __future__ import annotations

import pytest

from vaurien.protocols.http.llm import asked_of, is_endpoint, provider_of
from vaurien.protocols.http.members import Members

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("path", "host", "provider"),
    [
        (CHAT, "api.openai.com", "openai"),
        (CHAT, "eu.api.openai.com:443", "openai"),
        (CHAT, "127.0.0.1:8000", "openai"),
        (CHAT, "[::1]:8000", "openai"),
        (CHAT, "proxy:8000", "openai"),
        (CHAT, "", "openai"),
        ("/v1/responses", "localhost", "openai"),
        ("/v1/embeddings", "localhost", "openai"),
        (CHAT, "api.deepseek.com", "compatible"),
        (CHAT, "notopenai.com", "compatible"),
        ("/openai" + CHAT, "localhost", "compatible"),
        ("/chat/completions", "localhost", "compatible"),
        ("/openai/deployments/x/chat/completions", "x.openai.azure.com", "compatible"),
        ("/v1/messages", "localhost", "anthropic"),
        ("/v1/messages/count_tokens", "api.anthropic.com", "anthropic"),
        ("/messages", "localhost", ""),
        ("/v1/chat/completions/7", "api.openai.com", ""),
        ("/v1/models", "api.openai.com", ""),
        ("/", "", ""),
    ],
)
def test_paths_and_hosts(path: str, host: str, provider: str) -> None:
    assert provider_of(path, host, b"") == provider
    assert is_endpoint(path) or not provider


def test_a_version_tells_anthropic() -> None:
    head = b"POST /x HTTP/1.1\r\nAnthropic-Version: 2023-06-01\r\n\r\n"
    assert provider_of("/gateway/messages", "h", head) == "anthropic"


def test_a_stream_is_unknown_until_all_has_been_seen() -> None:
    members = Members(["model", "stream"])
    members.feed(b'{"model": "m",')
    assert asked_of(members, whole=False) == {"model": "m"}
    assert asked_of(members, whole=True) == {"model": "m", "stream": "no"}
