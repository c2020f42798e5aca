"""Members of a JSON object, found while it arrives, without parsing the rest of it.

Law: only members of the object itself count, not those of what is in it; and only texts, numbers
and words.  What is no object has no members.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

MEMBER_LIMIT = 256
"""Maximum bytes of the name of a member, and of its value; longer ones are not kept."""
IN_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""The inside of a text, as far as it goes, or up to a lone backslash."""
NESTED = re.compile(rb'[^"{}\[\]]++')
"""Inside what is in the object: what neither opens nor closes anything."""
WORD = re.compile(rb"[ \t\r\n]*+([^ \t\r\n\"{}\[\]:,]*+)")
"""A number, true, false or null, or a part of one; with white space before it."""


class Members:
    """Looks for members by name, in the bytes of an object."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self.found: dict[str, str] = {}
        """The values found so far: of texts what they mean, of others what is written."""
        self.over = False
        """All that were wanted have been found, or the object has ended."""
        self._wanted = frozenset(wanted)
        self._depth = 0
        self._in_text = False
        self._escaped = False  # what arrived ends with a backslash, in a text
        self._kept = b""  # the last text or word of the object itself
        self._name: bytes | None = None  # what is before the colon

    def feed(self, data: bytes) -> None:
        """Look at the bytes that arrive next."""
        place, end = 0, len(data)
        while place < end and not self.over:
            if self._in_text:
                place = self._text(data, place)
            elif self._depth > 1 and (found := NESTED.match(data, place)):
                place = found.end()
            elif self._depth < 2 and (found := WORD.match(data, place)) and found[0]:
                self._keep(found[1])
                self.over = self._depth == 0 and found[1] != b""
                place = found.end()
            else:
                self._mark(data[place : place + 1])
                place += 1

    def _text(self, data: bytes, place: int) -> int:
        """Go on in a text; return the place behind what was seen."""
        begin = place
        place += self._escaped
        self._escaped = False
        found = IN_TEXT.match(data, place)
        assert found is not None  # it also matches nothing
        place = found.end()
        if data[place : place + 1] == b'"':
            self._in_text = False
            place += 1
        elif place < len(data):  # a lone backslash is last
            self._escaped = True
            place = len(data)
        if self._depth == 1:
            self._keep(data[begin:place])
        return place

    def _keep(self, part: bytes) -> None:
        self._kept = (self._kept + part)[: MEMBER_LIMIT + 1]

    def _mark(self, mark: bytes) -> None:
        """Take one byte outside of texts."""
        if mark == b'"':
            self._in_text = True
            if self._depth == 1:
                self._kept = mark
        elif mark in (b"{", b"["):
            self._depth += 1
            self.over = self._depth == 1 and mark == b"["
            self._kept = b""
        elif mark in (b"}", b"]", b","):
            if self._depth == 1:
                self._member()
            self._depth -= mark != b","
            self.over |= self._depth <= 0
        elif mark == b":" and self._depth == 1:
            self._name, self._kept = self._kept, b""

    def _member(self) -> None:
        """A member of the object has ended."""
        name, value = self._name, self._kept
        self._name, self._kept = None, b""
        if name is None or not value or max(len(name), len(value)) > MEMBER_LIMIT:
            return
        try:
            key, text = json.loads(name), json.loads(value)
        except ValueError:
            return
        if key in self._wanted:
            text = text if isinstance(text, str) else value.decode()
            self.found[key] = text.encode("utf-8", "replace").decode()  # it may be half a pair
            self.over = self.found.keys() >= self._wanted


def members_of(data: bytes, *wanted: str) -> dict[str, str]:
    """Return the members of a whole object that have these names."""
    members = Members(wanted)
    members.feed(data)
    return members.found
