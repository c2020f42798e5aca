"""The command ``vaurien``, for click."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NoReturn

import click

from .. import plugins
from ..behavior import Behavior
from ..config.document import Document, DocumentError, merged
from ..config.names import Names
from ..config.sections import DEFAULTS
from ..config.setting import NAME
from ..config.settings import GONE_PROTOCOL_OPTIONS, LOG_LEVELS, SETTINGS, WITHOUT_EFFECT
from ..config.understand import understand
from ..errors import ConfigError, OptionError, VaurienError
from ..protocol import Protocol
from ..registry import Registry, behaviors, protocols
from ..rules.notation import RULE_KEYS
from ..version import __version__
from .flags import Flag, all_flags, document_of, expand, flags_of_plugin, plugin_flags
from .oldest import respelled

if TYPE_CHECKING:
    from ..config.configuration import Configuration

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
  vaurien explore        find the exchanges at which a command breaks
  vaurien check-config   check such a file
  vaurien import         convert Toxiproxy's JSON to TOML
  vaurien import-ini     convert an INI file to TOML
  vaurien recipes        list ready-made outages
  vaurien profiles       list ready-made networks
  vaurien faults         list the errors native to each protocol
  vaurien ca             make a certificate authority, and say how to trust it

\b
Commands that drive a running vaurien over its HTTP API:
  vaurien list             list proxies
  vaurien create           create a proxy, with its rules
  vaurien inspect          show a proxy: its rules, and how often they fired
  vaurien toggle           enable or disable a proxy
  vaurien delete           delete a proxy
  vaurien rule add         add a rule to a proxy
  vaurien rule update      change a rule
  vaurien rule remove      remove a rule
  vaurien rule pause       let a rule do nothing for now
  vaurien rule resume      let it act again
  vaurien recipe start     start an outage on a proxy
  vaurien recipe stop      stop it
  vaurien profile apply    apply a kind of network to a proxy
  vaurien profile remove   remove it
  vaurien apply            make all proxies those of a file
  vaurien export           write such a file
  vaurien connections      list open connections
  vaurien kill             end connections
  vaurien events           print what happens
  vaurien top              show what proxies carry, second by second
  vaurien reset            heal everything
  vaurien healthcheck      tell whether it works
  vaurien completion       complete commands, flags and names in a shell

An ADDRESS is HOST:PORT, [IPV6]:PORT or unix:/path.
Switches can be given as --flag, --no-flag, --flag=true or --flag=false.
"""


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


HELP = click.Option(
    ["-h", "--help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_help,
    help="Show this message and exit.",
)


class OneLine(click.Command):
    """A command that reports a user's error in one line."""

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """Return an option whose help needs no translation: click looks for one in files."""
        del ctx
        return HELP

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
        except DocumentError as error:
            say_problems(error)
            say(counted(len(error.problems), "problem", "problems"))
            sys.exit(USER_ERROR)
        except VaurienError as error:
            # An OSError's text begins with its number.
            fail(getattr(error, "strerror", None) or str(error))
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
            discard_output()
            reason = error.strerror or error
            raise click.ClickException(f"standard output cannot be written: {reason}") from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        words = {"levels": ", ".join(LOG_LEVELS)}
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        rows = [row for param in options if (row := _record(param, ctx, words))]
        _write(formatter, "Options", rows)


class Vaurien(Flagged):
    """A command whose plugins add flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, respelled(args))

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


def say(text: str) -> None:
    """Print a line to standard error."""
    from ..values.texts import printable

    click.echo(f"vaurien: {printable(' '.join(text.split()))}", err=True)


def fail(text: str) -> NoReturn:
    """Print an error in one line, and exit with status 2."""
    say(text)
    sys.exit(USER_ERROR)


def say_problems(error: DocumentError) -> None:
    """Print all problems of a document, a line each."""
    for problem in error.problems:
        say(str(problem))


def counted(number: int, one: str, many: str) -> str:
    """Return ``1 rule``, ``2 rules``."""
    return f"{number} {one if number == 1 else many}"


def discard_output() -> None:
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


def configuration_given(ctx: click.Context) -> Configuration:
    """Return what the flags and the file they name say; the plugins they name are registered.

    Raises:
        DocumentError: all problems.
        OptionError: a flag that is unknown.
        click.UsageError: a flag without its value, or an argument that belongs to none.
    """
    plugins.install()
    document = document_of(ctx.command.params, ctx.params)
    if ctx.params["config"] == "":
        raise click.UsageError("--config='' is not allowed: it takes the name of a file")
    if ctx.params["config"] is not None:
        document = merged(_read(ctx.params["config"]), document)
    document = merged(DEFAULTS, document)
    names = Names(behaviors, protocols, cache(plugins.load_named), GONE_PROTOCOL_OPTIONS)
    names.load_paths(document.content)
    seed = int.from_bytes(os.urandom(4), "little")
    try:
        document = merged(document, _given_to_plugins(ctx.args))
    except OptionError:
        understand(document, names)  # a plugin that cannot be loaded is why its flag is unknown
        raise
    configuration = understand(document, names, seed=seed)
    if configuration.replay:
        from ..config.replay import with_replay

        configuration = with_replay(configuration)
    written = document.find("proxies", NAME, "protocol")
    classic = {**configuration.classic, "protocol": written[1] if written else ""}
    return replace(configuration, classic=classic)


def _read(config: str) -> Document:
    """Return what an INI file says.

    Raises:
        ConfigError: it cannot be used; for another kind of file the message names its command.
    """
    from ..config.ini import read

    try:
        return read(config)
    except DocumentError as error:
        if not config.endswith(OF_MANY):
            return error.or_rest()
        raise ConfigError(f"{error}; for TOML and JSON: vaurien serve --config {config}") from None


@click.pass_context
def _classic(ctx: click.Context, /, **given: object) -> int:
    """Run one proxy, configured by flags and an INI file."""
    del given
    try:
        configuration = configuration_given(ctx)
    except DocumentError as error:
        say_problems(error)
        sys.exit(USER_ERROR)
    from .run import run

    return run(configuration)


def _given_to_plugins(arguments: list[str]) -> Document:
    """Return what flags of plugins were given.

    Raises:
        OptionError: a flag that is unknown.
        click.UsageError: it lacks a value, or an argument belongs to no flag.
    """
    flags = plugin_flags(arguments)
    rest = click.Command("vaurien", params=list(flags), add_help_option=False)
    try:
        with rest.make_context("vaurien", expand(arguments, flags)) as ctx:
            return document_of(flags, ctx.params)
    except click.NoSuchOption as error:
        known = [flag.opts[0] for flag in (*vaurien.params, *flags) if not _is_hidden(flag)]
        known += _flags_of_plugins(error.option_name)
        raise OptionError(_unknown(error.option_name, set(known))) from None


def _flags_of_plugins(like: str) -> list[str]:
    """Return the flags of all plugins that can be imported, in the spelling of this one."""
    known: list[str] = []
    for registry in (behaviors, protocols):
        for name in registry.names():
            with suppress(VaurienError):
                known += [flag.flag for flag in flags_of_plugin(registry.kind, registry.get(name))]
    kind = like.partition("-")[2].partition("-")[2].partition("-")[0]
    return [flag for flag in known if flag.startswith(f"--{kind}-")]


def _is_hidden(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.hidden


def _unknown(flag: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    similar = get_close_matches(flag, sorted(known), n=2)
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
    },
)
