"""``vaurien ca``: makes the authority of this user, once, and says how to trust it."""

from __future__ import annotations

import os
from shlex import quote

import click

from .command import OneLine

HELP = """Make vaurien's certificate authority, unless there is one, and say how to trust it.

It signs the certificates that clients are shown by proxies with --tls terminate or both. Its
private key stays in a folder that only you can read: whoever has it can pretend to be any server
to the programs that trust it.

\b
  vaurien ca                              say where it is, and how to trust it
  curl --cacert "$(vaurien ca --path)"    its certificate
  eval "$(vaurien ca --env)"              trust it in this shell
"""


@click.option("--folder", metavar="DIR", default="", help="Its folder, for $VAURIEN_CA_FOLDER.")
@click.option("--path", "what", flag_value="path", help="Print only the path of its certificate.")
@click.option(
    "--env", "what", flag_value="env", help="Print variables with which programs trust it."
)
def _ca(folder: str, what: str | None) -> None:
    from .. import trust
    from ..authority import folder as own

    if folder:
        os.environ[own.VARIABLE] = folder
    made = own.authority()
    path = own.public_file()
    if what == "path":
        click.echo(path)
    elif what == "env":
        for name, value in trust.variables().items():
            click.echo(f"export {name}={quote(value)}")
    else:
        click.echo(f"Certificate  {path}")
        click.echo(f"Private key  {own.secret_file()}")
        click.echo(f"SHA-256      {made.fingerprint}")
        click.echo(f"Valid until  {made.certificate.not_valid_after_utc:%Y-%m-%d}")
        click.echo("\nTo trust it, where vaurien run and the fixtures do not see to it:")
        for who, steps in trust.instructions(path, trust.bundle()):
            click.echo(f"\n{who}:")
            click.echo("\n".join(f"  {step}" for step in steps.splitlines()))


ca = click.command("vaurien ca", cls=OneLine, help=HELP)(_ca)
