"""redis: RESP2 and RESP3, and inline commands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from ...fault import Catalogue
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import Kind
from . import wire
from .commands import KINDS
from .faults import CATALOGUE
from .requests import RequestParser
from .responses import ResponseParser
from .semantics import SEMANTICS
from .session import Session


class Redis(Protocol):
    """RESP2 and RESP3: Redis, Valkey, KeyDB, Dragonfly."""

    name = "redis"
    labels = {
        "command": "the command in upper case, such as SET",
        "subcommand": "the second word of commands such as CONFIG GET and XGROUP CREATE",
        "key": f"the first key, cut at {wire.KEY_LIMIT} bytes; of EXEC, that of its transaction",
        "access": "write, read, control (answered even while Redis is loading) or other",
        "grows": "yes if Redis refuses it when memory is short, otherwise no",
    }
    response_labels = {"error": "the error code: the first word of the error"}
    kind_labels = ("command", "subcommand")
    semantics = SEMANTICS
    faults: ClassVar[Catalogue] = CATALOGUE

    @classmethod
    def kinds(cls) -> Sequence[Kind]:
        return KINDS

    @cached_property
    def session(self) -> Session:
        """What the two parsers of a connection tell each other."""
        return Session()

    def requests(self, stream: Stream) -> Parser:
        return RequestParser(stream, self.session).parse()

    def responses(self, stream: Stream) -> Parser:
        return ResponseParser(stream, self.session).parse()
