"""The command ``vaurien``, for click."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from .. import plugins
from ..behavior import Behavior
from ..config.chosen import Chosen
from ..config.given import Sections, blamed_on, merge
from ..config.table import GONE_PROTOCOL_OPTIONS, LOG_LEVELS, SETTINGS, WITHOUT_EFFECT
from ..errors import ConfigError, OptionError, VaurienError
from ..protocol import Protocol
from ..registry import Registry, behaviors, protocols
from ..rules.notation import RULE_KEYS
from ..values.options import Configurable
from ..version import __version__
from .flags import Flag, all_flags, expand, flags_of_plugin, given_by, plugin_flags

if TYPE_CHECKING:
    from ..config.settings import Settings

USER_ERROR = 2
OF_MANY = (".toml", ".json")
"""The suffixes of files that declare many proxies."""
INTRODUCTION = """A chaos TCP proxy: it forwards traffic to a backend and misbehaves on purpose.

\b
  vaurien --proxy localhost:8000 --backend google.com:80 \\
          --behavior 20:delay --behavior-delay-sleep 2

\b
  vaurien --proxy localhost:6380 --backend localhost:6379 \\
          --protocol redis --rule 'error fault=READONLY command=SET times=1'

\b
Other commands, each with its own --help:
  vaurien serve          run many proxies, declared in a file
  vaurien run            run a command with such proxies around it
  vaurien check-config   check such a file
  vaurien import-ini     convert an INI file to TOML
  vaurien recipes        list ready-made outages
  vaurien profiles       list ready-made networks
  vaurien faults         list the errors native to each protocol

An ADDRESS is HOST:PORT, [IPV6]:PORT or unix:/path.
Switches can be given as --flag, --no-flag, --flag=true or --flag=false.
"""


class OneLine(click.Command):
    """A command that reports a user's error in one line."""

    def main(  # type: ignore[override]  # it always exits
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: object,
    ) -> NoReturn:
        """Run with these arguments, and exit."""
        del extra
        try:
            status = super().main(args, prog_name, standalone_mode=False)
        except click.ClickException as error:
            fail(error.format_message())
        except VaurienError as error:
            fail(str(error))
        except (click.Abort, KeyboardInterrupt):
            status = 130
        sys.exit(status or 0)


class Flagged(OneLine):
    """A command with flags of the table; switches accept ``=true`` and ``=false``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, expand(args, self.params))
        except BrokenPipeError:
            raise  # click handles it
        except OSError as error:  # --help or --version could not be written
            _discard_output()
            reason = error.strerror or error
            raise click.ClickException(f"standard output cannot be written: {reason}") from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        words = {"levels": ", ".join(LOG_LEVELS)}
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        rows = [row for param in options if (row := _record(param, ctx, words))]
        _write(formatter, "Options", rows)


class Vaurien(Flagged):
    """A command whose plugins add flags."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List flags under headings: vaurien's, those of all plugins, and those without effect."""
        plugins.install()
        words = {
            "behaviors": ", ".join(behaviors.names()),
            "protocols": ", ".join(protocols.names()),
            "keys": ", ".join(RULE_KEYS),
            "levels": ", ".join(LOG_LEVELS),
        }
        flags = {flag.flag: flag for flag in self.params if isinstance(flag, Flag)}
        headings = dict.fromkeys(setting.heading for setting in SETTINGS)
        gone: list[tuple[str, str]] = []
        for heading in headings:
            rows = [
                record
                for setting in SETTINGS
                if setting.heading == heading
                and (record := _record(flags[setting.flag], ctx, words)) is not None
            ]
            if heading == WITHOUT_EFFECT:
                gone = rows
            else:
                _write(formatter, heading, rows)
        others = (param for param in self.get_params(ctx) if not isinstance(param, Flag))
        _write(formatter, "Other", [row for param in others if (row := param.get_help_record(ctx))])
        for title, registry in (("behaviors", behaviors), ("protocols", protocols)):
            _write_plugins(formatter, f"Options of {title}", registry, ctx)
        _write(formatter, WITHOUT_EFFECT, [*gone, *_gone_rows()])


