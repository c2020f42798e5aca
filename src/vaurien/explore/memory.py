"""What was explored, in a folder, so that nothing is run again while the program is the same.

Law: a line is appended for each run, as soon as it has ended, so a process that is killed goes
on where it was.  A line that was cut off is ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from hashlib import sha256

from .results import Result

FOLDER = ".vaurien/explore"
FINISHED = b'{"finished": true}'
"""The line at the end of an exploration that was not interrupted."""
MODE = 0o600
"""Output and labels may be confidential."""


def key_of(*parts: Iterable[str]) -> str:
    """Return the name of what is kept for a program: the same for the same parts."""
    text = json.dumps([list(part) for part in parts])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Memory:
    """The results for one program with one trace."""

    def __init__(self, folder: str, key: str) -> None:
        """Read what there is.

        Raises:
            OSError: the folder or the file cannot be used.
        """
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, f"{key}.jsonl")
        self.results: dict[str, Result] = {}
        self.finished = False
        """The exploration before this one was not interrupted."""
        whole = self._read()
        self._file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, MODE)
        if not whole:
            os.write(self._file, b"\n")

    def _read(self) -> bool:
        """Read all lines; return whether the last one is whole."""
        try:
            with open(self.path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return True
        self.finished = data.endswith(FINISHED + b"\n")
        for line in data.split(b"\n"):
            try:
                result = Result.from_json(json.loads(line))
            except (ValueError, TypeError, LookupError):
                continue  # it was cut off
            self.results[result.id] = result
        return data.endswith(b"\n") or not data

    def add(self, result: Result) -> None:
        """Keep a result."""
        self.results[result.id] = result
        os.write(self._file, json.dumps(result.to_json()).encode("ascii") + b"\n")

    def finish(self) -> None:
        """Keep that the exploration has ended."""
        os.write(self._file, FINISHED + b"\n")

    def close(self) -> None:
        os.close(self._file)
