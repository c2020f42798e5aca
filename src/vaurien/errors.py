"""Every error that vaurien raises on purpose.

Each message names what was given, what is allowed and, where it is known, the
place it came from (a flag, a file and key), so that it can be shown to a user
as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable

NOT_GIVEN = object()


class VaurienError(Exception):
    """The root of the tree."""


class OptionError(VaurienError, ValueError):
    """A value that an option, a rule or a setting does not allow.

    The text is built from the fields: ``sleep='x' is not allowed: it takes a number``.
    """

    def __init__(
        self,
        why: str = "is not allowed",
        *,
        key: str = "",
        given: object = NOT_GIVEN,
        allowed: str = "",
        choices: tuple[str, ...] = (),
    ) -> None:
        """``why`` continues a sentence about the key, or about the value where there is no key;
        without either it is the whole sentence.  ``choices``: the words that are allowed.
        """
        self.choices = choices
        self.why = why
        self.key = key
        self.given = given
        self.allowed = allowed
        value = "" if given is NOT_GIVEN else repr(given)
        subject = f"{key}={value}" if key and value else value or (key and repr(key))
        text = f"{subject} {why}" if subject else why
        super().__init__(f"{text}: it takes {allowed}" if allowed else text)


class AddressError(OptionError):
    """Not ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:/path``."""


class BackendError(OptionError):
    """A backend that a proxy may not have: vaurien itself, or an address that is not allowed."""

    def __init__(self, why: str, *, given: str, proxy: str) -> None:
        super().__init__(f"is refused: {why}", key="backend", given=given)
        self.proxy = proxy


class ConfigError(VaurienError):
    """A configuration file that cannot be read or used."""


class AuthorityError(VaurienError):
    """vaurien's certificate authority cannot be made, or used."""


class PluginError(VaurienError):
    """A plugin that cannot be imported, or is not one."""


NAME_LIMIT = 64
"""Characters of a name that are compared with others: that takes time."""
NAMES_SHOWN = 12
"""A longer list of names is cut to those that are likely to be meant."""
LISTINGS = {
    "behavior": "vaurien --help",
    "profile": "vaurien profiles",
    "recipe": "vaurien recipes",
    "fault": "vaurien faults {of}",
}
"""The command that lists all names of a kind."""


def choices(names: Iterable[str], meant: str = "", kind: str = "", of: str = "") -> str:
    """Return the names, separated by commas; of many, those like the one that was ``meant``.

    ``of``: the protocol, if their ``kind`` is fault.
    """
    known = list(names)
    if len(known) <= NAMES_SHOWN:
        return ", ".join(known)
    from difflib import get_close_matches

    near = get_close_matches(meant, known, 5, 0.5) if meant else known[:5]
    near = near or known[:5]
    count = len(known)
    command = LISTINGS.get(kind, "").format(of=of).rstrip()
    listed = f"'{command}' lists all {count}" if command else f"{count} in all"
    return f"{', '.join(near)}, ... ({listed})"


class UnknownNameError(VaurienError, LookupError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        super().__init__(kind, name)

    def __str__(self) -> str:  # only when it is shown: looking for what was meant takes time
        from difflib import get_close_matches

        near = get_close_matches(self.name[:NAME_LIMIT], self.known, 2)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        found = choices(map(repr, self.known), repr(self.name[:NAME_LIMIT]), self.kind)
        return f"{self.name!r} is an unknown {self.kind}.{hint} Pick one of: {found}."


class EndingError(VaurienError):
    """A change that comes while all proxies are ending."""

    def __init__(self) -> None:
        super().__init__("the process is ending and takes no more changes; this one was refused")


class ListenError(VaurienError, OSError):
    """An address that cannot be listened on."""

    proxy: str = ""
    """The proxy whose address it is, if that is known."""
    reason: str = ""
    """The text without the name of the proxy."""
    endpoint: str = ""
    """The address with its host resolved, if that is known."""


class ProtocolError(VaurienError):
    """The bytes are not what the protocol says they should be; raised by parsers."""