def fail(text: str) -> NoReturn:
    """Print an error in one line, and exit with status 2."""
    from ..values.texts import printable

    click.echo(f"vaurien: {printable(' '.join(text.split()))}", err=True)
    sys.exit(USER_ERROR)


def _discard_output() -> None:
    """Keep the interpreter from trying again, at exit, to write what could not be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _record(
    flag: click.Parameter, ctx: click.Context, words: dict[str, str]
) -> tuple[str, str] | None:
    record = flag.get_help_record(ctx)
    return record and (record[0], record[1].format_map(words))


def _write(formatter: click.HelpFormatter, heading: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


def _write_plugins(
    formatter: click.HelpFormatter,
    heading: str,
    registry: Registry[Behavior] | Registry[Protocol],
    ctx: click.Context,
) -> None:
    rows: list[tuple[str, str]] = []
    for name in registry.names():
        try:
            flags = flags_of_plugin(registry.kind, registry.get(name))
        except VaurienError as error:
            rows.append((name, str(error)))
            continue
        rows += [row for flag in flags if (row := flag.get_help_record(ctx))]
    if registry is behaviors:
        rows.append(("--handler-NAME-OPTION", "Older spelling of --behavior-NAME-OPTION."))
    _write(formatter, heading, rows)


def _gone_rows() -> Iterator[tuple[str, str]]:
    for option in GONE_PROTOCOL_OPTIONS.values():
        yield f"--protocol-NAME-{option.name.replace('_', '-')}", option.help


def settings_given(ctx: click.Context) -> Settings:
    """Load the plugins that the flags and their file name, and return the settings.

    Raises:
        OptionError: a value is not allowed; the message names its place.
        click.UsageError: a flag has no value, or there is a stray argument.
    """
    plugins.install()
    sections = given_by(ctx.command.params, ctx.params)
    config = ctx.params["config"]
    if config is not None:
        with blamed_on("--config"):
            sections = merge(_read(config), sections)
    chosen = Chosen(sections)
    sections = merge(sections, _given_to_plugins(ctx.args, chosen))
    from ..config.settings import understand

    return understand(sections, chosen)


def _read(config: str) -> Sections:
    """Read an INI file.

    Raises:
        ConfigError: it cannot be used; for other formats, the message names the right command.
    """
    from ..config.ini import read

    try:
        return read(config)
    except ConfigError as error:
        if not config.endswith(OF_MANY):
            raise
        raise ConfigError(f"{error}; for TOML and JSON: vaurien serve --config {config}") from None


@click.pass_context
def _classic(ctx: click.Context, /, **given: object) -> int:
    """Run one proxy, configured by flags and an INI file."""
    del given
    settings = settings_given(ctx)
    from .run import run

    return run(settings)


def _given_to_plugins(
    arguments: list[str], chosen: Iterable[tuple[str, type[Configurable]]]
) -> Sections:
    """Parse the flags of plugins.

    Raises:
        OptionError: a flag is unknown.
        click.UsageError: a flag has no value, or there is a stray argument.
    """
    flags = plugin_flags(arguments, chosen)
    rest = click.Command("vaurien", params=list(flags), add_help_option=False)
    try:
        with rest.make_context("vaurien", expand(arguments, flags)) as ctx:
            return given_by(flags, ctx.params)
    except click.NoSuchOption as error:
        known = [flag.opts[0] for flag in (*vaurien.params, *flags) if not _is_hidden(flag)]
        raise OptionError(_unknown(error.option_name, known)) from None


def _is_hidden(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.hidden


def _unknown(flag: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    similar = get_close_matches(flag, known, n=2)
    return f"{flag} is an unknown flag. " + (
        f"Did you mean {' or '.join(similar)}?" if similar else "--help lists all flags."
    )


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        click.echo(__version__)
        ctx.exit()


vaurien = Vaurien(
    "vaurien",
    callback=_classic,
    params=[
        *all_flags(),
        click.Option(["--config"], metavar="FILE", help="Read settings from an INI file."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version and exit.",
        ),
    ],
    help=INTRODUCTION,
    context_settings={
        "ignore_unknown_options": True,  # plugins may know them
        "allow_extra_args": True,
        "help_option_names": ["--help"],
    },
)
