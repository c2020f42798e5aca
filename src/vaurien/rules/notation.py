"""Rules as users write them: a mix, a line, or a mapping; and back to a mapping.

A mix and a line are parsed into mappings, called entries.  The keys of an entry are
``behavior``, the behavior's options, the keys of every rule (``RULE_KEYS``), and labels of
the protocol to match: the label, or ``match.LABEL`` if an option has the same name.  A
value that begins with ``~`` is a regular expression, and one that begins with ``!~`` is one that
must not be found.  The percentage and numeric options of the behavior may be ramps
(``values.ramps``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..behavior import HOOKS, Behavior, Scope
from ..errors import OptionError, PluginError
from ..protocol import Protocol
from ..values.messages import Direction
from ..values.options import Configurable, Configured, Option, Value, options_of
from ..values.ramps import ALLOWED, Ramp, is_ramp
from .matches import matches_of
from .plan import ROUNDING, SCOPES, Match, Rule

Entry = Mapping[str, object]
FindBehavior = Callable[[str], type[Behavior] | Configured[Behavior]]

MIX = "behavior"
"""The name of the mix that ``--behavior`` and ``PUT /behavior`` set."""

TOO_MUCH = "is too much: the behavior total needs to be 100 or less"
RULE_FORM = "BEHAVIOR KEY=VALUE ..."

SHORTEST_PHASE = 0.001
"""Minimum in seconds of ``on`` and ``off``: switching takes time, too."""

RULE_KEYS: dict[str, Option] = {
    declared.name: declared
    for declared in (
        Option("name", str, "", "name of the rule in the journal and the API"),
        Option("percent", float, 100.0, "probability in percent", minimum=0, maximum=100),
        Option(
            "direction",
            str,
            "both",
            "direction of the messages that the behavior sees",
            choices=("both", *(direction.value for direction in Direction)),
        ),
        Option(
            "scope",
            str,
            "",
            "draw per exchange or per connection; if empty, the behavior's default",
            choices=("", *SCOPES),
        ),
        Option("after", int, 0, "skip this many first", minimum=0),
        Option("every", int, 1, "draw for every Nth only", minimum=1),
        Option("times", int, 0, "fire at most this many times; 0: no limit", minimum=0),
        Option("start", float, 0.0, "seconds until the rule turns on", minimum=0),
        Option("stop", float, 0.0, "seconds until the rule turns off; 0: never", minimum=0),
        Option("on", float, 0.0, "seconds on in each cycle; 0: always on", minimum=0),
        Option("off", float, 0.0, "seconds off in each cycle", minimum=0),
        Option("ttl", float, 0.0, "seconds until the rule expires; 0: never", minimum=0),
        Option("mix", str, "", "name of the mix; at most one rule of a mix fires"),
        Option("paused", bool, False, "do nothing until this is changed"),
    )
}


def parse_mix(text: str) -> list[Entry]:
    """Return the entries of a mix, such as ``5:error,10:delay``.

    The percentage that is left of 100 is untouched traffic.

    Raises:
        OptionError: the text is not a mix, or its total is above 100.
    """
    entries: list[Entry] = []
    total = 0.0
    for part in text.split(","):
        percent, colon, name = part.strip().partition(":")
        if not colon or not name:
            raise OptionError("is not a part of a mix", given=part.strip(), allowed="PERCENT:NAME")
        share = RULE_KEYS["percent"].parse(percent)
        total += float(share)
        entries.append({"behavior": name, "percent": share, "mix": MIX})
    if total > 100 + ROUNDING:
        raise OptionError(TOO_MUCH, given=text)
    return entries


def parse_rule(text: str) -> Entry:
    """Return the entry of an independent rule, such as ``delay sleep=2 percent=10``.

    Raises:
        OptionError: the text is not a behavior followed by ``key=value`` words.
    """
    from .words import split_words

    words = split_words(text)
    if not words or "=" in words[0]:
        raise OptionError("is not a rule", given=text, allowed=RULE_FORM)
    entry: dict[str, object] = {"behavior": words[0]}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            why = f"is not a rule: {word!r} is not KEY=VALUE"
            raise OptionError(why, given=text)
        if key in entry:
            raise OptionError(f"is not a rule: it gives {key!r} twice", given=text)
        entry[key] = value
    return entry


def make_rules(
    entries: Iterable[Entry], find: FindBehavior, protocol: type[Protocol]
) -> tuple[Rule, ...]:
    """Return the rules of these entries, with unique names; those of a mix get adjacent bands.

    Raises:
        OptionError: an unknown key or a value that is not allowed.
        UnknownNameError: an unknown behavior.
    """
    rules: list[Rule] = []
    taken: dict[str, int] = {}
    tops: dict[str, float] = {}
    for entry in entries:
        rest = dict(entry)
        name = rest.pop("behavior", None)
        if not isinstance(name, str) or not name:
            raise OptionError('a rule needs a "behavior"')
        behavior = Configured.of(find(name))
        check_plugin(behavior.plugin)
        percent, percent_ramp = _number(RULE_KEYS["percent"], rest.pop("percent", 100.0))
        own = {key: RULE_KEYS[key].parse(rest.pop(key)) for key in RULE_KEYS if key in rest}
        made, match, ramps = _make_behavior(behavior, rest, protocol)
        mix = str(own.get("mix", ""))
        low = tops.get(mix, 0.0) if mix else 0.0
        high = _top(low, max(percent_ramp.values) if percent_ramp else percent)
        if high > 100:
            raise OptionError(TOO_MUCH, key="mix", given=mix)
        if mix:
            tops[mix] = high
        named = str(own.get("name") or "")
        rule = Rule(
            behavior=made,
            name=unique_name(named or made.name, taken, given=bool(named)),
            low=low,
            high=high,
            mix=mix,
            direction=_direction(str(own.get("direction", "both")), made, match),
            scope=_scope(str(own.get("scope", "")), made, match),
            match=match,
            ramps=ramps,
            percent_ramp=percent_ramp,
        )
        rules.append(_timed(rule, own))
    return tuple(rules)


def _timed(rule: Rule, own: Mapping[str, Value]) -> Rule:
    """Return the rule with those of its own keys that say when it applies."""
    on, off = _cycle(float(own.get("on", 0.0)), float(own.get("off", 0.0)))
    return replace(
        rule,
        after=int(own.get("after", 0)),
        every=int(own.get("every", 1)),
        times=int(own.get("times", 0)) or None,
        start=float(own.get("start", 0.0)),
        stop=float(own.get("stop", 0.0)) or None,
        on=on,
        off=off,
        ttl=float(own.get("ttl", 0.0)) or None,
        paused=own.get("paused") is True,
    )


def describe(rule: Rule) -> dict[str, Value]:
    """Return the entry that makes this rule, without keys at their default."""
    own: dict[str, Value] = {
        "name": rule.name,
        "percent": str(rule.percent_ramp) if rule.percent_ramp else _percent(rule),
        "direction": rule.direction.value if rule.direction else "both",
        "scope": rule.scope if rule.scope != rule.behavior.scopes[0] else "",
        "after": rule.after,
        "every": rule.every,
        "times": rule.times or 0,
        "start": rule.start,
        "stop": rule.stop or 0.0,
        "on": rule.on or 0.0,
        "off": rule.off,
        "ttl": rule.ttl or 0.0,
        "mix": rule.mix,
        "paused": rule.paused,
    }
    entry: dict[str, Value] = {"behavior": rule.behavior.name}
    entry |= {key: value for key, value in own.items() if value != RULE_KEYS[key].default}
    # Options of an old plugin may have names of rule keys: an entry cannot contain these.
    settings = rule.behavior.settings().items()
    entry |= {name: value for name, value in settings if name not in RULE_KEYS}
    entry |= {name: str(ramp) for name, ramp in rule.ramps}
    for match in rule.match:
        entry[f"match.{match.label}"] = match.written
    return entry


def with_bands(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules with adjacent bands in each mix, as if they had been made together.

    Raises:
        OptionError: the percentages of a mix are too much.
    """
    tops: dict[str, float] = {}
    placed: list[Rule] = []
    for each in rules:
        rule = each
        if rule.mix:
            low = tops.get(rule.mix, 0.0)
            ramp = rule.percent_ramp
            high = tops[rule.mix] = _top(low, max(ramp.values) if ramp else _percent(rule))
            if high > 100:
                raise OptionError(TOO_MUCH, key="percent", given=_percent(rule))
            rule = replace(rule, low=low, high=high)
        placed.append(rule)
    return tuple(placed)


