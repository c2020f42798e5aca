"""Toxics as rules, and rules as toxics, without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ...behavior import Behavior
from ...config.toxics import (
    DIRECTIONS,
    PERCENT,
    STALL,
    TOXICS,
    Toxic,
    after_another,
    in_the_long_run,
)
from ...errors import OptionError, VaurienError
from ...protocol import Protocol
from ...rules.notation import FindBehavior, describe, make_rules
from ...rules.plan import NAME_ALLOWED, Rule, is_name
from ...values.options import Value
from .answers import BAD_BODY, Number, Refusal, shortest
from .decoding import Fields, fields_of

STREAMS = {direction: stream for stream, direction in DIRECTIONS.items()}
BOTH = "both"
"""The stream of a rule for both directions, which no toxic is."""
STREAM_ORDER = (*DIRECTIONS, BOTH)
GO_TYPES = {"reset_peer": "ResetToxic"}
WRAPPER: Fields = {
    "name": "string",
    "type": "string",
    "stream": "string",
    "toxicity": "float32",
    "attributes": "toxics.NoopToxic",
}


@dataclass(frozen=True)
class ToxicValue:
    """A toxic, as clients know it."""

    name: str
    type: str
    stream: str
    toxicity: float = 1.0
    attributes: Mapping[str, Value] = field(default_factory=dict)
    is_toxic: bool = True
    """False for a rule that Toxiproxy could not have made."""

    @property
    def described(self) -> dict[str, object]:
        attributes = {
            key: Number(value) if isinstance(value, float) else value
            for key, value in self.attributes.items()
        }
        return {
            "attributes": attributes,
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": Number(self.toxicity),
        }


def wanted_toxic(body: object, taken: set[str]) -> ToxicValue:
    """Return the toxic that a body asks for; ``taken`` are the names of others.

    Raises:
        Refusal: in the order in which Toxiproxy checks.
        DecodeError: a field has another type.
    """
    given = fields_of(body, WRAPPER, "toxics.ToxicWrapper", "ToxicWrapper")
    stream, kind = str(given.get("stream", "downstream")), str(given.get("type", ""))
    name = str(given.get("name") or f"{kind}_{stream}")
    if stream.lower() not in DIRECTIONS:
        raise Refusal(400, "stream was invalid, can be either upstream or downstream")
    if kind not in TOXICS:
        raise Refusal(400, "invalid toxic type")
    if name in taken:
        raise Refusal(409, "toxic already exists")
    blank = ToxicValue(
        name, kind, stream.lower(), attributes=dict.fromkeys(TOXICS[kind].attributes, 0)
    )
    return changed_toxic(blank, body)


def changed_toxic(toxic: ToxicValue, body: object) -> ToxicValue:
    """Return a toxic with the attributes and the toxicity of a body; others are kept.

    Raises:
        DecodeError: a field has another type.
    """
    go_type = _go_type(toxic.type)
    given = fields_of(
        body, {"attributes": f"toxics.{go_type}", "toxicity": "float32"}, f"toxics.{go_type}"
    )
    kinds = {
        name: "int64" if attribute.declared.type is int else "float32"
        for name, attribute in TOXICS[toxic.type].attributes.items()
    }
    attributes = fields_of(given.get("attributes"), kinds, go_type, f"{go_type}.attributes")
    values = {name: _number(attributes.get(name, now)) for name, now in toxic.attributes.items()}
    if TOXICS[toxic.type].correlated:  # more has no effect
        most = max(0.0, shortest(1 - _number(values["loss_rate"])))
        values["correlation"] = min(_number(values["correlation"]), most)
    toxicity = _number(given.get("toxicity", toxic.toxicity))
    return replace(toxic, attributes=values, toxicity=float(toxicity))


def check_name(name: str) -> None:
    """Check the name of a toxic or a proxy.

    Raises:
        Refusal: it is too long, or has characters that are not printable.
    """
    if not is_name(name):
        raise Refusal(400, BAD_BODY, f"name={name!r} is not allowed: it takes {NAME_ALLOWED}")


def rule_of(toxic: ToxicValue, find: FindBehavior, protocol: type[Protocol]) -> Rule:
    """Return the rule of a toxic.

    Raises:
        Refusal: a value is not allowed, or the rule could not be given back as this toxic.
    """
    check_name(toxic.name)
    for name, given in {"toxicity": toxic.toxicity, **toxic.attributes}.items():
        value = _number(given)
        most = 1 if name in ("toxicity", "loss_rate", "correlation") else None
        if value < 0 or (most is not None and value > most):
            allowed = "from 0 to 1" if most else "at least 0"
            raise Refusal(400, BAD_BODY, f"{name}={value:.9g} is not allowed: it takes {allowed}")
    try:
        rule = _made(toxic, find, protocol)
        given_back = toxic_of(rule, find, protocol)
    except VaurienError as error:
        raise Refusal(400, BAD_BODY, str(_in_their_words(error, toxic))) from None
    if given_back != toxic:
        raise Refusal(400, BAD_BODY, "an attribute is too large")
    return rule


def _in_their_words(error: VaurienError, toxic: ToxicValue) -> VaurienError:
    """Return the error of an option as that of the attribute that it comes from."""
    for name, attribute in TOXICS[toxic.type].attributes.items():
        if isinstance(error, OptionError) and error.key == attribute.option:
            given = toxic.attributes[name]
            return OptionError(error.why, key=name, given=given, allowed=error.allowed)
    return error


def toxic_of(rule: Rule, find: FindBehavior, protocol: type[Protocol]) -> ToxicValue:
    """Return the toxic that a rule is; of another rule, its options, under its behavior's name."""
    stream = STREAMS[rule.direction.value] if rule.direction else BOTH
    toxicity = float(_scaled(rule.percent, 1 / PERCENT))
    if stream != BOTH and not (rule.mix or rule.ramps or rule.percent_ramp):
        for kind in TOXICS:
            toxic = ToxicValue(rule.name, kind, stream, toxicity, _attributes(kind, rule.behavior))
            if _is_of(rule, toxic, find, protocol):
                return toxic
    entry = describe(rule)
    kind = str(entry.pop("behavior"))
    for key in ("name", "percent", "direction"):
        entry.pop(key, None)
    return ToxicValue(rule.name, kind, stream, toxicity, entry, is_toxic=False)


