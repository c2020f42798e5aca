"""The command line.

``command`` is ``vaurien`` itself, for one proxy, with the flags of ``flags``; ``run`` runs
it until a signal.  The subcommands are in ``COMMANDS``: ``serve`` (with ``reload``) and
``execute`` run many proxies from a file.  All of them open their proxies with ``running``
and log with ``logs``; ``config`` makes settings of flags and files.

``remote`` has the commands that drive a running vaurien, and ``toxiproxy`` the command
``toxiproxy-cli``.  ``meta`` is the command ``meta-vaurien``, and ``demo`` is ``make demo``.

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
    "explore": ("explore", "explore"),
    "check-config": ("check", "check_config"),
    "import": ("import_toxiproxy", "import_toxiproxy"),
    "import-ini": ("import_ini", "import_ini"),
    "ca": ("ca", "ca"),
    "completion": ("completion", "completion"),
    "recipes": ("presets", "recipes"),
    "profiles": ("presets", "profiles"),
    "faults": ("faults", "faults"),
    "list": ("remote.proxies", "list_proxies"),
    "create": ("remote.proxies", "create"),
    "inspect": ("remote.proxies", "inspect"),
    "toggle": ("remote.proxies", "toggle"),
    "delete": ("remote.proxies", "delete"),
    "rule add": ("remote.rules", "add"),
    "rule update": ("remote.rules", "update"),
    "rule remove": ("remote.rules", "remove"),
    "rule pause": ("remote.rules", "pause"),
    "rule resume": ("remote.rules", "resume"),
    "recipe start": ("remote.presets", "start"),
    "recipe stop": ("remote.presets", "stop"),
    "profile apply": ("remote.presets", "apply"),
    "profile remove": ("remote.presets", "remove"),
    "apply": ("remote.states", "apply"),
    "export": ("remote.states", "export"),
    "top": ("remote.top", "top"),
    "events": ("remote.live", "events"),
    "connections": ("remote.live", "connections"),
    "kill": ("remote.live", "kill"),
    "reset": ("remote.live", "reset"),
    "healthcheck": ("remote.live", "healthcheck"),
}
"""The module of each subcommand, and its name in there."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``vaurien`` with these arguments, or those of the process, and exit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments[:1]) == ["--version"] or (
        list(arguments[1:2]) in (["--version"], ["-version"]) and arguments[0] in COMMANDS
    ):
        from ..version import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    import gc

    gc.disable()  # the collector would find nothing; it is on again once proxies run
    try:
        words = [" ".join(arguments[:length]) for length in (1, 2)]
        for length, word in enumerate(words, 1):
            if word in COMMANDS:
                from importlib import import_module

                module, name = COMMANDS[word]
                command = getattr(import_module(f".{module}", __name__), name)
                command.main(list(arguments[length:]), f"vaurien {word}")
        if any(command.startswith(f"{words[0]} ") for command in COMMANDS):
            from .groups import show

            show(COMMANDS, arguments)
        from .command import fail, vaurien

        if arguments and not arguments[0].startswith("-"):
            from ..errors import UnknownNameError

            fail(str(UnknownNameError("command", arguments[0], COMMANDS)))
        vaurien.main(list(arguments), "vaurien")
    except KeyboardInterrupt:  # before there is anything to shut down
        sys.exit(130)
    finally:
        gc.enable()
