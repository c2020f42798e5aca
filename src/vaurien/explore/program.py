"""Whether a program is still the same: what its sources were, in short.

Law: what a program only writes, such as logs and databases, must not count; hence a list of what
sources are called.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256

CODE = """
    .bash .c .cc .cjs .clj .cpp .cs .cts .dart .erl .ex .exs .fs .go .groovy .h .hpp .hs .java .jl
    .js .jsx .kt .kts .lua .mjs .ml .mts .php .pl .pm .ps1 .py .pyi .pyx .r .rb .rs .scala .sh .sql
    .swift .ts .tsx .zig
"""
SETTINGS = ".cfg .conf .env .gradle .graphql .ini .lock .properties .proto .toml .yaml .yml"
SUFFIXES = (*CODE.split(), *SETTINGS.split())
NAMES = frozenset({"Dockerfile", "Gemfile", "Makefile", "go.mod", "go.sum", "package.json"})
FOREIGN = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Folders of which only others write the sources; so are hidden ones, and Python's environments."""
ENVIRONMENT = "pyvenv.cfg"
MOST_FILES = 20_000
"""Further ones, in the order of their paths, are not looked at."""
WHOLE = 2**20
"""Bytes of a file up to which its content counts; of a larger one, size and time do."""
SCENARIO = b"\n[[fire]]\n"
"""What is in a scenario file: explorations write some, and programs do not read them."""


def fingerprint(command: Sequence[str], folder: str = ".") -> str:
    """Return a text that is another one when a source beneath a folder has changed.

    So it is when a source has changed that the command names, or what it runs.
    """
    hashed = sha256()
    named = [shutil.which(word) or "" for word in command[:1]]
    named += [word for word in command if _is_source(os.path.basename(word))]
    for path in [*named, *_sources(folder)]:
        if content := _content(path):
            hashed.update(os.fsencode(path) + b"\0" + content + b"\0")
    return hashed.hexdigest()[:16]


def _is_source(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) or name in NAMES


def _sources(folder: str) -> Iterator[str]:
    left = MOST_FILES
    for parent, folders, files in os.walk(folder):
        if ENVIRONMENT in files:
            folders.clear()
            continue
        folders[:] = sorted(
            name for name in folders if name not in FOREIGN and not name.startswith(".")
        )
        for name in sorted(files):
            if _is_source(name):
                yield os.path.join(parent, name)
                left -= 1
                if not left:
                    return


def _content(path: str) -> bytes:
    """Return what a file says, in short; nothing if there is none, or it is no source."""
    try:
        found = os.stat(path)
        if not os.path.isfile(path):
            return b""
        if found.st_size > WHOLE:
            return f"{found.st_size} {found.st_mtime_ns}".encode()
        with open(path, "rb") as file:
            data = file.read()
        if path.endswith(".toml") and SCENARIO in data:
            return b""
        return sha256(data).digest()
    except (OSError, ValueError):  # it is gone, or its name cannot be one
        return b""