def _direction(given: str, behavior: Behavior, match: tuple[Match, ...]) -> Direction | None:
    if given == "both":
        return None
    direction = Direction(given)
    late = [one.label for one in match if one.late]
    if late and direction is Direction.TO_BACKEND:
        why = f"is not allowed: {late[0]!r} is known only with the response"
        raise OptionError(why, key="direction", given=given)
    acts_in = [hook for hook in HOOKS if behavior.overrides(hook)]
    if acts_in == ["on_message"] and not behavior.concerns(direction):
        why = (
            f"is not allowed: with these options {behavior.name!r} does nothing to messages of "
            "that direction"
        )
        raise OptionError(why, key="direction", given=given)
    return direction


def _scope(given: str, behavior: Behavior, match: tuple[Match, ...]) -> Scope:
    """Return the scope of a rule; ``Plan`` adjusts it to the others of its mix."""
    scope = next((known for known in SCOPES if known == given), behavior.scopes[0])
    if scope not in behavior.scopes:
        why = f"is not allowed: {behavior.name!r} acts on whole connections"
        raise OptionError(why, key="scope", given=given)
    if behavior.overrides("on_hello"):
        _check_offered(match)
    elif behavior.scopes == ("connection",) and match:
        why = f"is not allowed: {behavior.name!r} acts on whole connections, not on messages"
        raise OptionError(why, key=match[0].label)
    return scope


