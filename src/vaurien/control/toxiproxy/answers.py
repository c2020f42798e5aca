"""Responses as Go and Toxiproxy write them, to the byte."""

from __future__ import annotations

import errno
import json
import os
import struct
from collections.abc import Mapping

from starlette.responses import Response

from ...errors import ListenError, VaurienError

PLAIN = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
BAD_BODY = "bad request body"
ESCAPED = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})
SMALL, LARGE = 1e-6, 1e21
"""Go writes numbers outside of these with an exponent."""
DIGITS = 9
"""Decimal digits that tell any two numbers of 32 bits apart."""


class Refusal(VaurienError):
    """A request that is refused; ``listed`` are fields of the body besides the error's."""

    def __init__(
        self,
        status: int,
        text: str,
        detail: str = "",
        *,
        listed: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{text}: {detail}" if detail else text)
        self.status = status
        self.listed = listed

    @property
    def response(self) -> Response:
        body = {"error": str(self), "status": self.status}
        if self.listed is None:
            return Response(f"{to_json(body)}\n", self.status, PLAIN)
        return answer({**body, **self.listed}, self.status)


class Number(float):
    """A number of 32 bits."""


def answer(body: object, status: int = 200) -> Response:
    return Response(to_json(body), status, {"Content-Type": "application/json"})


def not_found() -> Response:
    return Response("404 page not found\n", 404, PLAIN)


def to_json(value: object) -> str:
    """Write a value as ``json.Marshal`` does."""
    if isinstance(value, Number):
        return _number(value)
    if isinstance(value, Mapping):
        pairs = (f"{to_json(str(key))}:{to_json(inner)}" for key, inner in value.items())
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(to_json, value))}]"
    return json.dumps(value, ensure_ascii=False).translate(ESCAPED)


def bind_error(error: ListenError) -> str:
    """Return how Go reports that it cannot listen."""
    if error.errno is None or error.errno not in errno.errorcode:
        return f"listen tcp: lookup: {error.reason or error.strerror}"
    reason = os.strerror(error.errno)
    return f"listen tcp {error.endpoint}: bind: {reason[0].lower()}{reason[1:]}"


def shortest(value: float) -> float:
    """Return the number with the fewest digits that is the same in 32 bits.

    Raises:
        OverflowError: it does not fit.
    """
    wanted = struct.pack("<f", value)
    for digits in range(1, DIGITS):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == wanted:
            return short
    return float(f"{struct.unpack('f', wanted)[0]:.{DIGITS}g}")


def _number(value: float) -> str:
    if value and not SMALL <= abs(value) < LARGE:
        mantissa, _, exponent = f"{value:.{DIGITS}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}e{'-' if value < 1 and abs(value) < 1 else '+'}{abs(int(exponent))}"
    return f"{value:.15f}".rstrip("0").rstrip(".")
