"""What a request may fail with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence


class ClientError(OSError):
    """The HTTP API cannot be reached, or its response is not one of vaurien's."""


def unreachable(where: object, error: Exception) -> ClientError:
    """Make an error of what came between a request and its response."""
    reason = "timed out" if isinstance(error, TimeoutError) else str(error)
    return ClientError(f"vaurien does not respond at {where}: {reason or type(error).__name__}")


class ApiError(ValueError):
    """The API refuses a request.

    ``status``: of the response.  ``problem``: its body, the problem details of RFC 9457 where
    the native API refuses.  ``errors``: what is wrong with each field, from the body; each has
    at least ``detail``, and mostly ``pointer``.
    """

    def __init__(self, status: int, problem: Mapping[str, object], reason: str = "") -> None:
        found = problem.get("errors")
        listed = found if isinstance(found, list) else []
        self.status = status
        self.problem = dict(problem)
        self.errors: Sequence[Mapping[str, object]] = [
            each for each in listed if isinstance(each, dict)
        ]
        super().__init__(reason or "; ".join(self._reasons()) or f"status {status}")

    def _reasons(self) -> Iterator[str]:
        """Yield what is wrong, whole and field by field; each once."""
        whole = str(self.problem.get("detail") or self.problem.get("title") or "")
        fields = list(map(_reason, self.errors))
        if any(whole in field for field in fields):
            yield from fields
        else:
            yield whole
            yield from (field for field in fields if field not in whole)


def _reason(error: Mapping[str, object]) -> str:
    """Return what is wrong with a field, with its place unless the text begins with it."""
    detail = str(error.get("detail"))
    pointer = str(error.get("pointer") or "").removeprefix("#")
    place = re.sub(r"/(\d+)", r"[\1]", pointer).replace("/", ".").removeprefix(".")
    return detail if detail.startswith(place) else f"{pointer}: {detail}"


class NotFoundError(ApiError):
    """There is no such proxy, rule or other resource."""


class ConflictError(ApiError):
    """A name or an address is taken, or someone else has made a change since."""


KINDS = {404: NotFoundError, 409: ConflictError, 412: ConflictError}
"""The error of each status; of others, ``ApiError``."""
