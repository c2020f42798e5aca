"""memcache: the protocols of memcached.  A client chooses text or binary with its first byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from ...fault import Catalogue
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import SOME, Kind, texts
from .binary import OPCODES, binary_requests, binary_responses
from .faults import CATALOGUE
from .semantics import SEMANTICS
from .text import COMMANDS, RESULT_WORDS, UNKNOWN, text_requests, text_responses
from .wire import STATUSES


class Memcache(Protocol):
    """See the module."""

    name = "memcache"
    labels: ClassVar[Mapping[str, str]] = {
        "command": "the command in lower case: get, set, mg; binary ones have the same names",
        "key": "the first key",
        "form": "text, meta or binary",
        "quiet": "yes if success is not answered: noreply, a q flag, a quiet opcode; otherwise no",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "result": "the first word: STORED, END, HD; of binary responses the status: SUCCESS",
        "error": "ERROR, CLIENT_ERROR or SERVER_ERROR; of binary responses the status: ENOMEM",
    }
    faults: ClassVar[Catalogue] = CATALOGUE
    semantics = SEMANTICS

    @classmethod
    @cache
    def kinds(cls) -> Sequence[Kind]:
        text = {command.request for command in (*COMMANDS.values(), UNKNOWN)}
        binary = {"cas", *(code.name for code in OPCODES.values())}
        names = {
            "text": texts(request.command for request in text if request.form == "text"),
            "meta": texts(request.command for request in text if request.form == "meta"),
            "binary": texts(binary, "0x[0-9a-f]{2}", "[A-Z]"),
        }
        words = [word.labels for word in RESULT_WORDS.values()]
        results = texts(labels["result"] for labels in words if "result" in labels)
        errors = texts(labels["error"] for labels in words if "error" in labels)
        codes = texts((status.name for status in STATUSES.values()), "0x[0-9a-f]{4}", "[g-wyz]")
        return tuple(
            {
                "command": commands,
                "form": texts(form),
                "quiet": texts("yes no"),
                "key": SOME,
                "result": codes if form == "binary" else results,
                "error": codes if form == "binary" else errors,
            }
            for form, commands in names.items()
        )

    def requests(self, stream: Stream) -> Parser:
        while stream.drained:
            yield
        binary = stream.at_hand(1) == b"\x80"
        return (yield from (binary_requests if binary else text_requests)(stream))

    def responses(self, stream: Stream) -> Parser:
        while stream.drained:
            yield
        binary = stream.at_hand(1) == b"\x81"
        return (yield from (binary_responses if binary else text_responses)(stream))
