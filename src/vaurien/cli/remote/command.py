"""What commands over the API share: their flags, the client, and exit statuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import click

from ...client.blocking import Client
from ...client.errors import ApiError, ClientError
from ...client.native import DEFAULT_URL
from ...config.document import DocumentError
from ..command import OneLine, counted, discard_output, say, say_problems
from .output import FORMS, Resource, View, document, lines_of, shows_colors

URLS = ("VAURIEN_URL", "TOXIPROXY_URL")
TOKEN = "VAURIEN_TOKEN"
SHOWN = "#token="
"""What is before a token in a URL."""

UNAUTHORIZED = 401
FAILED = 1
NOT_FOUND = 3
INVALID = 4
UNREACHABLE = 5
STATUSES = {
    404: NOT_FOUND,
    400: INVALID,
    409: INVALID,
    412: INVALID,
    422: INVALID,
    503: UNREACHABLE,
}
"""Exit statuses of refusals, by the status of the response; of others, ``FAILED``."""


@dataclass(frozen=True)
class Session:
    """One run of a command."""

    url: str
    token_file: str
    timeout: float
    form: str | None
    """The form that was asked for, one of ``FORMS``; None is a table, or a message."""

    @cached_property
    def client(self) -> Client:
        """The client of the API.

        Raises:
            click.UsageError: the URL is none, or the file of the token cannot be read.
        """
        url = self._url
        if url and "://" not in url and not url.startswith("unix:"):
            url = f"http://{url}"
        try:
            return Client(url=url or DEFAULT_URL, token=self._token(), timeout=self.timeout)
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    @property
    def unauthorized(self) -> str:
        """Why the API lets nobody in with the token that was given, or with none."""
        if self._token() or SHOWN in self._url:
            where = self._where if self._token() else "the URL"
            return f"the API does not know the token of {where}"
        return f"the API asks for a token: it takes one in {TOKEN}, or --token-file"

    @property
    def _url(self) -> str:
        return self.url or next((os.environ[name] for name in URLS if os.environ.get(name)), "")

    @property
    def _where(self) -> str:
        return f"--token-file={self.token_file!r}" if self.token_file else TOKEN

    def _token(self) -> str:
        if not self.token_file:
            return _checked(os.environ.get(TOKEN, "").strip(), TOKEN)
        try:
            with open(self.token_file, encoding="utf-8") as file:
                return _checked(_first_token(file.read()), self.token_file)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise click.UsageError(f"{self._where} cannot be read: {reason}") from None

    def show(self, resources: Sequence[Resource], view: View) -> None:
        """Print a list of resources."""
        form = self.form or "table"
        for line in lines_of(resources, view, form, has_colors=shows_colors()):
            click.echo(line, color=True)

    def show_one(self, resource: Resource, view: View) -> None:
        """Print one resource."""
        if self.form in ("json", "yaml"):
            click.echo(document(resource, self.form))
        else:
            self.show([resource], view)

    def report(self, message: str, resource: Resource, view: View) -> None:
        """Print what a change made, if a form was asked for; else, say it."""
        if self.form is None:
            say(message)
        else:
            self.show_one(resource, view)


def _checked(token: str, where: str) -> str:
    if not (token.isascii() and token.isprintable()):
        raise click.UsageError(f"{where} has no token: it takes printable ASCII characters")
    return token


def _first_token(text: str) -> str:
    """Return the first token of a file, as servers take it, that may change everything.

    If there is none, return the first that may only look; or "".
    """
    lines = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    tokens = sorted((words for words in lines if words), key=len)  # "TOKEN" or "read TOKEN"
    return tokens[0][-1] if tokens else ""


def _reasons(error: ApiError) -> Iterator[str]:
    """Yield why the API refuses a request, a line for each thing that is wrong."""
    for each in error.errors:
        about, detail = str(each.get("parameter") or ""), str(each.get("detail"))
        yield detail if about in detail else f"{about} {detail}"
    if not error.errors:
        yield str(error)


class ApiCommand(OneLine):
    """A command that talks to a running vaurien."""

    def main(  # type: ignore[override]  # it always exits
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: object,
    ) -> NoReturn:
        """Run with these arguments, and exit."""
        try:
            super().main(args, prog_name, **extra)
        except ApiError as error:
            for line in _reasons(error):
                say(line)
            sys.exit(STATUSES.get(error.status, FAILED))
        except ClientError as error:
            say(str(error))
            sys.exit(UNREACHABLE)
        except (OSError, UnicodeEncodeError) as error:  # standard output
            discard_output()
            if not isinstance(error, BrokenPipeError):
                reason = getattr(error, "strerror", None) or str(error)
                say(f"standard output cannot be written: {reason}")
            sys.exit(FAILED)

    def invoke(self, ctx: click.Context) -> object:
        """Run; a file with problems is invalid, not a wrong usage."""
        try:
            return super().invoke(ctx)
        except DocumentError as error:
            say_problems(error)
            say(counted(len(error.problems), "problem", "problems"))
            ctx.exit(INVALID)


def text_flag(flag: str, text: str, *, metavar: str, several: bool = False) -> click.Option:
    """Make a flag that takes a text, "" if it is not given; ``several``: a tuple of these."""
    default = () if several else ""
    return click.Option([flag], default=default, metavar=metavar, help=text, multiple=several)


def switch(flag: str, text: str) -> click.Option:
    """Make a flag that is given or not."""
    return click.Option([flag], is_flag=True, help=text)


def argument(name: str, *, required: bool = True) -> click.Argument:
    """Make an argument, shown in capitals; "" if it is not given."""
    if required:
        return click.Argument([name])
    return click.Argument([name], required=False, default="")


def api_command(
    name: str,
    act: Callable[..., None],
    help_text: str,
    params: Sequence[click.Parameter] = (),
    *,
    has_forms: bool = True,
) -> ApiCommand:
    """Make a command: ``act`` gets the session, and the values of ``params`` by name."""

    def call(
        url: str, token_file: str, timeout: float, output: str | None = None, **given: object
    ) -> None:
        session = Session(url, token_file, timeout, output)
        try:
            act(session, **given)
        except ApiError as error:
            if error.status != UNAUTHORIZED:
                raise
            say(session.unauthorized)
            sys.exit(FAILED)

    shared = [
        text_flag("--url", f"URL of the API.  [default: {DEFAULT_URL}]", metavar="URL"),
        text_flag("--token-file", f"The token's file, if it is not in {TOKEN}.", metavar="FILE"),
        click.Option(
            ["--timeout"],
            type=click.FloatRange(0, min_open=True),
            default=10.0,
            metavar="SECONDS",
            help="Seconds that the API gets to answer.  [default: 10]",
        ),
    ]
    forms = click.Option(
        ["-o", "--output"], type=click.Choice(FORMS), help="The form of the output."
    )
    return ApiCommand(
        f"vaurien {name}",
        callback=call,
        params=[*params, *([forms] if has_forms else []), *shared],
        help=help_text,
    )
