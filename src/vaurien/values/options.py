"""Options of behaviors and protocols: declared once, as typed fields.

The flags of the command line, the checks of configuration files and API calls, and the
documentation are made from these declarations.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast, get_type_hints

from ..errors import OptionError, PluginError, choices

Value = bool | int | float | str
T = TypeVar("T", bool, int, float, str)

NOUNS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
TRUE_WORDS = frozenset({"true", "yes", "y", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "n", "off", "0"})


WHOLE_NUMBERS = 2**64
"""A float is no whole number from here on: it is too coarse."""


@dataclass(frozen=True)
class Option:
    """One option, as its field declares it."""

    name: str
    type: type[Value]
    default: Value
    help: str
    choices: tuple[Value, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def parse(self, given: object) -> Value:
        """Convert a text or a JSON value to the option's value.

        Raises:
            OptionError: it has the wrong type, or is not allowed.
        """
        value = self._convert(given)
        if (
            (self.choices and value not in self.choices)
            or (self.minimum is not None and cast(float, value) < self.minimum)
            or (self.maximum is not None and cast(float, value) > self.maximum)
        ):
            raise self._not_allowed(given)
        return value

    def _not_allowed(self, given: object) -> OptionError:
        words = tuple(filter(None, map(str, self.choices)))
        return OptionError(key=self.name, given=given, allowed=self.allowed, choices=words)

    @property
    def allowed(self) -> str:
        """The values that are allowed, in words."""
        if self.choices:
            return "one of " + ", ".join(str(choice) or "''" for choice in self.choices)
        words = NOUNS[self.type]
        if self.minimum is not None and self.maximum is not None:
            return f"{words} from {_bound_text(self.minimum)} to {_bound_text(self.maximum)}"
        if self.minimum is not None:
            return f"{words} of at least {_bound_text(self.minimum)}"
        if self.maximum is not None:
            return f"{words} of at most {_bound_text(self.maximum)}"
        return words

    def _convert(self, given: object) -> Value:
        try:
            if self.type is str:
                if isinstance(given, str):
                    return given
                if isinstance(given, (int, float)) and not isinstance(given, bool):
                    return str(given)  # such as a numeric error code
            elif self.type is bool:
                if isinstance(given, bool):
                    return given
                word = str(given).strip().lower()
                if word in TRUE_WORDS or word in FALSE_WORDS:
                    return word in TRUE_WORDS
            elif not isinstance(given, bool) and isinstance(given, (int, float, str)):
                if self.type is int and not (isinstance(given, float) and _is_not_whole(given)):
                    return int(given)
                if self.type is float and math.isfinite(number := float(given)):
                    return number
        except (ValueError, OverflowError):
            pass
        raise self._not_allowed(given)


def _is_not_whole(number: float) -> bool:
    return bool(number % 1) or abs(number) >= WHOLE_NUMBERS


def one_of(names: Iterable[str], meant: str = "", kind: str = "", of: str = "") -> str:
    """What is allowed, where it is one of these names; see ``errors.choices``."""
    listed = choices(names, meant, kind, of)
    return f"one of {listed}" if listed else "none"


def _bound_text(bound: float) -> str:
    """Format a number as users write it: whole numbers with all digits."""
    return f"{bound:g}" if bound % 1 else str(int(bound))


def option(
    default: T,
    help: str,  # noqa: A002 - the word every reader expects
    *,
    choices: tuple[T, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """Declare an option: ``sleep: float = option(1.0, "seconds to wait", minimum=0)``."""
    return dataclasses.field(
        default=default,
        metadata={"help": help, "choices": choices, "minimum": minimum, "maximum": maximum},
    )


def options_of(cls: type[Configurable]) -> dict[str, Option]:
    """Return the options that a class declares, by name, in the order of declaration.

    Raises:
        PluginError: the type of an option is not allowed.
    """
    if "_options" not in cls.__dict__:
        hints = get_type_hints(cls)
        cls._options = {
            field.name: _declared(cls, field, hints[field.name])
            for field in dataclasses.fields(cls)
            if "help" in field.metadata
        }
    return cls._options


def _declared(
    cls: type[Configurable], field: dataclasses.Field[Value], annotated: type[Value]
) -> Option:
    if annotated not in NOUNS:
        raise PluginError(
            f"the option {field.name!r} of {cls.name!r} is declared as {annotated!r}: "
            f"it takes bool, int, float or str"
        )
    return Option(field.name, annotated, cast(Value, field.default), **field.metadata)


class Declarations:
    """The options of a class in the form of old plugins: name -> (help, type, default).

    Choices are fourth, if there are any.  Old plugins extend the mapping.
    """

    def __get__(self, instance: object, owner: type[Configurable]) -> dict[str, tuple[object, ...]]:
        return {
            name: (known.help, known.type, known.default, *([known.choices] * bool(known.choices)))
            for name, known in options_of(owner).items()
        }


@dataclass(kw_only=True)
class Configurable:
    """A class whose fields are its options: a keyword-only, comparable dataclass."""

    name: ClassVar[str] = ""
    open_ended: ClassVar[bool] = False
    """It takes options that it does not declare, too."""
    options = Declarations()  # not annotated, so not a field
    _options: ClassVar[dict[str, Option]]

    if TYPE_CHECKING:  # type checkers do not know that ``option(1.0, ...)`` is a default

        def __init__(self, **options: object) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(kw_only=True)(cls)

    def __post_init__(self) -> None:
        for name, declared in options_of(type(self)).items():
            setattr(self, name, declared.parse(getattr(self, name)))

    @classmethod
    def configured(cls, values: Mapping[str, object]) -> Self:
        """Return an instance with these option values; others have their default.

        Raises:
            OptionError: an unknown option, or a value that is not allowed.
        """
        known = options_of(cls)
        for name in values:
            if name not in known:
                why = f"is not an option of {cls.name!r}"
                raise OptionError(why, key=name, allowed=one_of(known))
        return cls(**{name: known[name].parse(value) for name, value in values.items()})

    @classmethod
    def over(
        cls, defaults: Mapping[str, object], values: Mapping[str, object]
    ) -> dict[str, object]:
        """Return these values over defaults."""
        return {**defaults, **values}

    def settings(self) -> dict[str, Value]:
        """Return the values of all options, by name."""
        return {name: getattr(self, name) for name in options_of(type(self))}


Plugin = TypeVar("Plugin", bound=Configurable)


@dataclass(frozen=True)
class Configured(Generic[Plugin]):
    """A plugin, and the options that a configuration gives it in place of its own defaults."""

    plugin: type[Plugin]
    defaults: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, found: type[Plugin] | Configured[Plugin]) -> Configured[Plugin]:
        """Return a plugin without such options as one with none; any other as it is."""
        return found if isinstance(found, Configured) else Configured(found)

    def values(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return these option values, completed by the defaults."""
        return self.plugin.over(self.defaults, given)

    def make(self, given: Mapping[str, object]) -> Plugin:
        """Return an instance with these option values.

        Raises:
            OptionError: an option that does not exist, or a value that is not allowed.
        """
        return self.plugin.configured(self.values(given))
