"""Flags of the earliest versions, 0.1 to 0.3.

They called behaviors handlers, a proxy's two addresses local and distant, and chose the
protocol by an option of a handler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..config.sections import of_handler
from ..config.settings import GONE_PROTOCOL_OPTIONS, OLDEST
from ..values.options import Configurable, Option, options_of

DOTTED = re.compile(r"--handlers?\.(?P<name>[^.=]+)\.(?P<option>[^.=]+)", re.DOTALL)


def respelled(arguments: Iterable[str]) -> list[str]:
    """Return arguments of version 0.1 in the form of version 0.3."""
    return [_respelled(argument) for argument in arguments]


def _respelled(argument: str) -> str:
    flag, equals, value = argument.partition("=")
    if flag.startswith("--") and flag[2:] in OLDEST:
        flag = f"--{OLDEST[flag[2:]]}"
    elif old := DOTTED.fullmatch(flag):
        flag = f"--handler-{old['name']}-{old['option'].replace('_', '-')}"
    return f"{flag}{equals}{value}"


def gone_options(plugin: type[Configurable]) -> dict[Option, str]:
    """Return the options that a built-in handler had and this behavior lacks, by their sections."""
    had = [
        *GONE_PROTOCOL_OPTIONS.values(),
        Option("protocol", str, "tcp", "Protocol of the traffic."),
        Option("http", bool, False, "The protocol is HTTP."),
    ]
    places = {option: of_handler(plugin.name, option.name)[0] for option in had}
    known = options_of(plugin)
    return {
        option: section
        for option, section in places.items()
        if option.name not in known and not section.startswith("behavior")
    }
