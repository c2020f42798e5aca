"""postgresql: the frontend/backend protocol.

An exchange is whatever ends in one ReadyForQuery: a simple query, a function call, or all
messages of the extended protocol up to and including a Sync.  Here these are called a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import ClassVar

from ...fault import Catalogue
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import ANY, Kind, texts
from ...values.actions import Forward, Reply
from ...values.messages import Message
from ...values.options import option
from ..sql import VERBS
from .faults import CATALOGUE
from .requests import BATCH_VERBS, ENCRYPTION_LABELS, TLS_LABELS, RequestParser
from .responses import ResponseParser
from .semantics import SEMANTICS
from .statements import TEXT_LIMIT, Session

VERB = "a word in upper case, such as SELECT"


class PostgreSQL(Protocol):
    """The frontend/backend protocol, versions 3.0 and 3.2; poolers speak it, too."""

    name = "postgresql"
    labels: ClassVar[Mapping[str, str]] = {
        "phase": "encryption, startup, query, cancel or terminate",
        "verb": "the first word of the statement in upper case, such as SELECT; "
        "STARTUP, CANCEL, SYNC, ... if there is no statement",
        "sql": f"the statement, cut at {TEXT_LIMIT:,} characters",
        "mode": "how the statement was sent: simple, extended or function",
        "user": "the user of a start-up",
        "database": "the database of a start-up",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "error": "the SQLSTATE, if the response begins with an error"
    }
    kind_labels = ("phase", "verb", "mode")
    tallied: ClassVar[str] = "verb"
    decrypting: ClassVar[Mapping[str, object]] = {"tls": "both"}
    semantics = SEMANTICS
    faults: ClassVar[Catalogue] = CATALOGUE
    tls: str = option(
        "refuse",
        "if a client requests encryption: refuse (tell it that there is none, so that messages "
        "stay readable), pass (let it ask the backend; an encrypted connection is opaque) or both "
        "(the same, and decrypt it: the proxy's tls says with what)",
        choices=("refuse", "pass", "both"),
    )

    @classmethod
    @cache
    def kinds(cls) -> Sequence[Kind]:
        state = "a SQLSTATE of five digits and upper-case letters"
        error = {"error": texts((), r"[0-9A-Z]{5}|", "[^0-9A-Z]", state)}
        startup = {"phase": texts("startup"), "verb": texts("STARTUP"), **error}
        query = {"phase": texts("query"), **error}
        return (
            {"phase": texts("encryption"), "verb": texts("SSLREQUEST GSSENCREQUEST TLS"), **error},
            {**startup, "user": ANY, "database": ANY},
            {"phase": texts("cancel"), "verb": texts("CANCEL")},
            {"phase": texts("terminate"), "verb": texts("TERMINATE")},
            {
                **query,
                "verb": texts(f"EMPTY OTHER {VERBS}", "[A-Z]+", "[^A-Z]", VERB),
                "sql": ANY,
                "mode": texts("simple extended"),
            },
            {**query, "verb": texts(BATCH_VERBS), "mode": texts("extended")},
            {**query, "verb": texts("FUNCTION"), "mode": texts("function")},
        )

    @cached_property
    def session(self) -> Session:
        """What the two parsers of a connection tell each other."""
        return Session()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decrypts = self.tls == "both"
        self.adjusting = self.tls == "refuse" or self.decrypts

    def adjust(self, message: Message) -> Forward | Reply:
        kind = message.labels
        if kind in ENCRYPTION_LABELS.values() and not (self.decrypts and kind in TLS_LABELS):
            self.tell(f"a client requested encryption, which was refused (tls={self.tls})")
            return Reply(b"N")
        if message.to_backend and kind not in TLS_LABELS:
            self.adjusting = False  # the client continues without encryption
        return Forward(message)

    def requests(self, stream: Stream) -> Parser:
        return RequestParser(stream, self.session, tls=self.tls).parse()

    def responses(self, stream: Stream) -> Parser:
        return ResponseParser(stream, self.session, tls=self.tls).parse()
