"""Bodies of requests: JSON (RFC 8259) without repeated keys, and merge patches (RFC 7396)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NoReturn

from ..store import RepeatedKeyError, unique
from .problems import Refusal, Wrong

Content = Mapping[str, object]

TYPES = ("application/json",)
PATCH_TYPES = (*TYPES, "application/merge-patch+json")
BLANKS = " \t"


def decode(data: bytes) -> object:
    """Return the value that a body holds.

    Raises:
        Refusal: it is not JSON.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=unique, parse_constant=_no_number)
    except RepeatedKeyError as error:
        raise Refusal(400, str(error)) from None
    except UnicodeDecodeError:
        raise Refusal(400, "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(400, f"the body is not JSON: {error.msg}, {where}") from None
    except RecursionError:
        raise Refusal(400, "the body is nested too deeply") from None
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None


def encode(value: object) -> str:
    """Return a value as JSON; lists are written item by item, for each holds up the traffic."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)}: {_encode_list(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _encode_list(value)


def _encode_list(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(json.dumps, value))}]"
    return json.dumps(value)


def table_of(value: object) -> Content:
    """Return a body that is a JSON object.

    Raises:
        Refusal: it is something else.
    """
    if not isinstance(value, dict):
        raise Refusal(400, errors=[Wrong("the body should be a JSON object", ())])
    return value


def merged(target: object, patch: object) -> object:
    """Return a value with a merge patch applied: null removes a key."""
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, object] = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def amended(target: object, patch: Content, known: Collection[str]) -> dict[str, object]:
    """Return a table with a merge patch applied, whose keys may be written with - for _.

    A null for another key than these stays in it: who reads the table refuses the key.
    """
    names = {key: key.replace("-", "_") for key in patch}
    spelled = {
        names[key] if names[key] in known and names[key] not in patch else key: value
        for key, value in patch.items()
    }
    result = merged(target, spelled)
    assert isinstance(result, dict)
    return result | {key: None for key in spelled if spelled[key] is None and key not in known}


def check_type(content_type: str, allowed: tuple[str, ...]) -> None:
    """Refuse a body of another type, such as those that forms send.

    Raises:
        Refusal: it is one.
    """
    given = content_type.partition(";")[0].strip(BLANKS).lower()
    if given not in allowed:
        what = repr(content_type) if content_type else "a body without a Content-Type"
        raise Refusal(415, f"{what} is not allowed: it takes {' or '.join(allowed)}")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
