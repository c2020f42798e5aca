"""``vaurien faults``: the errors native to each protocol, and how to inject them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .. import plugins
from ..errors import OptionError
from ..fault import Fault
from ..protocol import Protocol
from ..registry import protocols
from .command import OneLine

INDENT = "    "
HELP = """List the faults native to a protocol: what each means, what goes over the wire, and
what it tests in a client.

\b
  vaurien faults redis              list all
  vaurien faults redis READONLY     show one, with its parameters
  vaurien --protocol redis --rule 'error fault=READONLY command=SET times=1'
"""


def overview() -> Iterator[str]:
    """List the names of all faults, by protocol."""
    for name in protocols.names():
        faults = protocols.get(name).faults
        if faults:
            yield click.wrap_text(
                ", ".join(fault.name for fault in faults),
                initial_indent=f"{name}: ",
                subsequent_indent=INDENT,
            )
            yield ""
    yield "'vaurien faults PROTOCOL' describes them."


def details(protocol: type[Protocol], identifier: str = "") -> Iterator[str]:
    """Yield the lines of a paragraph on each fault of a protocol, or on the one named.

    Raises:
        OptionError: the protocol has no faults, or not this one.
    """
    catalogue = protocol.faults
    if not catalogue:
        raise OptionError(f"the protocol {protocol.name!r} has no faults")
    for fault in [catalogue.find(identifier, protocol=protocol.name)] if identifier else catalogue:
        yield ", ".join((fault.name, *fault.aliases))
        for heading, text in rows(fault, in_full=bool(identifier)):
            yield click.wrap_text(
                text,
                width=100,
                initial_indent=f"{INDENT}{heading:11}",
                subsequent_indent=INDENT + " " * 11,
            )
        yield ""
    if catalogue.codes and not identifier:
        yield f"Also {catalogue.codes}."


def rows(fault: Fault, *, in_full: bool) -> Iterator[tuple[str, str]]:
    """Describe a fault: yield headings and texts."""
    yield "means", fault.meaning
    yield "wire", fault.wire
    yield "exercises", fault.exercises
    if fault.applies_to:
        yield "where", " ".join(f"{label}={value}" for label, value in fault.applies_to.items())
    if fault.parameters and not in_full:
        yield "takes", ", ".join(parameter.name for parameter in fault.parameters)
        return
    for parameter in fault.parameters:
        default = f" (default: {parameter.default})" if parameter.default != "" else ""
        yield "takes", f"{parameter.name}: {parameter.help}{default}"


@click.argument("protocol", required=False, default="")
@click.argument("fault", required=False, default="")
def _faults(protocol: str, fault: str) -> None:
    plugins.install()
    lines = details(protocols.get(protocol.lower()), fault) if protocol else overview()
    click.echo("\n".join(lines).rstrip())


faults = click.command("vaurien faults", cls=OneLine, help=HELP)(_faults)
