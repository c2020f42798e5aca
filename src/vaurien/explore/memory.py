"""What was explored, in a folder, so that nothing is run again while the program is the same.

Law: what another version of the program has shown is forgotten.  A line is appended for each run,
as soon as it has ended, so a process that is killed goes on where it was.  A line that was cut
off, or that another version of this module has written, is ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256

from ..errors import OptionError
from ..values.texts import printable
from .results import Result

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FOLDER = ".vaurien/explore"
FINISHED = b'{"finished": true}'
"""The line at the end of an exploration that was not interrupted: what broke is run again, because
the program may be another one now."""
MODE = 0o600
"""Output and labels may be confidential."""


def key_of(*parts: Iterable[str]) -> str:
    """Return the name of what is kept for a program: the same for the same parts."""
    text = json.dumps([list(part) for part in parts])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def make_folder(folder: str) -> None:
    """Make the folder, unless there is one; then git is told to leave it out.

    Raises:
        OptionError: it cannot be used.
    """
    try:
        if not os.path.isdir(folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            with open(os.path.join(folder, ".gitignore"), "w") as file:
                file.write("*\n")
    except OSError as error:
        raise _unusable(folder, error) from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise OptionError("cannot be written", key="--folder", given=folder)


def _unusable(folder: str, error: OSError) -> OptionError:
    reason = error.strerror or str(error)
    return OptionError(f"cannot be used: {reason}", key="--folder", given=folder)


class Memory:
    """The results for one program with one trace; one process at a time has them open."""

    def __init__(self, folder: str, key: str, program: str = "") -> None:
        """Read what there is; ``program``: its fingerprint.

        Raises:
            OptionError: the folder cannot be used, or another process has this open.
        """
        make_folder(folder)
        self.path = os.path.join(folder, f"{key}.jsonl")
        self.results: dict[str, Result] = {}
        """By their identifiers; what broke before an exploration ended is to be run again."""
        self.trouble = ""
        """Why something could not be kept, in words."""
        try:
            self._file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_RDWR, MODE)
        except OSError as error:
            raise _unusable(folder, error) from None
        try:
            self._lock(folder)
            self._whole = True
            """Whether the last line has an end."""
            self._read(json.dumps({"program": program}).encode("ascii"))
        except OSError as error:
            os.close(self._file)
            raise _unusable(folder, error) from None
        except OptionError:
            os.close(self._file)
            raise

    def _lock(self, folder: str) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                why = "is in use: this command is being explored; wait, or give another folder"
                raise OptionError(why, key="--folder", given=folder) from None

    def _read(self, program: bytes) -> None:
        """Read all lines, if the first one tells of this program; otherwise begin anew."""
        with open(self._file, "rb", closefd=False) as file:
            data = file.read()
        first, *lines = data.split(b"\n")
        if first != program:
            os.ftruncate(self._file, 0)
            self._append(program + b"\n")
            return
        for line in lines:
            if line == FINISHED:
                self.results = {key: each for key, each in self.results.items() if not each.broke}
                continue
            try:
                result = Result.from_json(json.loads(line))
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
                continue  # it was cut off, or is of another version
            self.results[result.id] = result
        self._whole = data.endswith(b"\n")

    def add(self, result: Result) -> None:
        """Keep a result, here at least; ``trouble`` says if it is not on disk."""
        self.results[result.id] = result
        self._append(json.dumps(result.to_json()).encode("ascii") + b"\n")

    def finish(self) -> None:
        """Keep that the exploration has ended."""
        self._append(FINISHED + b"\n")

    def _append(self, line: bytes) -> None:
        rest = line if self._whole else b"\n" + line
        try:
            while rest:
                written = os.write(self._file, rest)
                self._whole = rest[:written].endswith(b"\n")
                rest = rest[written:]
        except OSError as error:
            reason = printable(error.strerror or str(error))
            self.trouble = f"{self.path} cannot be written, so not all is remembered: {reason}"

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._file)
