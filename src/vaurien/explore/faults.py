"""What can happen at a point: the faults of its protocol, and losses of any connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..embedded.meaning import kind_of, meets, meets_any
from ..fault import Fault
from ..protocol import Protocol
from ..values.messages import NO_LABELS
from .points import Point

GREETING = {"phase": "greeting"}
"""Labels of what a server says first, before there is any request."""


@dataclass(frozen=True)
class Injection:
    """Something that can happen, as a rule without its matches."""

    name: str
    """Short, for identifiers and tables: ``READONLY``, ``reply-lost``."""
    behavior: str
    options: Mapping[str, object] = field(default_factory=dict)
    typical: bool = True
    """It is among the first to try."""
    native: bool = False
    """It is an error of the protocol's own."""
    hangs: bool = False
    """It keeps whoever has no limit of time waiting for ever."""
    matches: Mapping[str, str] = field(default_factory=dict)
    """Labels that it matches in place of the point's."""
    fatal: bool = False
    """It will be the same next time, so nobody survives it by trying again."""


RESET = Injection("reset", "reset", {"scope": "exchange"})
HANG = Injection("hang", "hang", {"direction": "to_client"}, hangs=True)
REQUEST_LOST = Injection("request-lost", "request-lost")
LOSSES = (Injection("reply-lost", "reply-lost"), REQUEST_LOST, HANG)
FURTHER_LOSSES = (Injection("partial-reply", "partial-reply", {"then": "fin"}), RESET)
"""What may happen to an exchange whatever its protocol, ..."""
UNFRAMED = (RESET, HANG)
"""... or to one whose messages are not known."""
CONNECTS = (
    Injection("refused", "no-backend"),
    Injection("reset", "reset"),
    Injection("silence", "accept-then-silence", hangs=True),
)
"""What may happen to a connection before it has carried anything."""


def injections_at(point: Point, protocol: type[Protocol]) -> list[Injection]:
    """Return what can truly happen at a point, the most telling first."""
    if point.kind == "connect":
        return [*CONNECTS, *_greetings(protocol)]
    if not protocol.framed:
        return list(UNFRAMED)
    if not point.answered:
        safe = meets_any(point.example, protocol.semantics.safe)
        return [] if safe else [REQUEST_LOST, RESET]
    typical_where = protocol.faults.typical_where
    applying = [
        fault
        for fault in protocol.faults
        if fault.applies_to != GREETING and meets(point.example, fault.applies_to)
    ]
    telling = list(_telling(applying, protocol))
    known = {each.name for each in (*telling, *LOSSES, *FURTHER_LOSSES)}
    native = [
        _native(fault, protocol, typical=fault.typical and meets(point.example, typical_where))
        for fault in applying
        if fault.name not in known
    ]
    typical = [each for each in native if each.typical]
    others = [each for each in native if not each.typical]
    return [*LOSSES, *typical, *telling, *FURTHER_LOSSES, *others]


def _telling(applying: Sequence[Fault], protocol: type[Protocol]) -> Iterator[Injection]:
    """Yield those faults, of the ones that apply, that show what a client knows."""
    for options in protocol.semantics.telling:
        for fault in applying:
            if fault.name == options["fault"]:
                made = _native(fault, protocol, typical=True)
                words = [fault.name, *(key.replace("_", "-") for key in options if key != "fault")]
                yield replace(made, name="-".join(words), options=dict(options))


def _greetings(protocol: type[Protocol]) -> Iterator[Injection]:
    for fault in protocol.faults:
        if fault.applies_to == GREETING:
            yield _native(fault, protocol, typical=True, matches=GREETING)


def _native(
    fault: Fault,
    protocol: type[Protocol],
    *,
    typical: bool,
    matches: Mapping[str, str] = NO_LABELS,
) -> Injection:
    return Injection(
        fault.name,
        "error",
        {"fault": fault.name},
        typical=typical,
        native=True,
        matches=dict(matches),
        fatal=kind_of(fault.name, protocol) == "fatal",
    )
