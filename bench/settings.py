"""The command line of the benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from api import APIS
from beside import BESIDES
from clients import CLIENTS
from databases import DATABASE_LOADS
from distance import DISTANCES
from fidelity import FIDELITIES
from growth import GROWTHS
from many import MANIES
from startup import STARTUPS
from streams import STREAM_WORKS
from systems import SYSTEMS, System, extra
from tls import TLS_WORKS
from tls_systems import TLS_SYSTEMS
from work import LOADS, Work

T = TypeVar("T")
WORKS: tuple[Work, ...] = (
    *LOADS,
    *TLS_WORKS,
    *DATABASE_LOADS,
    *GROWTHS,
    *CLIENTS,
    *BESIDES,
    *FIDELITIES,
    *DISTANCES,
    *STREAM_WORKS,
    *MANIES,
    *APIS,
    *STARTUPS,
)
ALL_SYSTEMS = (*SYSTEMS, *TLS_SYSTEMS)


@dataclass(frozen=True)
class Settings:
    """The parsed command line."""

    works: tuple[Work, ...]
    systems: tuple[System, ...]
    rounds: int
    seconds: int
    limit: float
    report: Path | None


def settings(arguments: Sequence[str]) -> Settings:
    """Parse the command line; exit with status 2 if a value is invalid."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description="Compare vaurien with other proxies.",
    )
    works, systems = [work.key for work in WORKS], [system.name for system in ALL_SYSTEMS]
    add = parser.add_argument
    add("--rounds", type=_positive, help="number of rounds (default 5)")
    add(
        "--seconds",
        type=_positive,
        default=1,
        help="length of one run of a load, in seconds (default 1)",
    )
    add("--quick", action="store_true", help="two rounds only")
    add("--only", metavar="WORK,...", help=f"works to run, out of {', '.join(works)}")
    add("--systems", metavar="NAME,...", help=f"systems to measure, out of {', '.join(systems)}")
    add(
        "--extra",
        metavar="NAME=COMMAND",
        action="append",
        default=[],
        help="additional forwarder; {listen} and {backend} in the command become HOST:PORT, "
        "{listen_port} and {backend_port} a port, {protocol} the backend's protocol; "
        "a known NAME replaces that system's command",
    )
    add(
        "--limit",
        type=_positive,
        default=900,
        help="start no further run after this many seconds (default 900)",
    )
    add("--json", type=Path, metavar="FILE", help="write all measurements to this file")
    given = parser.parse_args(arguments)
    try:
        known = with_extras(ALL_SYSTEMS, [extra(text) for text in given.extra])
        return Settings(
            works=chosen("--only", given.only, {work.key: work for work in WORKS}),
            systems=chosen("--systems", given.systems, {system.name: system for system in known}),
            rounds=given.rounds or (2 if given.quick else 5),
            seconds=given.seconds,
            limit=given.limit,
            report=given.json,
        )
    except ValueError as error:
        parser.error(str(error))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def with_extras(systems: Sequence[System], extras: Sequence[System]) -> tuple[System, ...]:
    """Return the systems, with the extra ones added; an extra one replaces one of its name."""
    known = {system.name: system for system in systems}
    for new in extras:
        if old := known.get(new.name):
            title = f"{old.title}: replaced"
            new = replace(
                new, title=title, trouble=old.trouble, framed=old.framed, proxies=old.proxies
            )
        known[new.name] = new
    return tuple(known.values())


def chosen(flag: str, text: str | None, known: dict[str, T]) -> tuple[T, ...]:
    """Return those named in a comma-separated list, or all; in the order of ``known``.

    Raises:
        ValueError: a name is unknown.
    """
    if text is None:
        return tuple(known.values())
    names = text.split(",")
    for name in names:
        if name not in known:
            raise ValueError(f"{flag} {name!r} is unknown; pick from {', '.join(known)}")
    return tuple(value for name, value in known.items() if name in names)
