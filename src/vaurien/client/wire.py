"""HTTP/1.1 as a client speaks it, and server-sent events, without I/O.

Law: what a server may send is limited in size, and whatever is not clearly HTTP/1.1 is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from .steps import Answer, Request

HEAD_LIMIT = 64 * 1024
"""Bytes of a response's head, or of a line between chunks."""
BODY_LIMIT = 256 * 1024 * 1024
EVENT_LIMIT = 16 * 1024 * 1024
"""Bytes of a line of an event, and of all its data: a change may name thousands of proxies."""
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
KEPT = 2.0
"""Seconds within which a connection may be used again: the server closes it after five."""
REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
"""Requests that may be sent again if a connection that was kept ends without a response."""
DEFAULT_PORTS = {"http": 80, "https": 443}
ALLOWED = "http://HOST:PORT, https://HOST:PORT or unix:/PATH"


class WireError(Exception):
    """What arrives is no response in HTTP/1.1, or ends too early, or is too long."""


@dataclass(frozen=True)
class Location:
    """Where an API is: over TCP, with or without TLS, or at the path of a unix socket."""

    scheme: str
    host: str
    port: int
    path: str = ""
    """Of the unix socket."""
    prefix: str = ""
    """What precedes each path, as behind a reverse proxy."""

    @classmethod
    def parse(cls, url: str, default_port: int | None = None) -> Location:
        """Parse a URL; ``default_port``: if not that of the scheme.

        Raises:
            ValueError: it is not one of ``ALLOWED``.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(f"{url!r} is not a URL of the API: {ALLOWED}") from None
        if parts.scheme == "unix" and parts.path and not (parts.netloc or parts.query):
            return cls("unix", "localhost", 80, path=unquote(parts.path))
        usable = parts.scheme in DEFAULT_PORTS and parts.hostname
        if not usable or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"{url!r} is not a URL of the API: {ALLOWED}")
        if port is None:
            port = default_port or DEFAULT_PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname or "", port, prefix=parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        if self.path:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def encode(request: Request, location: Location, token: str = "") -> bytes:
    """Encode a request.

    Raises:
        ValueError: its body is not JSON, or the token has characters that no header may have.
    """
    headers = {"Host": location.authority, "Accept": "application/json", **request.headers}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = b""
    if request.body is not None:
        body = json.dumps(request.body, allow_nan=False).encode()
        headers["Content-Type"] = "application/json"
    if body or request.method not in ("GET", "DELETE"):
        headers["Content-Length"] = str(len(body))
    lines = [f"{request.method} {location.prefix}{request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    for line in lines:
        check_header(line)
    return "\r\n".join([*lines, "", ""]).encode() + body


def check_header(text: str) -> None:
    """Raise ValueError if a text has characters that no header may have."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a token or a header may have printable ASCII characters only")


