"""Faults: the errors that a real server of a protocol gives on a bad day.

A fault is a value: what it is called, what it means, and how it is played.  Each
protocol has a catalogue of them, which is data; the behavior ``error`` plays them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from .errors import OptionError
from .rules.firing import Firing
from .values.actions import Actions, Close, Forward, Reply
from .values.messages import NO_LABELS, Message
from .values.options import Option, Value, one_of

Values = Mapping[str, Value]
"""The values of a fault's parameters, by name: all of them, checked."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The root of all faults; subclasses say how they are played."""

    name: str
    """The native identifier that fits best: ``READONLY``, ``ER_LOCK_DEADLOCK``."""
    aliases: tuple[str, ...] = ()
    """Other identifiers it answers to: numbers, SQLSTATEs, codes."""
    meaning: str
    """What a client is told by it, in a line."""
    exercises: str
    """Which behavior of clients it puts to the test, in a line."""
    applies_to: Mapping[str, str] = field(default_factory=dict)
    """Labels that an exchange must have for it to be true to life: label -> value, or ``~regex``.

    They become matches of the rule, but for those labels that the rule matches itself.
    """
    parameters: tuple[Option, ...] = ()
    """What may be told of it, besides."""
    typical: bool = False
    """``error`` may pick it where it is not told which."""

    @property
    def wire(self) -> str:
        """What goes over the wire, in a line for people to read."""
        raise NotImplementedError

    def check(self, values: Values) -> None:
        """Refuse values that can't go over the wire, beyond what their options say.

        Raises:
            OptionError: it names the parameter.
        """

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        """What should happen to a message of the exchange that is to fail; see ``Behavior``."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Answer(Fault):
    """A fault that is told in place of a response.

    The backend hears nothing of the request.  Where it was decided on only when the
    response came, it takes the place of that, and of others to the same request that follow.
    What a backend says unasked is left alone.
    """

    closes: bool = False
    """The connection ends with it."""

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        """The bytes that the client is told in answer to this message."""
        raise NotImplementedError

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        if message.to_backend:
            if message.ends and message.expects_reply:
                yield Reply(self.render(message, firing, values))
                if self.closes:
                    yield Close()
        elif not message.exchange:
            yield Forward(message)
        elif message.begins and not firing.of_exchange(Answered).given:
            firing.of_exchange(Answered).given = True
            yield Forward(message.with_data(self.render(message, firing, values)))
            if self.closes:
                yield Close()


class Answered:
    """Whether an exchange has been given its answer."""

    given = False


@dataclass(frozen=True)
class ChosenFault:
    """A fault with the values of its parameters."""

    fault: Fault
    values: Values


class Catalogue:
    """The faults of a protocol, by any of their identifiers, in upper or lower case."""

    def __init__(self, faults: Iterable[Fault], typical_where: Mapping[str, str] = NO_LABELS):
        """``typical_where``: the labels of exchanges that any typical fault suits."""
        self.faults = tuple(faults)
        self.typical_where = typical_where

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults)

    def __bool__(self) -> bool:
        return bool(self.faults)

    @cached_property
    def _by_identifier(self) -> dict[str, Fault]:
        found: dict[str, Fault] = {}
        for fault in self.faults:
            found[fault.name.lower()] = fault
        for fault in self.faults:
            for identifier in fault.aliases:
                found.setdefault(identifier.lower(), fault)
        return found

    @property
    def typical(self) -> tuple[Fault, ...]:
        """The faults that ``error`` picks from where it is not told which."""
        return tuple(fault for fault in self.faults if fault.typical)

    def find(self, identifier: str) -> Fault:
        """The fault of this name, or that answers to this identifier.

        Raises:
            OptionError: there is none.
        """
        fault = self._by_identifier.get(identifier.lower())
        if fault is None:
            near = get_close_matches(identifier.lower(), self._by_identifier, n=3)
            names = [self._by_identifier[word].name for word in near]
            hint = f" (did you mean {' or '.join(dict.fromkeys(names))}?)" if names else ""
            allowed = one_of(fault.name for fault in self.faults)
            raise OptionError(f"is unknown{hint}", key="fault", given=identifier, allowed=allowed)
        return fault


def values_of(fault: Fault, given: Mapping[str, object]) -> Values:
    """The values of all parameters of a fault; what is not given has its default.

    Raises:
        OptionError: a parameter that it does not have, or a value that is not allowed.
    """
    known = {option.name: option for option in fault.parameters}
    for name in given:
        if name not in known:
            why = f"is not a parameter of the fault {fault.name!r}"
            raise OptionError(why, key=name, allowed=one_of(known))
    values = {
        name: option.parse(given[name]) if name in given else option.default
        for name, option in known.items()
    }
    fault.check(values)
    return values


NO_FAULTS = Catalogue(())
