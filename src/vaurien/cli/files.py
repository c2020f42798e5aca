"""Which configuration file is read, given or found; and where one is written."""

from __future__ import annotations

import click

from ..config import discovery
from ..errors import ConfigError

CONFIG_OPTIONS = (
    click.Option(["--config"], metavar="FILE", help="The configuration."),
    click.Option(["--no-config"], is_flag=True, help="Look for no configuration file."),
)
OUTPUT = click.Option(
    ["-o", "output"], metavar="FILE", help="File to write; the default is standard output."
)
FORCE = click.Option(["--force"], is_flag=True, help="Overwrite an existing file.")


def config_of(ctx: click.Context) -> str:
    """Return the name of the file that is given, or else found; "" if there is none.

    Raises:
        click.UsageError: the flags make no sense.
    """
    given: str | None = ctx.params["config"]
    if given == "":
        raise click.UsageError("--config='' is not allowed: it takes the name of a file")
    if ctx.params.get("no_config"):
        if given is not None:
            raise click.UsageError("--config and --no-config exclude each other")
        return ""
    return given or discovery.find()


def nothing_found() -> click.UsageError:
    """Return the error of a command that needs a file and has none."""
    places = ", ".join(discovery.places())
    return click.UsageError(f"there is no configuration: none of {places}")


def write(text: str, output: str | None, *, force: bool) -> None:
    """Write a file; without its name, print the text.

    Raises:
        ConfigError: it cannot be written, or exists and is not to be overwritten.
    """
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with open(output, "w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise ConfigError(f"-o={output!r}: the file exists; --force overwrites it") from None
    except OSError as error:
        raise ConfigError(f"-o={output!r} cannot be written: {error.strerror}") from None