class ResponseReader:
    """Reads one response from the bytes that it is fed.

    ``status`` is 0 until the head is there.  ``body`` grows as it arrives.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False
        self.reusable = False
        """The connection may be used for another request."""
        self._data = bytearray()
        self._ended = False
        self._parsing = self._parse()
        next(self._parsing)

    @property
    def answer(self) -> Answer:
        """The whole response."""
        return Answer(self.status, self.headers, bytes(self.body))

    def take_body(self) -> bytes:
        """Return what has arrived of the body since the last call."""
        taken = bytes(self.body)
        self.body.clear()
        return taken

    def feed(self, data: bytes) -> None:
        """Read on; ``data`` is empty at the end of the stream.

        Raises:
            WireError: this is no response.
        """
        self._data += data
        self._ended = not data
        try:
            next(self._parsing)
        except StopIteration:
            self.complete = True
            self.reusable = self.reusable and not self._data

    def _parse(self) -> Generator[None, None, None]:
        while self.status < 200:
            yield from self._read_head()
        if self.status in (204, 304):
            return
        coding = self.headers.get("transfer-encoding", "").lower()
        length = self.headers.get("content-length")
        if coding:
            if coding != "chunked":
                raise WireError(f"the transfer encoding {coding!r} is unknown")
            self.reusable = self.reusable and length is None
            yield from self._read_chunks()
        elif length is None:
            self.reusable = False
            while not self._ended:
                self._take(len(self._data))
                yield
        else:
            yield from self._read_bytes(_length(length))

    def _read_head(self) -> Generator[None, None, None]:
        line = yield from self._read_line()
        found = STATUS_LINE.fullmatch(line)
        if found is None:
            raise WireError("this is no response in HTTP/1.1")
        headers: dict[str, str] = {}
        size = len(line)
        while line := (yield from self._read_line()):
            size += len(line)
            header = HEADER.fullmatch(line)
            if header is None or size > HEAD_LIMIT:
                raise WireError("the head of the response is invalid, or too long")
            name, value = header[1].decode().lower(), header[2].decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        connection = headers.get("connection", "").lower()
        self.reusable = found[1] == b"1" and "close" not in connection
        self.headers = headers
        self.status = int(found[2])

    def _read_chunks(self) -> Generator[None, None, None]:
        size = -1
        while size:
            found = CHUNK.fullmatch((yield from self._read_line()))
            if found is None:
                raise WireError("a chunk of the response has no size")
            size = int(found[1], 16)
            yield from self._read_bytes(size)
            if size and (yield from self._read_line()):
                raise WireError("a chunk of the response is longer than its size")
        while (yield from self._read_line()):  # trailers
            pass

    def _read_bytes(self, size: int) -> Generator[None, None, None]:
        while size:
            if not self._data:
                yield from self._more()
            size -= self._take(size)

    def _read_line(self) -> Generator[None, None, bytes]:
        start = 0
        while (end := self._data.find(b"\n", start)) < 0:
            start = len(self._data)
            if start > HEAD_LIMIT:
                raise WireError("a line of the response is too long")
            yield from self._more()
        line = bytes(self._data[:end])
        del self._data[: end + 1]
        return line.removesuffix(b"\r")

    def _take(self, size: int) -> int:
        """Move so many bytes at most to the body; return how many."""
        taken = self._data[:size]
        del self._data[:size]
        self.body += taken
        if len(self.body) > BODY_LIMIT:
            raise WireError("the response is too long")
        return len(taken)

    def _more(self) -> Generator[None, None, None]:
        """Wait to be fed."""
        if self._ended:
            raise WireError("the connection was closed before the whole response arrived")
        yield
        if self._ended:
            raise WireError("the connection was closed before the whole response arrived")


def _length(text: str) -> int:
    """Parse a Content-Length; as RFC 9110 allows, one that is repeated."""
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise WireError(f"the length {text!r} of the response is invalid")
    return int(value)


@dataclass(frozen=True)
class Event:
    """Something that happened; ``data`` depends on the type, and ``id`` grows."""

    id: str
    type: str
    data: Mapping[str, object]


class EventReader:
    """Reads server-sent events from the bytes that it is fed."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        """The id of the last event that was complete."""
        self._id = last_id
        self._data = bytearray()
        self._type = ""
        self._lines: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that are complete.

        Raises:
            WireError: an event is too long, or its data is not a JSON object.
        """
        self._data += data
        while (end := self._data.find(b"\n")) >= 0:
            line = self._data[:end].removesuffix(b"\r").decode(errors="replace")
            del self._data[: end + 1]
            if line:
                self._read_field(line)
            else:
                yield from self._end_event()
        self._check_size(len(self._data))

    def _read_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._lines.append(value)
            self._size += len(value)
            self._check_size(self._size)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _end_event(self) -> Iterator[Event]:
        lines, kind = self._lines, self._type or "message"
        self._lines, self._size, self._type = [], 0, ""
        self.last_id = self._id
        if not lines:
            return
        text = "\n".join(lines)
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise WireError(f"the data of an event is not a JSON object: {text[:200]!r}")
        yield Event(self.last_id, kind, data)

    def _check_size(self, size: int) -> None:
        if size > EVENT_LIMIT:
            raise WireError("an event is too long")
