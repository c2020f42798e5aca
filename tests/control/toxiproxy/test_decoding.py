"""JSON as Go reads it; each error was seen from Toxiproxy 2.12."""

from __future__ import annotations

import pytest

from vaurien.control.toxiproxy.decoding import DecodeError, Fields, decode, fields_of, items_of

FIELDS: Fields = {
    "name": "string",
    "enabled": "bool",
    "toxicity": "float32",
    "bytes": "int64",
    "attributes": "toxics.NoopToxic",
}


def fields(body: bytes) -> dict[str, object]:
    return fields_of(decode(body), FIELDS, "toxiproxy.Proxy", "Proxy")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "EOF"),
        (b" \n", "EOF"),
        (b"{", "unexpected EOF"),
        (b"[1", "unexpected EOF"),
        (b"tru", "unexpected EOF"),
        (b"-", "unexpected EOF"),
        (b'{"name":"a', "unexpected EOF"),
        (b'{"name":"a\\', "unexpected EOF"),
        (b"xyz", "invalid character 'x' looking for beginning of value"),
        (b"NaN", "invalid character 'N' looking for beginning of value"),
        (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
        (b"-x", "invalid character 'x' in numeric literal"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b"{name:1}", "invalid character 'n' looking for beginning of object key string"),
        (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
        (b'{"a":"b" "c"}', "invalid character '\"' after object key:value pair"),
        (b'{"[":[1 2]}', "invalid character '2' after array element"),
        (b'{"name":"a\x01"}', "invalid character '\\x01' in string literal"),
        (b'{"name":"a\n"}', "invalid character '\\n' in string literal"),
        (b'{"name":"a\\x"}', "invalid character 'x' in string escape code"),
        (b"[" * 100_000, "exceeded max depth"),
    ],
)
def test_what_is_not_json(body: bytes, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(body)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"null", {}),
        (b"{}", {}),
        (b'{"NAME":"a","x":3,"enabled":null} more', {"name": "a"}),
        (b'{"name":"a","Name":"b"}', {"name": "b"}),
        (b'{"name":"\xff\\ud800"}', {"name": "\ufffd\ufffd"}),
        (b'{"bytes":-9223372036854775808,"toxicity":5}', {"bytes": -(2**63), "toxicity": 5.0}),
        (b'{"toxicity":0.123456789}', {"toxicity": 0.12345679}),
        (b'{"attributes":{"a":1}}', {"attributes": (("a", "1"),)}),
    ],
)
def test_fields(body: bytes, found: object) -> None:
    assert fields(body) == found


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[]", "array into Go value of type toxiproxy.Proxy"),
        (b'"x"', "string into Go value of type toxiproxy.Proxy"),
        (b"true", "bool into Go value of type toxiproxy.Proxy"),
        (b'{"name":1}', "number into Go struct field Proxy.name of type string"),
        (b'{"name":true}', "bool into Go struct field Proxy.name of type string"),
        (b'{"enabled":{}}', "object into Go struct field Proxy.enabled of type bool"),
        (b'{"bytes":"x"}', "string into Go struct field Proxy.bytes of type int64"),
        (b'{"bytes":1e2}', "number 1e2 into Go struct field Proxy.bytes of type int64"),
        (b'{"bytes":1.0}', "number 1.0 into Go struct field Proxy.bytes of type int64"),
        (
            b'{"bytes":9223372036854775808}',
            "number 9223372036854775808 into Go struct field Proxy.bytes of type int64",
        ),
        (b'{"toxicity":1e40}', "number 1e40 into Go struct field Proxy.toxicity of type float32"),
        (
            b'{"attributes":5}',
            "number into Go struct field Proxy.attributes of type toxics.NoopToxic",
        ),
    ],
)
def test_values_of_other_types(body: bytes, error: str) -> None:
    with pytest.raises(DecodeError) as caught:
        fields(body)
    assert str(caught.value) == f"json: cannot unmarshal {error}"


def test_items() -> None:
    assert items_of(decode(b"null"), "X") == []
    assert items_of(decode(b"[true]"), "X") == [True]
    with pytest.raises(DecodeError, match="cannot unmarshal object into Go value of type \\[\\]X"):
        items_of(decode(b"{}"), "X")
