"""One thing that can be set: a flag, a key of INI files and a key of documents."""

from __future__ import annotations

from dataclasses import dataclass

from ..values.options import Option, Value

NAME = "vaurien"
"""The name of the proxy that flags and INI files describe."""


@dataclass(frozen=True)
class Setting:
    """One thing that can be set."""

    heading: str
    """The heading in ``--help``."""
    option: Option
    section: str = "vaurien"
    """The section of INI files."""
    metavar: str = ""
    of_proxy: str = ""
    """The key in a proxy's table of a document, or ``TABLE.KEY``; ``""`` if it is in none."""
    repeatable: bool = False
    """The flag may be given several times; the key of an INI file takes one a line."""
    shown: str | None = None
    """The default in words, where it is not a value."""

    @property
    def key(self) -> str:
        return self.option.name

    @property
    def flag(self) -> str:
        section = "" if self.section == "vaurien" else f"{self.section}."
        return f"--{section}{self.key.replace('_', '-')}"

    @property
    def path(self) -> tuple[str, ...]:
        """Where it is in a document."""
        if self.of_proxy:
            return "proxies", NAME, *self.of_proxy.split(".")
        return (self.key,) if self.section == "vaurien" else (self.section, self.key)


def setting(
    heading: str,
    name: str,
    default: Value,
    text: str,
    metavar: str = "",
    *,
    section: str = "vaurien",
    of_proxy: str = "",
    repeatable: bool = False,
    shown: str | None = None,
    choices: tuple[Value, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Setting:
    """Return the setting of a section, whose default tells its type."""
    option = Option(name, type(default), default, text, choices, minimum, maximum)
    return Setting(heading, option, section, metavar, of_proxy, repeatable, shown)
