"""The matches of a rule: those that it names, and those of its behavior where it names none."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..behavior import Behavior
from ..errors import OptionError
from ..protocol import Protocol
from ..values.messages import NO_LABELS, Direction
from ..values.options import one_of
from .plan import Match

PATTERN = re.compile("!?~")
"""What precedes a pattern, or one that must not be found."""


def matches_of(
    behavior: Behavior, protocol: type[Protocol], texts: Mapping[str, str] = NO_LABELS
) -> tuple[Match, ...]:
    """Return the matches of a rule with this behavior: those it names, and the behavior's.

    Raises:
        OptionError: the behavior makes no sense with these matches, or no exchange meets them.
    """
    wanted = {**behavior.applies_to, **texts}
    match = tuple(
        condition(label, text, late=label not in protocol.labels) for label, text in wanted.items()
    )
    _check_late(match, behavior, protocol)
    if match:
        from .possible import check_possible

        match = _without_replaced(match, texts, protocol)
        check_possible(match, protocol.kinds(), protocol.faults.identifiers)
    return match


def _without_replaced(
    match: tuple[Match, ...], texts: Mapping[str, str], protocol: type[Protocol]
) -> tuple[Match, ...]:
    """Return the matches but those of the behavior that these texts, the rule's own, exclude.

    They are replaced only if both say which kind of request it is, in different labels.
    """
    from .possible import meets

    own = tuple(one for one in match if one.label in texts and one.label in protocol.kind_labels)
    kinds = protocol.kinds()
    return tuple(
        one
        for one in match
        if one.label in texts
        or one.label not in protocol.kind_labels
        or not meets(own, kinds)
        or meets((*own, one), kinds)
    )


def condition(label: str, value: str, *, late: bool = False) -> Match:
    """Return the condition that a value states: a text, ``~PATTERN`` or ``!~PATTERN``.

    ``late``: the label is known only with the response.

    Raises:
        OptionError: the pattern is empty, or none.
    """
    found = PATTERN.match(value)
    if found is None:
        return Match(label, value, late=late)
    from .pattern import compile_pattern

    pattern = value[found.end() :]
    if not pattern:
        raise OptionError("is an empty pattern", key=label, given=value, allowed="~. for any text")
    try:
        compile_pattern(pattern)
    except OptionError as error:
        raise OptionError(error.why, key=label, given=value) from None
    return Match(label, pattern, regex=True, negated=found[0] != "~", late=late)


def _check_late(match: tuple[Match, ...], behavior: Behavior, protocol: type[Protocol]) -> None:
    """Reject a match on the response with a behavior that does not act on responses."""
    late = [one.label for one in match if one.late]
    if late and not behavior.concerns(Direction.TO_CLIENT):
        why = (
            f"is known only with the response, and with these options {behavior.name!r} acts on "
            "requests"
        )
        raise OptionError(why, key=late[0], allowed=one_of(protocol.labels))
