"""A small server of language models: it answers as OpenAI and Anthropic document, always the same.

Content is streamed in chunks that have nothing to do with events, so that they are cut anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from peers import serving_in_thread
from vaurien.net.address import Address

WORDS = ("Once", " upon", " a", " time", ", wéll")
SAID = "".join(WORDS)
ARGUMENTS = ('{"ci', 'ty": "Pa', 'ris"}')
USAGE = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
CHUNK_SIZE = 37
"""Bytes of each chunk, but for the last one."""


def sent(data: object, name: str = "") -> bytes:
    """A server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    called = f"event: {name}\n" if name else ""
    return f"{called}data: {text}\n\n".encode()


def chat_events(*, tool: bool) -> Iterator[bytes]:
    """The stream of Chat Completions, with its usage."""

    def chunk(**more: object) -> bytes:
        made = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return sent({**made, **more})

    def choice(delta: object, reason: str | None = None) -> bytes:
        return chunk(choices=[{"index": 0, "delta": delta, "finish_reason": reason}])

    yield choice({"role": "assistant", "content": ""})
    if tool:
        call = {"index": 0, "id": "call_1", "type": "function"}
        function = {"name": "weather", "arguments": ""}
        yield choice({"tool_calls": [{**call, "function": function}]})
        for part in ARGUMENTS:
            yield choice({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    else:
        for word in WORDS:
            yield choice({"content": word})
    yield choice({}, "tool_calls" if tool else "stop")
    yield chunk(choices=[], usage=USAGE)
    yield sent("[DONE]")


def chat_whole() -> dict[str, Any]:
    message = {"role": "assistant", "content": SAID}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    made = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**made, "choices": [choice], "usage": USAGE}


def response_whole(status: str = "completed") -> dict[str, Any]:
    text = {"type": "output_text", "text": SAID, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    output = [{**message, "content": [text]}] if status == "completed" else []
    usage = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": usage,
    }


def response_events() -> Iterator[bytes]:
    """The stream of the Responses API."""

    def event(kind: str, number: int, **more: object) -> bytes:
        return sent({"type": kind, "sequence_number": number, **more}, kind)

    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield event("response.created", 0, response=response_whole("in_progress"))
    for number, word in enumerate(WORDS, 1):
        yield event("response.output_text.delta", number, **where, delta=word, logprobs=[])
    yield event("response.output_text.done", 8, **where, text=SAID, logprobs=[])
    yield event("response.completed", 9, response=response_whole())


def message_events(*, tool: bool) -> Iterator[bytes]:
    """The stream of Messages."""

    def event(kind: str, **more: object) -> bytes:
        return sent({"type": kind, **more}, kind)

    begun = {**message_whole(), "content": [], "stop_reason": None}
    yield event("message_start", message=begun)
    block: dict[str, Any] = {"type": "text", "text": ""}
    deltas: list[dict[str, str]] = [{"type": "text_delta", "text": word} for word in WORDS]
    if tool:
        block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in ("", *ARGUMENTS)]
    yield event("content_block_start", index=0, content_block=block)
    yield event("ping")
    for delta in deltas:
        yield event("content_block_delta", index=0, delta=delta)
    yield event("content_block_stop", index=0)
    reason = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    yield event("message_delta", delta=reason, usage={"output_tokens": 5})
    yield event("message_stop")


def message_whole() -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": SAID}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 5},
    }


def lines() -> Iterator[bytes]:
    """A stream of JSON lines, as Ollama has it."""
    for word in WORDS:
        said = {"role": "assistant", "content": word}
        yield json.dumps({"model": "m", "message": said, "done": False}).encode() + b"\n"
    yield json.dumps({"model": "m", "done": True, "done_reason": "stop"}).encode() + b"\n"


class Handler(BaseHTTPRequestHandler):
    """Answers requests to all of these APIs."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is called there
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, LlmServer)
        self.server.asked.append(asked)
        self.server.codings.append(self.headers.get("Accept-Encoding", ""))
        tool = "tools" in asked
        whole = not asked.get("stream")
        match self.path:
            case "/v1/chat/completions":
                self.whole(chat_whole()) if whole else self.stream(chat_events(tool=tool))
            case "/v1/responses":
                self.whole(response_whole()) if whole else self.stream(response_events())
            case "/v1/messages":
                self.whole(message_whole()) if whole else self.stream(message_events(tool=tool))
            case _:
                self.stream(lines(), "application/x-ndjson")

    def whole(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, events: Iterable[bytes], kind: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = b"".join(events)
        parts = [data[place : place + CHUNK_SIZE] for place in range(0, len(data), CHUNK_SIZE)]
        for part in (*parts, b""):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))


class LlmServer(ThreadingHTTPServer):
    """Knows what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        """The bodies of the requests."""
        self.codings: list[str] = []
        """Their Accept-Encoding."""

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that a fault has broken off."""

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.server_port)


@contextmanager
def llm_server() -> Iterator[LlmServer]:
    server = LlmServer()
    with serving_in_thread(server):
        yield server
