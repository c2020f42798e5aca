"""What a user has given, and where: the same form for flags and for files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ..errors import OptionError, VaurienError
from ..values.options import Option, Value

Text = str | bool | tuple[str, ...]
"""A value before it is understood; a tuple where there are several."""


@dataclass(frozen=True)
class Given:
    """One value, and the place to name when it is wrong: a flag, or a file's key."""

    place: str
    value: Text

    def parse(self, option: Option) -> Value:
        """The value meant.

        Raises:
            OptionError: it is not allowed; the message names the place.
        """
        return replace(option, name=self.place).parse(self.value)

    @property
    def texts(self) -> tuple[str, ...]:
        """All values, where there may be several."""
        return self.value if isinstance(self.value, tuple) else (str(self.value),)


@dataclass
class Section:
    """What was given for one thing: vaurien itself, statsd, or a plugin."""

    place: str
    values: dict[str, Given] = field(default_factory=dict)


Sections = dict[str, Section]
"""By name: ``vaurien``, ``statsd``, ``behavior:NAME``, ``protocol:NAME``."""


def merge(first: Mapping[str, Section], second: Mapping[str, Section]) -> Sections:
    """Both together; where both say something, the second wins."""
    merged = {name: Section(section.place, dict(section.values)) for name, section in first.items()}
    for name, section in second.items():
        merged.setdefault(name, Section(section.place)).values.update(section.values)
    return merged


@contextmanager
def blamed_on(place: str) -> Iterator[None]:
    """Begin the message of whatever goes wrong inside with the place it comes from.

    Raises:
        OptionError: instead of any error of ours.
    """
    try:
        yield
    except VaurienError as error:
        # What is an OSError too puts its number in front.
        raise OptionError(f"{place}: {getattr(error, 'strerror', None) or error}") from error
