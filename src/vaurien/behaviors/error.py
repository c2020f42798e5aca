"""error: a response that reports an error."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import field
from typing import ClassVar, Self

from ..behavior import Behavior, Firing
from ..errors import OptionError
from ..fault import ChosenFault, Fault, values_of
from ..protocol import Protocol
from ..registry import protocols
from ..values.actions import Actions, Forward
from ..values.messages import Direction, Message
from ..values.options import Option, Value, one_of, option, options_of

NOISE = 100


class Faulty(Behavior):
    """The base class of behaviors that play faults of a catalogue."""

    plays: ClassVar[str | None] = ""
    fault: str = option("", "name or number of the fault; if empty, a typical one at random")

    parameters: Mapping[str, object] = field(default_factory=dict)
    """The values given for parameters of the fault."""
    faults: tuple[ChosenFault, ...] = field(default=(), repr=False, compare=False)
    """The faults that it picks from, by way of ``fit``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.only = self.faults[0] if len(self.faults) == 1 else None
        shown = (chosen.fault.flaw for chosen in self.faults)
        self.flaws = tuple(flaw for flaw in shown if flaw is not None)

    @classmethod
    def played(cls, protocol: type[Protocol]) -> type[Protocol]:
        """Return the protocol whose faults are played on a proxy of this protocol."""
        return protocols.get(cls.plays) if cls.plays else protocol

    @classmethod
    def further_options(
        cls, given: Mapping[str, object], protocol: type[Protocol]
    ) -> Mapping[str, Option]:
        if not given.get("fault"):
            return {}
        fault = _find(str(given["fault"]), cls.played(protocol), given)
        return {parameter.name: parameter for parameter in fault.parameters}

    @classmethod
    def configured(cls, values: Mapping[str, object]) -> Self:
        known = options_of(cls)
        made = super().configured({key: values[key] for key in values if key in known})
        made.parameters = {key: values[key] for key in values if key not in known}
        return made

    @classmethod
    def over(
        cls, defaults: Mapping[str, object], values: Mapping[str, object]
    ) -> dict[str, object]:
        if "fault" in values:  # another fault has other parameters
            known = options_of(cls)
            defaults = {key: defaults[key] for key in defaults if key in known}
        return super().over(defaults, values)

    def settings(self) -> dict[str, Value]:
        given = {key: value for key, value in self.parameters.items() if isinstance(value, Value)}
        return {**super().settings(), **given}

    def fit(self, protocol: type[Protocol]) -> Self:
        if not self.fault and self.parameters:
            why = f"is not an option of {self.name!r} without a fault"
            allowed = one_of(options_of(type(self)))
            raise OptionError(why, key=next(iter(self.parameters)), allowed=allowed)
        protocol = self.played(protocol)
        catalogue = protocol.faults
        if not (self.fault or catalogue):
            return self
        found = (_find(self.fault, protocol, self.parameters),) if self.fault else catalogue.typical
        faults = tuple(ChosenFault(fault, values_of(fault, self.parameters)) for fault in found)
        parameters = {key: faults[0].values[key] for key in self.parameters}
        return type(self)(**super().settings(), parameters=parameters, faults=faults)

    def detail(self, firing: Firing) -> str:
        return (self.only or self.chosen(firing)).fault.name

    def chosen(self, firing: Firing) -> ChosenFault:
        """Return the fault for all messages of an exchange, out of several."""
        choice = firing.of_exchange(Choice)
        if choice.fault is None:
            choice.fault = firing.random().choice(self.faults)
        return choice.fault


class Error(Faulty):
    """Answers with an error of the protocol; if it has none, with random bytes."""

    name = "error"
    lasting: ClassVar[bool] = True
    inject: bool = option(False, "insert random bytes into the response instead")
    warmup: int = option(0, "number of exchanges that succeed first", minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.needs_messages = bool(self.faults)
        self.ignores_unsolicited = self.needs_messages and all(
            chosen.fault.ignores_unsolicited for chosen in self.faults
        )

    def fit(self, protocol: type[Protocol]) -> Self:
        if self.fault and self.inject:
            raise OptionError("excludes inject", key="fault", given=self.fault)
        if self.inject and not self.parameters:
            return self
        fitted = super().fit(protocol)
        if self.fault:
            fitted.applies_to = fitted.faults[0].fault.applies_to
        elif fitted.faults:
            fitted.applies_to = protocol.faults.typical_where
        return fitted

    def concerns(self, direction: Direction) -> bool:
        return self.needs_messages or direction is Direction.TO_CLIENT

    def acts_in(self, direction: Direction) -> bool:
        faults = [chosen.fault for chosen in self.faults]
        return not faults or any(fault.only in (None, direction) for fault in faults)

    def detail(self, firing: Firing) -> str:
        if not self.fails(firing):
            return ""
        return (self.only or self.chosen(firing)).fault.name if self.faults else "noise"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not self.fails(firing):
            return iter([Forward(message)])
        if self.faults:
            chosen = self.only or self.chosen(firing)
            return chosen.fault.play(message, firing, chosen.values)
        return self._noise(message, firing)

    def _noise(self, message: Message, firing: Firing) -> Actions:
        """Put noise inside a response, or in its place; requests pass."""
        if message.to_backend:
            yield Forward(message)
        elif self.inject:
            yield Forward(_with_noise(message, firing))
        elif message.begins:
            yield Forward(message.with_data(firing.protocol.error(message, firing.random())))

    def fails(self, firing: Firing) -> bool:
        """Whether the exchange fails."""
        return not self.warmup or firing.count > self.warmup


class Choice:
    """The fault of one exchange."""

    fault: ChosenFault | None = None


def _find(identifier: str, protocol: type[Protocol], given: Container[str]) -> Fault:
    if not protocol.faults:
        why = f"is not allowed: the protocol {protocol.name!r} has no faults"
        raise OptionError(why, key="fault", given=identifier)
    return protocol.faults.find(identifier, given, protocol.name)


def _with_noise(message: Message, firing: Firing) -> Message:
    """Return the first piece of a response with noise in its middle; other pieces unchanged."""
    if not message.begins:
        return message
    middle = len(message.data) // 2
    noise = firing.random().randbytes(NOISE)
    return message.with_data(message.data[:middle] + noise + message.data[middle:])
