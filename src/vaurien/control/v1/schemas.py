"""The schemas of the API's description (JSON Schema, as in OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...config.proxies import OPTIONS, START
from ...config.settings import SEED, TLS
from ...config.tls import TLS_OPTIONS
from ...net.address import ALLOWED
from ...rules.notation import RULE_KEYS
from ...values.options import Option, Value
from .problems import MEDIA_TYPE
from .routes import Schema, ref

TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
ALSO: Mapping[type, list[str]] = {
    bool: ["string", "integer"],
    int: ["string"],
    float: ["string"],
    str: ["number"],
}
"""Further types that values may have: texts are understood, ramps are texts."""
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
OBJECT: Schema = {"type": "object"}


def schema_of(option: Option, default: Value | None = None) -> dict[str, object]:
    """Return the schema of an option; ``default``: in place of its own."""
    schema: dict[str, object] = {
        "type": TYPES[option.type],
        "default": option.default if default is None else default,
        "description": option.help,
    }
    bounds = {"minimum": option.minimum, "maximum": option.maximum}
    schema |= {key: bound for key, bound in bounds.items() if bound is not None}
    if option.choices:
        schema["enum"] = list(option.choices)
    return schema


def accepted(option: Option) -> dict[str, object]:
    """Return the schema of what is accepted as the value of an option."""
    schema = schema_of(option)
    if not option.choices:
        schema["type"] = [TYPES[option.type], *ALSO[option.type]]
    return schema


def object_of(
    properties: Mapping[str, object],
    optional: Iterable[str] = (),
    *,
    required: Iterable[str] | None = None,
    more: bool = False,
) -> Schema:
    """Return the schema of an object; unless told otherwise, all its keys are required."""
    needed = [key for key in properties if key not in optional] if required is None else required
    return {
        "type": "object",
        "properties": properties,
        "required": list(needed),
        "additionalProperties": more,
    }


def list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def nullable(schema: Schema) -> Schema:
    """Return a schema that also allows null, in a merge patch."""
    return {"anyOf": [schema, {"type": "null"}]}


MODE = TLS_OPTIONS["mode"]
TLS_TABLE = object_of(
    {
        MODE.name: {**TEXT, "enum": list(MODE.choices), "description": MODE.help},
        **{name: accepted(option) for name, option in TLS_OPTIONS.items() if option is not MODE},
    },
    required=[MODE.name],
)
IGNORED: Schema = {"description": "read only, and ignored here"}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
RULE_TABLE: Mapping[str, object] = {
    "behavior": {**TEXT, "description": "the name of a behavior"},
    **{name: accepted(option) for name, option in RULE_KEYS.items()},
    "status": IGNORED,
}
PROXY_TABLE: Mapping[str, object] = {
    "name": NAME,
    "listen": {**TEXT, "description": f"{ALLOWED}; port 0 is a free one, which is kept"},
    "backend": {**TEXT, "description": ALLOWED},
    "protocol": {**TEXT, "default": "tcp"},
    "options": {**OBJECT, "description": "the options of the protocol"},
    **{name: accepted(option) for name, option in OPTIONS.items()},
    TLS: {
        "anyOf": [{**TEXT, "enum": list(MODE.choices)}, ref("TlsTable")],
        "description": "how TLS is spoken: a mode, or a table with it",
    },
    "behavior": {**TEXT, "description": "a mix, such as 5:error,10:delay"},
    "profile": {**TEXT, "description": "the name of a profile"},
    "recipe": {"description": "the name of a recipe, a table with name and start, or a list"},
    "rules": list_of(ref("RuleTable")),
    "status": IGNORED,
}
STATUS_OF_RULE = object_of(
    {
        "state": {"enum": ["on", "off", "paused"]},
        "matched": {**COUNT, "description": "exchanges that it applied to"},
        "fired": COUNT,
        "expires_in": {"type": ["number", "null"], "description": "seconds"},
    }
)
STATUS_OF_PROXY = object_of(
    {
        "address": {"type": ["string", "null"], "description": "null if it is disabled"},
        "generation": COUNT,
        "connections": {"type": "object", "additionalProperties": COUNT},
        "bytes": object_of({"to_backend": COUNT, "to_client": COUNT}),
        "exchanges": COUNT,
        "fired": COUNT,
    },
    required=["address", "generation"],
)
RULE = object_of(
    {
        "name": NAME,
        "behavior": TEXT,
        "paused": {"type": "boolean"},
        "status": STATUS_OF_RULE,
    },
    more=True,
)
PROXY = object_of(
    {
        "name": NAME,
        "listen": TEXT,
        "backend": TEXT,
        "protocol": TEXT,
        "options": OBJECT,
        **{name: schema_of(option) for name, option in OPTIONS.items()},
        TLS: ref("TlsTable"),
        "rules": list_of(ref("Rule")),
        "status": STATUS_OF_PROXY,
    },
    ["seed", TLS],
)
DIFFERENCE = object_of(
    {
        "op": {"enum": ["add", "change", "remove"]},
        "proxy": {"type": ["string", "null"]},
        "path": {**TEXT, "description": "within the proxy: /backend, /rules/NAME/sleep"},
        "before": {},
        "after": {},
    },
    ["before", "after"],
)
CHANGE = object_of(
    {
        "method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]},
        "path": {**TEXT, "description": "that of a change, relative to /v1: proxies/NAME/rules"},
        "body": {},
        "if_generation": {**COUNT, "description": "as If-Match, for this change alone"},
    },
    ["body", "if_generation"],
)
PLACES: Mapping[str, object] = {key: PROXY_TABLE[key] for key in ("listen", "backend")}
PROXY_KEYS = object_of(
    {**PLACES, **{name: schema_of(option) for name, option in OPTIONS.items()}},
    ["listen", *OPTIONS],
)
"""The keys of every proxy that are neither its protocol's nor those of TLS."""
SEED_KEY = schema_of(SEED)
WRONG = object_of(
    {
        "pointer": {**TEXT, "description": "where it is in the body (RFC 6901)"},
        "parameter": {**TEXT, "description": "the parameter of the query, or the header"},
        "detail": TEXT,
        "given": TEXT,
        "allowed": TEXT,
    },
    required=["detail"],
)
PROBLEM = object_of(
    {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "errors": list_of(WRONG),
    },
    ["detail", "errors"],
)
ENTRY = object_of({"name": TEXT}, more=True)
PATCHED = {"name", "status"}