def _check_offered(match: tuple[Match, ...]) -> None:
    """Reject matches on what a ClientHello does not tell."""
    from .handshake import OFFERED

    for one in match:
        if one.label not in OFFERED:
            raise OptionError(
                "is not known during the handshake", key=one.label, allowed=", ".join(OFFERED)
            )


def _cycle(on: float, off: float) -> tuple[float | None, float]:
    if bool(on) != bool(off):
        lacking, given = ("off", f"on={on:g}") if on else ("on", f"off={off:g}")
        raise OptionError(f"is missing: {given} needs it", key=lacking)
    if on and min(on, off) < SHORTEST_PHASE:
        key = "on" if on < SHORTEST_PHASE else "off"
        allowed = f"at least {SHORTEST_PHASE:g} seconds"
        raise OptionError(key=key, given=min(on, off), allowed=allowed)
    return on or None, off


def _number(option: Option, given: object) -> tuple[float, Ramp | None]:
    """Return a number and None, or the first number of a ramp and the ramp."""
    if not is_ramp(given):
        return float(option.parse(given)), None
    try:
        ramp = Ramp.parse(str(given))
        for value in ramp.values:
            option.parse(value)
    except OptionError:
        allowed = f"{option.allowed}, or a ramp between such numbers: {ALLOWED}"
        raise OptionError(key=option.name, given=given, allowed=allowed) from None
    return ramp.first, ramp


def _percent(rule: Rule) -> float:
    """Return the percentage that gave a rule its band: the shortest one that does."""
    shorter = (round(rule.percent, digits) for digits in range(10))
    fits = (percent for percent in shorter if _top(rule.low, percent) == rule.high)
    return next(fits, rule.percent)


def _top(low: float, percent: float) -> float:
    """Return where a band that begins at ``low`` ends; a rounding error above 100 is 100."""
    high = low + percent
    return 100.0 if 100 < high <= 100 + ROUNDING else high


def _make_behavior(
    configured: Configured[Behavior], rest: Entry, protocol: type[Protocol]
) -> tuple[Behavior, tuple[Match, ...], tuple[tuple[str, Ramp], ...]]:
    """Return a behavior with its options, its rule's matches, and the ramps of options."""
    options: dict[str, object] = {}
    texts: dict[str, str] = {}
    ramps: dict[str, Ramp] = {}
    behavior = configured.plugin
    declared = options_of(behavior)
    known = {**declared, **behavior.further_options(configured.values(rest), protocol)}
    labels = {**protocol.labels, **protocol.response_labels}
    for key, value in rest.items():
        label = key.removeprefix("match.")
        if key in declared and declared[key].type in (int, float) and is_ramp(value):
            options[key], ramp = _number(declared[key], value)
            if ramp is not None:
                ramps[key] = ramp
        elif key in known:
            options[key] = value
        elif label in labels:
            if label in texts:
                why = f"is given twice, as {label} and as match.{label}"
                raise OptionError(why, key=key, given=value)
            texts[label] = str(value)
        elif behavior.open_ended:
            options[key] = value
        else:
            from .handshake import TLS_LABELS, WITHOUT_TLS

            if label in TLS_LABELS:
                raise OptionError(WITHOUT_TLS, key=key, given=value)
            allowed = (
                f"the options of {behavior.name!r}: {_listed(known)}; "
                f"the keys of a rule: {_listed(RULE_KEYS)}; "
                f"and what the protocol {protocol.name!r} matches on: {_listed(labels)}"
            )
            raise OptionError("is unknown here", key=key, allowed=allowed)
    made = configured.make(options).fit(protocol)
    if not isinstance(made, Behavior):
        raise PluginError(f"{behavior.name!r}: its method fit must return a behavior")
    in_order = tuple((name, ramps[name]) for name in declared if name in ramps)
    return made, matches_of(made, protocol, texts), in_order


def unique_name(name: str, taken: dict[str, int], *, given: bool = False) -> str:
    """Return the name, numbered from the second on; a given name is kept as it is.

    ``taken`` maps each name so far to the number to try next for it.
    """
    unique = name
    if name in taken:
        if given:
            raise OptionError("is given to two rules", key="name", given=name)
        while (unique := f"{name}-{taken[name]}") in taken:
            taken[name] += 1
    taken[unique] = 2
    return unique


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def check_plugin(behavior: type[Configurable]) -> None:
    """Reject a behavior with an option that has a name with another meaning.

    Old plugins, which are open-ended, were written before there were rules: flags and files
    set their options of such names.

    Raises:
        OptionError: an option has the name of a rule's key, or of what all behaviors have.
    """
    if behavior.open_ended:
        return
    for name in options_of(behavior):
        if name in RULE_KEYS or name == "behavior":
            raise OptionError(f"the option {name!r} of {behavior.name!r} is a key of every rule")
        if hasattr(Behavior, name):
            raise OptionError(f"the option {name!r} of {behavior.name!r} has a reserved name")
