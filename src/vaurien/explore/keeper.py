"""Ends processes by a mark in their environment, even those that have left their session.

As a script it waits until its standard input ends, so until whoever started it has ended, however
that was, and ends what it has left.

Law: imports nothing of ours, so it starts in milliseconds.  Only Linux tells what the environment
of a process is; elsewhere nothing is found.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

VARIABLE = "VAURIEN_MARK"
"""The environment variable with the mark."""
PAUSE = 0.02
"""Seconds between two looks at what is still there."""
LOOKS = 250


def marked(mark: str) -> Iterator[int]:
    """Yield the processes whose mark begins so."""
    wanted = f"\0{VARIABLE}={mark}".encode()
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if wanted in b"\0" + file.read():
                    yield int(name)


def end(mark: str, quiet_looks: int = 1) -> None:
    """Kill the processes whose mark begins so, until so many looks find none."""
    quiet = 0
    for _ in range(LOOKS):
        found = list(marked(mark))
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        quiet = 0 if found else quiet + 1
        if quiet == quiet_looks:
            return
        time.sleep(PAUSE)  # noqa: TID251 - nobody tells when they have ended


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end(sys.argv[1], quiet_looks=5)  # one that is just being started has no mark yet