def changed_rule(
    rule: Rule, toxic: ToxicValue, find: FindBehavior, protocol: type[Protocol]
) -> Rule:
    """Return the rule of a toxic that has changed; what a toxic does not have stays as it is.

    Raises:
        Refusal: see ``rule_of``.
    """
    made = rule_of(toxic, find, protocol)
    return replace(rule, behavior=made.behavior, low=made.low, high=made.high)


def _attributes(kind: str, behavior: Behavior) -> dict[str, Value]:
    """Return the attributes of a toxic, if it has this behavior."""
    settings = behavior.settings()
    if TOXICS[kind].correlated and TOXICS[kind].behavior == behavior.name:
        settings["loss"] = shortest(after_another(settings))
    return {
        theirs: _unscaled(settings[each.option], each.factor) if each.option in settings else 0
        for theirs, each in TOXICS[kind].attributes.items()
    }


def _is_of(rule: Rule, toxic: ToxicValue, find: FindBehavior, protocol: type[Protocol]) -> bool:
    behavior = _behavior(TOXICS[toxic.type], toxic.attributes)
    if behavior["behavior"] != rule.behavior.name:
        return False
    for name, attribute in TOXICS[toxic.type].attributes.items():
        if not isinstance(toxic.attributes[name], attribute.declared.type):
            return False
    try:
        return _made(toxic, find, protocol).behavior == rule.behavior
    except VaurienError:
        return False


def _made(toxic: ToxicValue, find: FindBehavior, protocol: type[Protocol]) -> Rule:
    kind = TOXICS[toxic.type]
    entry: dict[str, object] = {
        "name": toxic.name,
        "direction": DIRECTIONS[toxic.stream],
        "scope": "connection",
        "percent": _scaled(toxic.toxicity, PERCENT),
        **_behavior(kind, toxic.attributes),
    }
    (rule,) = make_rules([entry], find, protocol)
    return rule


def _behavior(kind: Toxic, attributes: Mapping[str, Value]) -> dict[str, object]:
    """Return the behavior of a toxic with these attributes, and its options."""
    if kind.stalls and not next(iter(attributes.values())):
        return {"behavior": STALL}
    options: dict[str, Value] = {
        each.option: _scaled(attributes[theirs], each.factor)
        for theirs, each in kind.attributes.items()
    }
    if kind.correlated:
        options = in_the_long_run(options)
    return {"behavior": kind.behavior, **options, **kind.options}


def _go_type(kind: str) -> str:
    return GO_TYPES.get(kind) or "".join(map(str.title, kind.split("_"))) + "Toxic"


def _number(value: object) -> int | float:
    assert isinstance(value, int | float)
    return value


def _scaled(value: Value, factor: float) -> int | float:
    """Return a value scaled by a power of ten, without an error of rounding."""
    exact = Decimal(str(value)) * Decimal(str(factor))
    return int(exact) if exact == int(exact) else float(exact)


def _unscaled(value: Value, factor: float) -> Value:
    exact = Decimal(str(value)) / Decimal(str(factor))
    return int(exact) if factor != PERCENT and exact == int(exact) else float(exact)
