"""Whether a rule can ever act, and its matches be met by one kind of exchange, all together.

Law: a rule is rejected only if no exchange at all can meet its matches.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import OptionError
from .kinds import Condition, Identifiers, Kind
from .plan import Rule


def check_acts(rule: Rule) -> None:
    """Reject a rule that can never act, whatever happens.

    Raises:
        OptionError: it names the key that prevents it.
    """
    if rule.direction is not None and not rule.behavior.acts_in(rule.direction):
        why = f"is not allowed: {rule.behavior.name!r} does nothing in that direction alone"
        given = rule.direction.value
        raise OptionError(why, key="direction", given=given, allowed="the other direction, or both")
    if rule.ttl is not None and rule.ttl <= rule.start:
        why = "is not allowed: the rule expires before it turns on"
        raise OptionError(why, key="ttl", given=rule.ttl, allowed=f"more than start={rule.start:g}")


def check_possible(
    match: Sequence[Condition], kinds: Sequence[Kind], identifiers: Identifiers = lambda _: ()
) -> None:
    """Reject matches that no kind of exchange meets; without kinds, nothing is known.

    Raises:
        OptionError: it names the label whose text no exchange has, or the matches that exclude
            each other.
    """
    if meets(match, kinds):
        return
    for one in match:
        if not meets([one], kinds):
            from .meant import allowed_texts, meant

            known = [kind[one.label] for kind in kinds if one.label in kind]
            near = meant(one, known, identifiers)
            hint = f" (did you mean {near}?)" if near else ""
            raise OptionError(
                f"can never match: no exchange has this {one.label}{hint}",
                key=one.label,
                given=one.written,
                allowed=allowed_texts(one.value, known),
            )
    together = " and ".join(f"{one.label}={one.written}" for one in match)
    raise OptionError(f"the rule can never fire: no exchange has {together}")


def meets(match: Sequence[Condition], kinds: Sequence[Kind]) -> bool:
    """Whether an exchange of one of these kinds may meet all these matches."""
    return not kinds or any(all(_meets(kind, one) for one in match) for kind in kinds)


def _meets(kind: Kind, match: Condition) -> bool:
    allowed = kind.get(match.label)
    return allowed is not None and allowed.allows(match)
