"""The flags that choose a configuration file, which may also be found in its usual places."""

from __future__ import annotations

import click

from ..config import discovery

CONFIG_OPTIONS = (
    click.Option(["--config"], metavar="FILE", help="The configuration."),
    click.Option(["--no-config"], is_flag=True, help="Look for no configuration file."),
)


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
