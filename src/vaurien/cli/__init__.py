"""The command line.

``table`` lists what can be set.  ``flags`` makes click options of it, ``ini`` reads
files; both give ``Sections`` (``given``).  ``chosen`` loads the plugins that these
name, ``settings`` turns all into one checked value, and ``run`` runs it.  ``command``
is the command as click knows it, ``faults`` another that lists these, ``logs`` the log.

Law: nothing is imported before it is needed.  ``--version`` needs nothing at all.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would cost as much as all of --version

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``vaurien`` with these arguments, or those of the process; exits."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "--version":
        from ..version import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    try:
        if arguments and arguments[0] == "faults":
            from .faults import faults

            faults.main(list(arguments[1:]), "vaurien faults")
        from .command import vaurien

        vaurien.main(list(arguments), "vaurien")
    except KeyboardInterrupt:  # before there is anything to end in good order
        sys.exit(130)
