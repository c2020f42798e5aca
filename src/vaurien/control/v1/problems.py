"""Errors as problem details (RFC 9457), which list each field that is wrong."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from ...config.document import DocumentError, FileKey, Problem
from ...config.formatting import Path, format_value
from ...errors import BackendError, EndingError, ListenError, UnknownNameError, VaurienError
from ..store import StoreError
from ..writer import StalledError

MEDIA_TYPE = "application/problem+json"
STATUSES = {
    errno.EADDRINUSE: 409,
    **dict.fromkeys([errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM], 503),
}
"""The statuses of errors of the system that keep a proxy from listening; others are 422."""


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong with a request."""

    detail: str
    path: Path | None = None
    """The place in the body."""
    parameter: str = ""
    """The parameter of the query, or the header."""
    given: str = ""
    allowed: str = ""

    @property
    def described(self) -> dict[str, object]:
        where = {"parameter": self.parameter} if self.parameter else {}
        pointer = {} if self.path is None else {"pointer": pointer_of(self.path)}
        values = {"given": self.given, "allowed": self.allowed}
        told = {key: value for key, value in values.items() if value}
        return {**where, **pointer, "detail": self.detail, **told}


class Refusal(VaurienError):
    """A request that is refused, with the status to answer."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        errors: Sequence[Wrong] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """``errors``: what is wrong; without ``detail``, they make the text."""
        if not detail and errors:
            count = len(errors)
            detail = errors[0].detail if count == 1 else f"{count} values are wrong"
        super().__init__(detail)
        self.status = status
        self.errors = tuple(errors)
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, object]:
        phrase = HTTPStatus(self.status).phrase
        body: dict[str, object] = {"type": "about:blank", "title": phrase, "status": self.status}
        if str(self):
            body["detail"] = str(self)
        if self.errors:
            body["errors"] = [each.described for each in self.errors]
        return body


def pointer_of(path: Path) -> str:
    """Return a JSON pointer (RFC 6901) as a fragment."""
    from urllib.parse import quote

    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "#" + "".join(
        f"/{quote(step, safe='~!$&()*+,;=:@', errors='replace')}" for step in steps
    )


def invalid(detail: str, *path: str | int, given: str = "", allowed: str = "") -> Refusal:
    """Return the refusal of one value of the body."""
    return Refusal(422, errors=[Wrong(detail, path, given=given, allowed=allowed)])


def unknown(kind: str, name: str) -> Refusal:
    return Refusal(404, f"there is no {kind} {format_value(name)}")


def refusal_of(error: VaurienError, place: Path | None = None) -> Refusal:
    """Return how an error is answered.

    ``place``: that of the proxy in the body, for an address that cannot be listened on and a
    backend that is refused.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DocumentError):
        return Refusal(422, errors=list(map(_wrong, error.problems)))
    if isinstance(error, UnknownNameError) and error.kind == "proxy":
        return unknown(error.kind, error.name)
    if isinstance(error, StalledError | EndingError):
        return Refusal(503, str(error))
    if isinstance(error, StoreError):
        return Refusal(500, str(error))
    if isinstance(error, ListenError):
        status = STATUSES.get(error.errno or 0, 422)
        return Refusal(status, errors=[Wrong(str(error.strerror), _key(place, "listen"))])
    if isinstance(error, BackendError):
        wrong = Wrong(str(error), _key(place, "backend"), given=repr(error.given))
        return Refusal(422, errors=[wrong])
    return Refusal(422, str(error))


def _wrong(problem: Problem) -> Wrong:
    origin = problem.origin
    path = origin.path if isinstance(origin, FileKey) and not origin.file else None
    text = str(problem)
    detail = f"it{text}" if text.startswith(" ") else text  # it is the whole body
    return Wrong(detail, path, given=problem.given, allowed=problem.allowed)


def _key(place: Path | None, key: str) -> Path | None:
    return None if place is None else (*place, key)
