"""Every error that vaurien raises on purpose.

Each message names what was given, what is allowed and, where it is known, the
place it came from (a flag, a file and key), so that it can be shown to a user
as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable


class VaurienError(Exception):
    """The root of the tree."""


class OptionError(VaurienError, ValueError):
    """A value that an option, a rule or a setting does not allow."""


class AddressError(VaurienError, ValueError):
    """Not ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:/path``."""


class ConfigError(VaurienError):
    """A configuration file that cannot be read, or says something impossible."""


class PluginError(VaurienError):
    """A plugin that cannot be imported, or is not one."""


class UnknownNameError(VaurienError, LookupError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        choices = ", ".join(repr(choice) for choice in self.known)
        super().__init__(f"{name!r} is an unknown {kind}. Pick one of: {choices}.")


class ListenError(VaurienError, OSError):
    """An address that cannot be listened on; ``proxy`` is whose it is, if that is known."""

    proxy: str = ""


class ProtocolError(VaurienError):
    """The bytes are not what the protocol says they should be; raised by parsers."""