SCHEMAS: Mapping[str, Schema] = {
    "Problem": PROBLEM,
    "Index": object_of({"version": TEXT, "links": list_of(TEXT)}),
    "Rule": RULE,
    "Rules": object_of({"rules": list_of(ref("Rule"))}),
    "RuleTable": object_of(RULE_TABLE, required=["behavior"], more=True),
    "RuleTables": object_of({"rules": list_of(ref("RuleTable"))}),
    "RulePatch": object_of(
        {
            key: each if key in PATCHED else nullable(each)
            for key, each in RULE_TABLE.items()
            if isinstance(each, Mapping)
        },
        required=[],
        more=True,
    ),
    "TlsTable": TLS_TABLE,
    "Proxy": PROXY,
    "Proxies": object_of({"proxies": list_of(ref("Proxy"))}),
    "ProxyTable": object_of(PROXY_TABLE, required=["backend"]),
    "NewProxy": object_of(PROXY_TABLE, required=["name", "backend"]),
    "ProxyPatch": object_of(
        {
            key: each if key in PATCHED else nullable(each)
            for key, each in PROXY_TABLE.items()
            if isinstance(each, Mapping)
        },
        required=[],
    ),
    "State": object_of({"seed": SEED_KEY, "proxies": list_of(ref("Proxy"))}),
    "StateTable": object_of(
        {"seed": accepted(SEED), "proxies": list_of(ref("NewProxy"))}, ["seed"]
    ),
    "Differences": object_of({"changes": list_of(DIFFERENCE)}),
    "Healed": object_of(
        {
            "enabled": list_of(TEXT),
            "rules_removed": {"type": "object", "additionalProperties": list_of(TEXT)},
            "not_enabled": {"type": "object", "additionalProperties": TEXT},
        }
    ),
    "Seed": object_of({"seed": accepted(SEED)}),
    "Reloaded": object_of({"changed": {"type": "boolean"}, "changes": list_of(DIFFERENCE)}),
    "Changes": object_of({"changes": {**list_of(CHANGE), "maxItems": 1000}}),
    "Results": object_of(
        {"results": list_of(object_of({"status": {"type": "integer"}, "body": {}}, ["body"]))}
    ),
    "ProfileStart": object_of({"name": TEXT}),
    "RecipeStart": object_of({"name": TEXT, "start": accepted(START)}, ["start"]),
    "Entry": ENTRY,
    "Behaviors": object_of({"behaviors": list_of(ref("Entry")), "rule_keys": OBJECT}),
    "Protocols": object_of(
        {
            "protocols": list_of(ref("Entry")),
            "proxy_keys": OBJECT,
            "tls_keys": OBJECT,
            "tls_labels": OBJECT,
        }
    ),
    "Profiles": object_of({"profiles": list_of(ref("Entry"))}),
    "Recipes": object_of({"recipes": list_of(ref("Entry"))}),
    "Catalogues": object_of({"faults": {"type": "object", "additionalProperties": list_of(TEXT)}}),
    "Faults": object_of({"protocol": TEXT, "faults": list_of(ref("Entry"))}),
}
"""All schemas that routes refer to, by their names."""
PROBLEM_CONTENT: Schema = {MEDIA_TYPE: {"schema": ref("Problem")}}
