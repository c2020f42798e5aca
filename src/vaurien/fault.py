"""Faults: the errors that real servers of a protocol report.

A fault is a value: its name, its meaning, and how it is played.  Each protocol has a catalogue
of faults, which is data; the behavior ``error`` plays them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from .errors import OptionError
from .rules.firing import Firing
from .values.actions import Actions, Close, Forward, Reply
from .values.messages import NO_LABELS, Direction, Message
from .values.options import Option, Value, one_of

Values = Mapping[str, Value]
"""The values of a fault's parameters, by name: all of them, checked."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The base class of faults; subclasses define how they are played."""

    name: str
    """The native identifier: ``READONLY``, ``ER_LOCK_DEADLOCK``."""
    aliases: tuple[str, ...] = ()
    """Other identifiers: numbers, SQLSTATEs, codes."""
    meaning: str
    """What it tells a client, in a line."""
    exercises: str
    """Which behavior of clients it tests, in a line."""
    applies_to: Mapping[str, str] = field(default_factory=dict)
    """Labels of the exchanges on which a real server reports it: label -> value, as in rules.

    They become matches of the rule, unless the rule itself matches the label.
    """
    parameters: tuple[Option, ...] = ()
    """Its parameters, which rules set like options."""
    typical: bool = False
    """``error`` may pick it if no fault is named."""
    flaw: str | None = None
    """The flaw of the certificate that it shows; "" for one without, None if it shows none."""
    ignores_unsolicited: ClassVar[bool] = False
    """It leaves alone what the backend sends unsolicited; ``error`` does not count that then."""
    only: ClassVar[Direction | None] = None
    """The direction of the messages that it acts on, if it is only one."""

    @property
    def wire(self) -> str:
        """What goes over the wire, in a line, for documentation."""
        raise NotImplementedError

    def derive(self, **fields: object) -> None:
        """Set fields that follow from others, in ``__post_init__``."""
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def check(self, values: Values) -> None:
        """Reject values that cannot go over the wire, beyond the checks of their options.

        Raises:
            OptionError: a value is not allowed; it names the parameter.
        """

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        """Act on a message of the exchange that fails, as ``Behavior.on_message`` does."""
        raise NotImplementedError

    def greet(self, hello: Message, firing: Firing, values: Values) -> Actions:
        """Act on a handshake with vaurien, as ``Behavior.on_hello`` does, if it is one of TLS."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Answer(Fault):
    """A fault that replaces the response.

    The backend does not see the request.  If the rule fired only when the response came, the
    fault replaces it and all others to the same request.  Unsolicited messages of the backend
    pass.
    """

    ignores_unsolicited: ClassVar[bool] = True
    closes: bool = False
    """Whether it closes the connection."""

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        """Return the bytes that answer this message."""
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

    def greet(self, hello: Message, firing: Firing, values: Values) -> Actions:
        yield Reply(self.render(hello, firing, values))
        if self.closes:
            yield Close()


class FirstPiece:
    """The first piece of the message that a fault of several pieces acts on; kept meanwhile."""

    first: Message | None = None


class Answered:
    """Whether the fault has replaced the response of an exchange."""

    given = False


@dataclass(frozen=True)
class ChosenFault:
    """A fault with the values of its parameters."""

    fault: Fault
    values: Values


class Catalogue:
    """The faults of a protocol, found by any of their identifiers, case-insensitively."""

    def __init__(
        self,
        faults: Iterable[Fault],
        typical_where: Mapping[str, str] = NO_LABELS,
        any_code: Callable[[str, Container[str]], Fault | None] = lambda _code, _given: None,
        codes: str = "",
    ):
        """``typical_where``: labels of the exchanges on which any typical fault is realistic.

        ``any_code``: makes a fault of a code that no other fault has, if the protocol allows it;
        it is also given the names of the parameters that come with the code.
        ``codes``: the codes that it takes, in words.
        """
        self.faults = tuple(faults)
        self.typical_where = typical_where
        self._any_code = any_code
        self.codes = codes

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

    def _written(self, known: str) -> str:
        """Return a known identifier as it is written; another one with the name of its fault."""
        fault = self._by_identifier[known]
        if fault.name.lower() == known:
            return fault.name
        return next(f"{one} ({fault.name})" for one in fault.aliases if one.lower() == known)

    def identifiers(self, identifier: str) -> tuple[str, ...]:
        """Return all identifiers of the fault that has this one; none if no fault has."""
        fault = self._by_identifier.get(identifier.lower())
        return (fault.name, *fault.aliases) if fault is not None else ()

    @property
    def typical(self) -> tuple[Fault, ...]:
        """The faults that ``error`` picks from if none is named."""
        return tuple(fault for fault in self.faults if fault.typical)

    def find(self, identifier: str, given: Container[str] = (), protocol: str = "") -> Fault:
        """Return the fault with this name or other identifier.

        ``given``: the names of the parameters that come with it.  ``protocol``: its name, for
        the error.

        Raises:
            OptionError: there is none.
        """
        fault = self._by_identifier.get(identifier.lower()) or self._any_code(identifier, given)
        if fault is None:
            from difflib import get_close_matches

            near = get_close_matches(identifier.lower(), self._by_identifier, n=3)
            hint = f" (did you mean {' or '.join(map(self._written, near))}?)" if near else ""
            allowed = one_of((fault.name for fault in self.faults), identifier, "fault", protocol)
            allowed += f", or {self.codes}" if self.codes else ""
            raise OptionError(f"is unknown{hint}", key="fault", given=identifier, allowed=allowed)
        return fault


def values_of(fault: Fault, given: Mapping[str, object]) -> Values:
    """Return the values of all parameters of a fault; those not given have their default.

    Raises:
        OptionError: an unknown parameter, or a value that is not allowed.
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
