"""The SDKs of OpenAI and Anthropic, and what a program gets from them, in a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai

from peers import PATIENCE
from vaurien.embedded.handle import ProxyHandle

SAY: Any = [{"role": "user", "content": "Tell me a story."}]
SCHEMA: dict[str, object] = {"type": "object", "properties": {}}
OPENAI_TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
ANTHROPIC_TOOLS: Any = [{"name": "weather", "input_schema": SCHEMA}]


class Clients:
    """Both SDKs, which ask through a proxy."""

    def __init__(self, proxy: ProxyHandle, *, retries: int = 0, patience: float = PATIENCE) -> None:
        """``patience``: seconds that they wait for the next bytes."""
        url = f"http://{proxy.address}"
        self.openai = openai.OpenAI(
            base_url=f"{url}/v1", api_key="key", max_retries=retries, timeout=patience
        )
        self.anthropic = anthropic.Anthropic(
            base_url=url, api_key="key", max_retries=retries, timeout=patience
        )

    def close(self) -> None:
        self.openai.close()
        self.anthropic.close()

    def chat(self, *, tool: bool = False) -> str:
        """Chat Completions, as a stream: the text or the arguments of a tool, why, and usage."""
        said, reason, usage = "", "", ""
        tools: Any = OPENAI_TOOLS if tool else openai.omit
        asked = self.openai.chat.completions
        for chunk in asked.create(model="gpt-4o", messages=SAY, stream=True, tools=tools):
            usage = f" {chunk.usage.total_tokens}" if chunk.usage else usage
            for choice in chunk.choices:
                said += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    said += (call.function and call.function.arguments) or ""
                reason = choice.finish_reason or reason
        return f"{said!r} {reason or None}{usage}"

    def responses(self) -> str:
        """The Responses API, as a stream: the text, and the last event."""
        said, last = "", ""
        for event in self.openai.responses.create(model="gpt-4o", input="Hello", stream=True):
            last = event.type
            if event.type == "response.output_text.delta":
                said += event.delta
        return f"{said!r} {last or None}"

    def messages(self, *, tool: bool = False) -> str:
        """Messages, as a stream: the content, why it has ended, and the number of tokens."""
        tools: Any = ANTHROPIC_TOOLS if tool else anthropic.omit
        asked = self.anthropic.messages
        with asked.stream(model="claude", max_tokens=9, messages=SAY, tools=tools) as stream:
            message = stream.get_final_message()
        block = message.content[0] if message.content else None
        said: object = None
        if block is not None:
            said = block.text if block.type == "text" else getattr(block, "input", None)
        return f"{said!r} {message.stop_reason} {message.usage.output_tokens}"

    def whole(self) -> str:
        """Chat Completions, not as a stream."""
        told: Any = self.openai.chat.completions.create(model="gpt-4o", messages=SAY)
        if isinstance(told, str):
            return f"str {told[:15]}"
        choice = told.choices[0] if told.choices else None
        return f"{choice and choice.message.content!r} {choice and choice.finish_reason}"


def outcome(call: Callable[[], str]) -> str:
    """What a program gets: what is told, or the exception, as users write it."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - which one is what is asked
        kind = type(error)
        module = kind.__module__.partition(".")[0]
        return kind.__name__ if module == "builtins" else f"{module}.{kind.__name__}"
