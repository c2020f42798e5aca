"""Responses of MySQL and MariaDB: where they end.

Law: only headers and first bytes are looked at; rows pass by unseen, in bounded memory.
Source: the pages on OK, EOF, ERR and result set packets of both servers' documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...values.messages import NO_LABELS
from .forms import HEADER_SIZE, LONGEST, Asked, Form, size_of

PROTOCOL_41 = 1 << 9
OPTIONAL_METADATA = 1 << 25
DEPRECATE_EOF = 1 << 24

MORE_RESULTS = 0x0008
CURSOR_EXISTS = 0x0040
"""Status flags: another result follows; rows are to be fetched later."""

OK, LOCAL_FILE, EOF, ERR = 0x00, 0xFB, 0xFE, 0xFF
"""First bytes of payloads."""
PROGRESS = "65535"
"""The number of an ERR packet that is none: MariaDB tells how far a statement has come."""

HEAD = 32
"""Bytes of a packet that may have to be looked at."""
LENGTHS = {0xFC: 3, 0xFD: 4, 0xFE: 9}
"""Bytes that an integer takes, by its first one; any other is the integer itself."""


def begins(window: bytes) -> bool:
    """Whether enough has arrived of a packet to tell whether it is an error, and which."""
    size = len(window) - HEADER_SIZE
    return size > 2 or (size >= 0 and size >= size_of(window))


def labels_of(window: bytes) -> Mapping[str, str]:
    """The labels of a response, given its beginning."""
    if len(window) > HEADER_SIZE + 2 and window[HEADER_SIZE] == ERR and size_of(window) > 2:
        number = errno_of(window[HEADER_SIZE:])
        return {"error": number} if number != PROGRESS else NO_LABELS
    return NO_LABELS


def errno_of(head: bytes) -> str:
    """The number of an error, given the payload of an ERR packet."""
    return str(int.from_bytes(head[1:3], "little"))


def pass_rows(window: bytes, at: int) -> int:
    """Where the first packet begins that may be no row or column; possibly behind the window.

    Rows begin with a length below 0xFE or, if binary, with 0; columns with the length of
    ``def``.  One that goes on in another packet is not passed.
    """
    end = len(window) - HEADER_SIZE
    while at < end:
        size = window[at] | window[at + 1] << 8 | window[at + 2] << 16
        if window[at + HEADER_SIZE] >= EOF or size == LONGEST:
            break
        at += HEADER_SIZE + size
    return at


class Response:
    """A response that is being taken: which packets are still to come."""

    final = True
    """No other response to the same request follows."""
    over = False
    """Its last packet has begun."""
    error = ""
    """The number of the error in it."""
    statement: int | None = None
    """The number of the statement that it has prepared."""

    _ends = 0  # terminators to come; 0: a result begins
    _counted = 0  # packets to come, whatever they are
    _inside = False  # the next packet goes on with the last

    def __init__(self, form: Form, flags: int) -> None:
        """``flags``: the capabilities that both peers have."""
        self._form = form
        self._flags = flags
        self._deprecate_eof = flags & DEPRECATE_EOF
        if form is Form.ROWS:
            self._ends = 1

    def take(self, window: bytes) -> int:
        """How many bytes to take, given those at hand; 0 if more must arrive first."""
        at, end = 0, len(window)
        while not self.over or self._inside:
            if self._ends and not self._inside:
                at = pass_rows(window, at)
            start = at + HEADER_SIZE
            if start > end:
                break
            size = window[at] | window[at + 1] << 8 | window[at + 2] << 16
            looked = start + (size if size < HEAD else HEAD)
            if looked > end:
                break
            goes_on, self._inside = self._inside, size == LONGEST
            if not goes_on:
                self._judge(size, window[start:looked])
            at = start + size
        return at

    @property
    def taken(self) -> bool:
        """No byte of it is still to come."""
        return self.over and not self._inside

    def _judge(self, size: int, head: bytes) -> None:
        """A packet that does not go on with another, given its first bytes."""
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
        elif self._form is Form.RESULTS:
            self._begin_result(first, head)
        elif self._form is Form.PREPARED and first == OK:
            self._prepare(head)
        else:
            self.over = True
            self.final = self._form is not Form.LOGIN or first == OK

    def _begin_result(self, first: int, head: bytes) -> None:
        if first in {OK, EOF}:
            self._ends = 1
            self._terminate(self._status(head))
        elif first == LOCAL_FILE:
            self.final = False
            self.over = True
        else:  # the number of columns: these, an EOF in older dialects, rows and an EOF follow
            self._ends = 1 if self._deprecate_eof else 2

    def _terminate(self, status: int) -> None:
        """An EOF, or an OK that stands for it."""
        self._ends -= 1
        if status & CURSOR_EXISTS:
            self._ends = 0
        if not self._ends:
            self.over = not status & MORE_RESULTS or self._form is not Form.RESULTS

    def _status(self, head: bytes) -> int:
        """The status flags in an OK or EOF packet."""
        at = 3
        if head[:1] != b"\xfe" or self._deprecate_eof:
            at = 1
            for _ in ("affected rows", "last insert id"):
                at += LENGTHS.get(head[at], 1) if at < len(head) else 0
        return int.from_bytes(head[at : at + 2], "little")

    def _prepare(self, head: bytes) -> None:
        self.statement = int.from_bytes(head[1:5], "little")
        columns = int.from_bytes(head[5:7], "little")
        parameters = int.from_bytes(head[7:9], "little")
        if not (self._flags & OPTIONAL_METADATA and head[12:13] == b"\x00"):
            eofs = 0 if self._deprecate_eof else bool(columns) + bool(parameters)
            self._counted = columns + parameters + eofs
        self.over = not self._counted


def form_of(asked: object) -> Form:
    """What the response to a request is made of; of what is said unasked, one packet."""
    return asked.form if isinstance(asked, Asked) else Form.SINGLE
