"""What a Dockerfile says: parsed, as far as these tests need it."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

Instruction = tuple[str, str]
CONTINUED = re.compile(r"\\\n")
COMMENT = re.compile(r"^\s*#.*\n", re.MULTILINE)


def instructions(path: Path) -> list[Instruction]:
    """The instructions of a file: the first word of each, and the rest."""
    text = CONTINUED.sub("", COMMENT.sub("", path.read_text()))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def last_stage(path: Path) -> list[Instruction]:
    """The instructions that make the image that is run."""
    found = instructions(path)
    start = max(index for index, (kind, _) in enumerate(found) if kind == "FROM")
    return found[start:]


def copied(found: Sequence[Instruction]) -> list[str]:
    """What is copied from the context."""
    words = [rest.split() for kind, rest in found if kind == "COPY" and "--from=" not in rest]
    return [name for each in words for name in each[:-1]]


def command(found: Sequence[Instruction], given: Sequence[str] = ()) -> list[str]:
    """The words of the command that a container runs, if these are given in place of CMD."""
    last = {kind: rest for kind, rest in found if kind in ("ENTRYPOINT", "CMD")}
    words = list(given) or json.loads(last.get("CMD", "[]"))
    return [*json.loads(last.get("ENTRYPOINT", "[]")), *words]


def environment(found: Sequence[Instruction], programs: Path) -> dict[str, str]:
    """The variables of a container whose programs are in another folder."""
    pairs = [pair for kind, rest in found if kind == "ENV" for pair in shlex.split(rest)]
    variables = dict(pair.split("=", 1) for pair in pairs)
    return {**variables, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def healthcheck(found: Sequence[Instruction]) -> list[str]:
    """The words of the command that tells whether a container is healthy."""
    (rest,) = (rest for kind, rest in found if kind == "HEALTHCHECK")
    words: list[str] = json.loads(rest.partition("CMD ")[2])
    return words


def is_ordinary(found: Sequence[Instruction]) -> bool:
    """Whether a container is run by a user other than root, as its number tells everybody."""
    users = [rest for kind, rest in found if kind == "USER"]
    return bool(users) and users[-1].isdecimal() and users[-1] != "0"


def replaced(text: str, paths: Mapping[str, Path]) -> str:
    """A text with the paths of an image replaced by others."""
    for path, other in paths.items():
        text = text.replace(path, str(other))
    return text
