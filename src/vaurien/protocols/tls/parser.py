"""tls: the beginning of TLS, which needs no key: an exchange is a ClientHello and its answer.

What follows the server's first record is opaque: records that only the peers can read.  Then a
request is what the client sends until the server answers, as with ``tcp``.  A fault may have the
records that follow belong to the first exchange, each a message of its own.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import cache
from typing import ClassVar

from ...errors import ProtocolError
from ...parsing.client_hello import HELLO_LIMIT, VERSIONS, ClientHello, Unread, read_client_hello
from ...protocol import Parser, Protocol, Stream
from ...rules.kinds import Kind, texts
from .faults import CATALOGUE
from .semantics import SEMANTICS
from .wire import (
    ALERTS,
    CHANGE_CIPHER_SPEC,
    DATA,
    HEADER,
    RECORD_LIMIT,
    alert_name,
    chosen_version,
)

RECORDS = range(CHANGE_CIPHER_SPEC, DATA + 1)


class Tls(Protocol):
    """See the module.  What a ClientHello notes for its answer is the ClientHello."""

    name = "tls"
    labels: ClassVar[Mapping[str, str]] = {
        "sni": "the name of the server that the client asks for; empty for none",
        "alpn": "the application protocols that it offers, with commas between: h2,http/1.1",
        "tls_version": "the highest version that it offers: TLSv1.3",
    }
    response_labels: ClassVar[Mapping[str, str]] = {
        "negotiated": "the version that the server chooses",
        "alert": "the name of the alert with which the server refuses: handshake_failure",
    }
    tallied: ClassVar[str] = "tls_version"
    reads_tls: ClassVar[bool] = True
    semantics = SEMANTICS
    faults = CATALOGUE

    # Not annotated, so it is no option.
    reads_on = False

    @classmethod
    @cache
    def kinds(cls) -> Sequence[Kind]:
        versions = texts(VERSIONS.values())
        name = texts((), "[!-~]*", "[^!-~]", "a name of a host, or nothing")
        protocols = texts((), "[ -~]*", "[^ -~]", "names with commas between, or nothing")
        asked = {"sni": name, "alpn": protocols, "tls_version": texts(["", *VERSIONS.values()])}
        alerts = texts(ALERTS.values(), r"\d{1,3}", r"[^\d]", "the name of an alert")
        return ({**asked, "negotiated": versions}, {**asked, "alert": alerts})

    def requests(self, stream: Stream) -> Parser:
        hello = yield from _hello(stream)
        labels = {
            "sni": hello.sni or "",
            "alpn": ",".join(hello.alpn),
            "tls_version": hello.versions[0] if hello.versions else "",
        }
        stream.begin(labels, about=hello)
        stream.advance(hello.size)
        stream.end(pauses=True)
        while True:  # data sent early, or all that follows if a fault reads on
            size = yield from _record(stream)
            stream.begin(labels, continues=True, about=hello)
            yield from stream.skip(size, last=True)
            stream.end()

    def responses(self, stream: Stream) -> Parser:
        size = yield from _record(stream)
        while len(data := stream.at_hand(size)) < size:
            if stream.asked is not None:
                stream.announce({}, unknown=self.response_labels)
            yield
        labels = {}
        if version := chosen_version(data):
            labels["negotiated"] = version
        elif name := alert_name(data):
            labels["alert"] = name
            stream.error(name)
        stream.begin(labels, final=not self.reads_on)
        stream.advance(size)
        stream.end()
        while self.reads_on:
            size = yield from _record(stream)
            stream.begin(final=False)
            yield from stream.skip(size, last=True)
            stream.end()
        stream.turn_opaque()


def _hello(stream: Stream) -> Generator[None, None, ClientHello]:
    """Wait for the whole ClientHello.

    Raises:
        ProtocolError: it is none.
    """
    stream.keep_limit = HELLO_LIMIT
    while isinstance(hello := read_client_hello(stream.at_hand(HELLO_LIMIT)), Unread):
        if hello is Unread.NOT_TLS:
            raise ProtocolError(hello.value)
        stream.announce({}, unknown=Tls.labels)
        yield
    return hello


def _record(stream: Stream) -> Generator[None, None, int]:
    """Wait for the header of a record, and return the record's size with it.

    Raises:
        ProtocolError: it is none.
    """
    while True:
        header = stream.at_hand(HEADER)
        if header and (header[0] not in RECORDS or header[1:2] not in (b"", b"\3")):
            raise ProtocolError("not a record of TLS")
        if len(header) == HEADER:
            break
        yield
    size = int.from_bytes(header[3:], "big")
    if size > RECORD_LIMIT:
        raise ProtocolError(f"a record of more than {RECORD_LIMIT} bytes")
    return HEADER + size
