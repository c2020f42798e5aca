"""JSON as Go's ``encoding/json`` reads it, with the same errors.

Names of fields match in any case, unknown ones are ignored, null is the same as missing, and
what follows the first value is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from ...errors import VaurienError
from .answers import shortest

INT64 = 2**63
BLANKS = re.compile(r"[ \t\n\r]*")
KINDS = {"string": str, "bool": bool}
SYNTAX = {
    "Expecting property name": "looking for beginning of object key string",
    "Illegal trailing comma": "looking for beginning of object key string",
    "Expecting ':'": "after object key",
    "Invalid control character": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX": "in \\u hexadecimal character escape",
    "Expecting value": "looking for beginning of value",
}
"""What Go says of an invalid character, by the beginning of Python's message."""
LITERALS = ("true", "false", "null")

Fields = Mapping[str, str]
"""The type of each field: string, bool, int64, float32, or that of a table, with a dot."""


class DecodeError(VaurienError):
    """A body that Go would not decode; the text is Go's."""


class Literal(str):
    """A number, as it was written."""

    __slots__ = ()


class Pairs(tuple[tuple[str, object], ...]):
    """An object, as it was written."""

    __slots__ = ()


def _constant(name: str) -> NoReturn:
    raise DecodeError(f"invalid character '{name[0]}' looking for beginning of value")


DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_float=Literal, parse_int=Literal, parse_constant=_constant
)


def decode(body: bytes) -> object:
    """Return the first value of a body: a text, bool, None, ``Literal``, list or ``Pairs``.

    Raises:
        DecodeError: there is none.
    """
    text = body.decode("utf-8", "replace")
    start = _after_blanks(text, 0)
    if start == len(text):
        raise DecodeError("EOF")
    try:
        return DECODER.raw_decode(text, start)[0]
    except json.JSONDecodeError as error:
        raise DecodeError(_syntax(text, error)) from None
    except RecursionError:
        raise DecodeError("exceeded max depth") from None


def fields_of(value: object, fields: Fields, struct: str, within: str = "") -> dict[str, object]:
    """Return the known fields of an object, of the right types; null is left out.

    ``struct`` is Go's name of the whole value's type, and ``within`` what errors call it.

    Raises:
        DecodeError: a value has another type.
    """
    found: dict[str, object] = {}
    if value is None:
        return found
    if not isinstance(value, Pairs):
        raise DecodeError(_mismatch(value, f"value of type {struct}"))
    for key, given in value:
        name = key.lower()
        if name in fields and given is not None:
            where = f"struct field {within}.{name}"
            found[name] = _typed(given, fields[name], where)
    return found


def items_of(value: object, struct: str) -> list[object]:
    """Return the items of an array; null is an empty one.

    Raises:
        DecodeError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise DecodeError(_mismatch(value, f"value of type []{struct}"))
    return value


def _typed(given: object, kind: str, where: str) -> object:
    if "." in kind:
        if isinstance(given, Pairs):
            return given
    elif kind in KINDS:
        if isinstance(given, KINDS[kind]) and not isinstance(given, Literal):
            return _text(given) if isinstance(given, str) else given
    elif isinstance(given, Literal):
        number = _number(given, kind)
        if number is not None:
            return number
        raise DecodeError(_mismatch(given, f"{where} of type {kind}", f" {given}"))
    raise DecodeError(_mismatch(given, f"{where} of type {kind}"))


def _number(literal: Literal, kind: str) -> float | None:
    """Return a number; None if it is not of this kind."""
    if kind == "float32":
        try:
            return shortest(float(literal))
        except OverflowError:
            return None
    if not literal.lstrip("-").isdigit() or len(literal) > len(str(-INT64)):
        return None
    number = int(literal)
    return number if -INT64 <= number < INT64 else None


def _text(text: str) -> str:
    """Return a text with half surrogates replaced, which Go's texts cannot hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mismatch(value: object, target: str, literal: str = "") -> str:
    if isinstance(value, bool):
        kind = "bool"
    elif isinstance(value, Literal):
        kind = "number"
    elif isinstance(value, str):
        kind = "string"
    else:
        kind = "object" if isinstance(value, Pairs) else "array"
    return f"json: cannot unmarshal {kind}{literal} into Go {target}"


def _syntax(text: str, error: json.JSONDecodeError) -> str:
    """Return what Go says of a syntax error that Python found."""
    within = error.msg.startswith("Invalid")
    at = error.pos if within else _after_blanks(text, error.pos)
    if "trailing comma" in error.msg:
        at = _after_blanks(text, at + 1)
    for literal in LITERALS:
        if text[at : at + 1] == literal[0] and error.msg.startswith("Expecting value"):
            same = 0
            while text[at + same : at + same + 1] == literal[same]:
                same += 1
            if at + same < len(text):
                quoted = _quoted(text[at + same])
                return (
                    f"invalid character {quoted} in literal {literal} (expecting {literal[same]!r})"
                )
            at = len(text)
    if error.msg.startswith("Expecting value") and text[at : at + 1] == "-":
        at += 1
        if at < len(text):
            return f"invalid character {_quoted(text[at])} in numeric literal"
    if error.msg.startswith("Invalid \\escape"):
        at += 1
    if at >= len(text) or error.msg.startswith("Unterminated"):
        return "unexpected EOF"
    why = next((why for begins, why in SYNTAX.items() if error.msg.startswith(begins)), "")
    if not why:
        inside = _container(text[:at])
        why = "after object key:value pair" if inside == "{" else "after array element"
    return f"invalid character {_quoted(text[at])} {why}"


def _after_blanks(text: str, at: int) -> int:
    found = BLANKS.match(text, at)
    return found.end() if found else at


def _container(text: str) -> str:
    """Return the bracket that is open at the end of a text."""
    open_ones: list[str] = []
    quoted = escaped = False
    for each in text:
        if quoted:
            quoted, escaped = escaped or each != '"', each == "\\" and not escaped
        elif each == '"':
            quoted = True
        elif each in "{[":
            open_ones.append(each)
        elif each in "}]" and open_ones:
            open_ones.pop()
    return open_ones[-1] if open_ones else ""


def _quoted(character: str) -> str:
    """Return a character as Go quotes it."""
    if character == "'":
        return "'\\''"
    if character == '"':
        return "'\"'"
    if character.isprintable():
        return f"'{character}'" if character != "\\" else "'\\\\'"
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    code = named.get(character) or f"\\x{ord(character):02x}"
    return f"'{code}'"
