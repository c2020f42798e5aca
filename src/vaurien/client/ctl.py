"""The command ``vaurienctl``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .blocking import Client
from .errors import ClientError
from .native import DEFAULT_PORT
from .wire import ALLOWED, Location

if TYPE_CHECKING:
    from argparse import ArgumentParser

ACTIONS = ("list-behaviors", "set-behavior", "get-behavior")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``vaurienctl``; return its exit status."""
    parser = _parser()
    if "--version" in (sys.argv[1:] if argv is None else argv):
        from importlib.metadata import version

        _print(version("vaurien"))
        return 0
    given = parser.parse_intermixed_args(argv)
    try:
        client = _client(given.host, given.proxy)
        options = _options(given.options)
        if given.action == "set-behavior" and not given.behavior:
            raise ValueError("set-behavior needs the name of a behavior")
        if given.action != "set-behavior" and given.behavior:
            raise ValueError(f"{given.action} takes no behavior")
    except ValueError as error:
        parser.error(str(error))
    try:
        if given.action == "set-behavior":
            return _set_behavior(client, given.behavior, options)
        if given.action == "get-behavior":
            _print(client.get_behavior())
        else:
            _print(", ".join(client.list_behaviors()))
    except (ClientError, ValueError) as error:
        sys.stderr.write(f"{_escaped(str(error))}\n")
        return 1
    return 0


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser

    parser = ArgumentParser("vaurienctl", description="Change the behavior of a running vaurien.")
    add = parser.add_argument
    add("--version", action="store_true", help="show the version and exit")
    # Before version 0.4 it was list-handlers, and so on.
    add("action", type=_action, help=f"command to run: {', '.join(ACTIONS)}")
    add("behavior", nargs="?", help="behavior to set, or a mix such as 20:delay")
    add("options", nargs="*", default=[], metavar="key=value", help="options of the behavior")
    url = f"http://localhost:{DEFAULT_PORT}"
    add("--host", default=url, metavar="URL", help="URL of the HTTP API (default: %(default)s)")
    add("--proxy", default="", metavar="NAME", help="name of the proxy, if there are several")
    return parser


def _action(word: str) -> str:
    """Return today's word; raise ArgumentTypeError if it is none."""
    from argparse import ArgumentTypeError
    from difflib import get_close_matches

    word = word.replace("handler", "behavior")
    if word not in ACTIONS:
        near = get_close_matches(word, ACTIONS, 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise ArgumentTypeError(
            f"invalid choice: {word!r}{meant}: choose from {', '.join(ACTIONS)}"
        )
    return word


def _client(url: str, proxy: str) -> Client:
    """Make a client from the value of ``--host``; raise ValueError if it is invalid."""
    try:
        named = "//" in url or url.startswith("unix:")
        location = Location.parse(url if named else f"http://{url}", DEFAULT_PORT)
    except ValueError:
        raise ValueError(f"--host {url!r} is not allowed: it takes {ALLOWED}") from None
    return Client(url=str(location), proxy=proxy, token=os.environ.get("VAURIEN_TOKEN", ""))


def _options(words: Sequence[str]) -> dict[str, object]:
    """Parse ``key=value`` arguments; raise ValueError if one is invalid."""
    options: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals) or key in ("name", "behavior"):
            raise ValueError(f"{word!r} is not an option of a behavior: it takes key=value")
        options[key] = value
    return options


def _set_behavior(client: Client, behavior: str, options: dict[str, object]) -> int:
    try:
        client.set_behavior(behavior, **options)
    except ValueError as error:
        names = client.list_behaviors()
        if behavior in names:  # so an option was refused
            _print(f"The request failed. {error}")
        else:
            _print(f"The request failed. Please use one of {', '.join(names)}")
        return 1
    _print(f'Behavior changed to "{behavior}"')
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{_escaped(line)}\n")


def _escaped(text: str) -> str:
    """Return a text that may come from a server, with escapes for control characters."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
