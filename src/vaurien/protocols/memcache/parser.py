"""memcache: the protocols of memcached.  A client chooses text or binary with its first byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ...fault import Catalogue
from ...protocol import Parser, Protocol, Stream
from .binary import binary_requests, binary_responses
from .faults import CATALOGUE
from .text import text_requests, text_responses


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
