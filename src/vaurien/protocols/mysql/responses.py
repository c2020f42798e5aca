"""Where a response of MySQL or MariaDB ends.

Law: only headers and first bytes are read; rows are skipped, in bounded memory.
Source: the pages on OK, EOF, ERR and result set packets in the documentation of both servers.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...values.messages import NO_LABELS
from .commands import ResponseKind
from .wire import (
    DEPRECATE_EOF,
    EOF,
    ERR,
    HEADER_SIZE,
    LOCAL_FILE,
    LONGEST,
    OK,
    OPTIONAL_METADATA,
    errno_of,
    integer_at,
    size_of,
)

MORE_RESULTS = 0x0008
CURSOR_EXISTS = 0x0040
"""Status flags: another result follows; rows are to be fetched later."""

PROGRESS = "65535"
"""Error number of a progress report, which MariaDB sends as an ERR packet."""

HEAD = 32
"""Bytes of a payload that may have to be read."""


def is_labelled(window: bytes) -> bool:
    """Whether enough of a packet has arrived to tell its labels."""
    size = len(window) - HEADER_SIZE
    return size > 2 or (size >= 0 and size >= size_of(window))


def labels_of(window: bytes) -> Mapping[str, str]:
    """The labels of a response, given how it begins."""
    if len(window) > HEADER_SIZE + 2 and window[HEADER_SIZE] == ERR and size_of(window) > 2:
        number = errno_of(window[HEADER_SIZE:])
        return {"error": number} if number != PROGRESS else NO_LABELS
    return NO_LABELS


def skip_rows(window: bytes, at: int) -> int:
    """The position of the first packet that may not be a row or column; maybe past the window.

    Rows begin with a length below 0xFE or, if binary, with 0; columns with the length of
    ``def``.  A packet that continues in the next one is not skipped.
    """
    end = len(window) - HEADER_SIZE
    while at < end:
        size = window[at] | window[at + 1] << 8 | window[at + 2] << 16
        if window[at + HEADER_SIZE] >= EOF or size == LONGEST:
            break
        at += HEADER_SIZE + size
    return at


class ResponseReader:
    """Finds the end of a response: knows which packets are still to come."""

    final = True
    """Whether no other response to the same request follows."""
    over = False
    """Whether its last packet has begun."""
    error = ""
    """The number of the error in it; '' for none."""
    statement: int | None = None
    """The number of the statement that was prepared."""

    _ends = 0  # terminators to come; 0: a result begins
    _counted = 0  # packets to come, of any kind
    _continues = False  # the next packet continues the payload of the last one

    def __init__(self, kind: ResponseKind, flags: int) -> None:
        """``flags``: the capabilities that both peers have."""
        self._kind = kind
        self._flags = flags
        self._deprecate_eof = flags & DEPRECATE_EOF
        if kind is ResponseKind.ROWS:
            self._ends = 1

    def take(self, window: bytes) -> int:
        """Return how many bytes to take, given those at hand; 0 if more must arrive first."""
        at, end = 0, len(window)
        while not self.over or self._continues:
            if self._ends and not self._continues:
                at = skip_rows(window, at)
            start = at + HEADER_SIZE
            if start > end:
                break
            size = window[at] | window[at + 1] << 8 | window[at + 2] << 16
            read = start + (size if size < HEAD else HEAD)
            if read > end:
                break
            continues, self._continues = self._continues, size == LONGEST
            if not continues:
                self._classify(size, window[start:read])
            at = start + size
        return at

    @property
    def taken(self) -> bool:
        """Whether it has been taken to its last byte."""
        return self.over and not self._continues

    def _classify(self, size: int, head: bytes) -> None:
        """Take a packet that does not continue another, given its first bytes."""
        first = head[0] if head else OK
        if first == ERR and size < LONGEST and not self._counted:
            number = errno_of(head)
            if number != PROGRESS:
                self.error = number
                self.over = True
        elif self._counted:
            self._counted -= 1
            self.over = not self._counted
        elif self._ends:
            if first == EOF and size < LONGEST:
                self._terminate(self._status(head))
        elif self._kind is ResponseKind.RESULTS:
            self._begin_result(first, head)
        elif self._kind is ResponseKind.PREPARED and first == OK:
            self._prepare(head)
        else:
            self.over = True
            self.final = self._kind is not ResponseKind.LOGIN or first == OK

    def _begin_result(self, first: int, head: bytes) -> None:
        if first in {OK, EOF}:
            self._ends = 1
            self._terminate(self._status(head))
        elif first == LOCAL_FILE:
            self.final = False
            self.over = True
        else:  # a number of columns: columns, an EOF in the older dialect, rows and an EOF follow
            self._ends = 1 if self._deprecate_eof else 2

    def _terminate(self, status: int) -> None:
        """Take an EOF, or the OK that replaces it."""
        self._ends -= 1
        if status & CURSOR_EXISTS:
            self._ends = 0
        if not self._ends:
            self.over = not status & MORE_RESULTS or self._kind is not ResponseKind.RESULTS

    def _status(self, head: bytes) -> int:
        """The status flags in an OK or EOF packet."""
        at = 3
        if head[:1] != b"\xfe" or self._deprecate_eof:
            _, at = integer_at(head, 1)  # affected rows
            _, at = integer_at(head, at)  # last insert id
        return int.from_bytes(head[at : at + 2], "little")

    def _prepare(self, head: bytes) -> None:
        self.statement = int.from_bytes(head[1:5], "little")
        columns = int.from_bytes(head[5:7], "little")
        parameters = int.from_bytes(head[7:9], "little")
        if not (self._flags & OPTIONAL_METADATA and head[12:13] == b"\x00"):
            eofs = 0 if self._deprecate_eof else bool(columns) + bool(parameters)
            self._counted = columns + parameters + eofs
        self.over = not self._counted
