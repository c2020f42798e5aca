"""error: a response that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar, Self

from ..behavior import Behavior, Firing
from ..errors import OptionError
from ..fault import Fault, Values, values_of
from ..protocol import Protocol
from ..values.actions import Actions, Forward
from ..values.messages import Direction, Message
from ..values.options import Option, Value, one_of, option, options_of

NOISE = 100


class Error(Behavior):
    """Gives the error that a real server would; where the protocol has none, noise."""

    name = "error"
    lasting: ClassVar[bool] = True
    fault: str = option("", "which one, by a native identifier; otherwise a typical one at random")
    inject: bool = option(
        False, "put random bytes inside the response, which stays otherwise valid"
    )
    warmup: int = option(0, "number of exchanges to leave alone first", minimum=0)

    parameters: Mapping[str, object] = field(default_factory=dict)
    """What the fault was told."""
    _chosen: tuple[Fault, Values] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @classmethod
    def further_options(
        cls, given: Mapping[str, object], protocol: type[Protocol]
    ) -> Mapping[str, Option]:
        if not given.get("fault"):
            return {}
        fault = _find(str(given["fault"]), protocol)
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
        if "fault" in values:  # what another one was told does not suit this one
            known = options_of(cls)
            defaults = {key: defaults[key] for key in defaults if key in known}
        return super().over(defaults, values)

    def settings(self) -> dict[str, Value]:
        told = {key: value for key, value in self.parameters.items() if isinstance(value, Value)}
        return {**super().settings(), **told}

    def fit(self, protocol: type[Protocol]) -> Mapping[str, str]:
        self.needs_messages = bool(protocol.faults) and not self.inject
        if not self.fault and self.parameters:
            why = f"is not an option of {self.name!r} without a fault"
            allowed = one_of(options_of(type(self)))
            raise OptionError(why, key=next(iter(self.parameters)), allowed=allowed)
        if not self.fault:
            return protocol.faults.typical_where if self.needs_messages else {}
        if self.inject:
            raise OptionError("excludes inject", key="fault", given=self.fault)
        fault = _find(self.fault, protocol)
        values = values_of(fault, self.parameters)
        self.parameters = {key: values[key] for key in self.parameters}
        self._chosen = fault, values
        return fault.applies_to

    def concerns(self, direction: Direction) -> bool:
        return self.needs_messages or direction is Direction.TO_CLIENT

    def detail(self, firing: Firing) -> str:
        if not self.fails(firing):
            return ""
        if self.inject or not firing.protocol.faults:
            return "noise"
        return self._fault(firing)[0].name

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if not self.fails(firing):
            yield Forward(message)
        elif self.inject:
            yield Forward(_spoilt(message, firing))
        elif firing.protocol.faults:
            fault, values = self._fault(firing)
            yield from fault.play(message, firing, values)
        elif message.to_backend:
            yield Forward(message)
        elif message.begins:
            yield Forward(message.with_data(firing.protocol.error(message, firing.random())))

    def fails(self, firing: Firing) -> bool:
        """Whether this exchange is to fail."""
        return firing.count > self.warmup

    def _fault(self, firing: Firing) -> tuple[Fault, Values]:
        """The fault to play, and what it was told; the same for all messages of an exchange."""
        if self._chosen is not None:
            return self._chosen
        fault = firing.protocol.faults.pick(firing.random())
        return fault, values_of(fault, {})


def _find(identifier: str, protocol: type[Protocol]) -> Fault:
    if not protocol.faults:
        why = f"is not allowed: the protocol {protocol.name!r} has no faults"
        raise OptionError(why, key="fault", given=identifier)
    return protocol.faults.find(identifier)


def _spoilt(message: Message, firing: Firing) -> Message:
    """A response with noise in its middle; anything else as it is."""
    if message.to_backend or not message.begins:
        return message
    middle = len(message.data) // 2
    noise = firing.random().randbytes(NOISE)
    return message.with_data(message.data[:middle] + noise + message.data[middle:])
