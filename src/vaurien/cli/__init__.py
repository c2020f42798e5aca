"""The command line.

``table`` lists what can be set.  ``flags`` makes click options of it, ``ini`` reads
files; both give ``Sections`` (``given``).  ``chosen`` loads the plugins that these
name, ``settings`` turns all into one checked value, and ``run`` runs it (``running``
is what has proxies open).  ``command`` is that command as click knows it, ``logs`` the log.

The commands with a word of their own are in ``COMMANDS``.  Those for many proxies begin
with ``configuration``, which understands their files and comes to the same settings.

Law: nothing is imported before it is needed.  ``--version`` needs nothing at all.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would cost as much as all of --version

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "serve": ("serve", "serve"),
    "run": ("execute", "run_command"),
    "check-config": ("check", "check_config"),
    "import-ini": ("import_ini", "import_ini"),
    "recipes": ("presets", "recipes"),
    "profiles": ("presets", "profiles"),
    "faults": ("faults", "faults"),
}
"""The module of each word, and what it is in there."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``vaurien`` with these arguments, or those of the process; exits."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "--version":
        from ..version import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    try:
        if arguments and arguments[0] in COMMANDS:
            from importlib import import_module

            word, *rest = arguments
            module, name = COMMANDS[word]
            getattr(import_module(f".{module}", __name__), name).main(rest, f"vaurien {word}")
        from .command import vaurien

        vaurien.main(list(arguments), "vaurien")
    except KeyboardInterrupt:  # before there is anything to end in good order
        sys.exit(130)
