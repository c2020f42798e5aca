"""Flags: click's options for all settings and for the options of plugins, as a document.

Every value arrives as text and is understood later, with those of files, so that problems
are reported in one way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import click

from ..behavior import Behavior
from ..config import document
from ..config.document import Document
from ..config.sections import Sections
from ..config.setting import Setting
from ..config.settings import BY_SECTION, GONE_PROTOCOL_OPTIONS, SETTINGS
from ..errors import UnknownNameError
from ..protocol import Protocol
from ..registry import Registry, behaviors, protocols
from ..values.options import Configurable, Option, options_of
from .oldest import gone_options

HANDLER = "handler"
"""The older word for behavior, in flags as in sections."""

SHARED = (
    "http",
    "http_host",
    "http_port",
    "http_socket",
    "token_file",
    "insecure",
    "allow_host",
    "allow_backend",
    "port_file",
    "toxiproxy_metrics",
    "seed",
    "journal",
    "replay",
    "otel",
    "log_level",
    "log_output",
    "log_format",
)
"""The settings that have flags in the commands whose files declare the proxies."""


class Flag(click.Option):
    """A flag that sets one key of one section."""

    def __init__(
        self,
        option: Option,
        section: str,
        flag: str,
        *,
        metavar: str = "",
        repeatable: bool = False,
        shown: str | None = None,
        hidden: bool = False,
    ) -> None:
        self.section = section
        self.key = option.name
        self.flag = flag
        self.is_switch = option.type is bool
        self.is_protocol = self.is_switch and section == "vaurien" and flag.startswith("--handler-")
        """A switch of version 0.2 that chooses the protocol of its name."""
        self.off = f"--no-{flag[2:]}"
        text = option.help
        default = shown if shown is not None else _shown(option)
        super().__init__(
            [
                re.sub(r"\W", lambda found: f"_{ord(found[0])}_", flag[2:]),  # an identifier
                f"{flag}/{self.off}" if self.is_switch else flag,
            ],
            default=None,  # distinguishes a flag that was not given
            multiple=repeatable,
            type=None if self.is_switch else click.UNPROCESSED,
            metavar=None if self.is_switch else metavar or _metavar(option),
            help=f"{text}  [default: {default}]" if default else text,
            hidden=hidden,
        )


def _shown(option: Option) -> str:
    if option.type is bool:
        return "on" if option.default else "off"
    return f"{option.default:g}" if isinstance(option.default, float) else str(option.default)


def _metavar(option: Option) -> str:
    if option.choices:
        return "|".join(str(choice) for choice in option.choices)
    return "TEXT" if option.type is str else "NUMBER"


def flags_of(setting: Setting) -> Iterator[Flag]:
    """Yield the flag of a setting, and its older spelling if it has one."""
    spellings = [setting.flag]
    if setting.section != "vaurien" and "_" in setting.key:
        spellings.append(f"--{setting.section}.{setting.key}")
    for spelling in spellings:
        yield Flag(
            setting.option,
            setting.section,
            spelling,
            metavar=setting.metavar,
            repeatable=setting.repeatable,
            shown=setting.shown,
            hidden=spelling != setting.flag,
        )


def all_flags() -> list[Flag]:
    """Return the flags of all settings."""
    return [flag for setting in SETTINGS for flag in flags_of(setting)]


def flags_named(keys: Iterable[str], shown: Mapping[str, str] | None = None) -> list[Flag]:
    """Return the flags of these settings; ``shown`` are other defaults, in words."""
    settings = (BY_SECTION["vaurien"][key] for key in keys)
    return [
        flag
        for setting in settings
        for flag in flags_of(replace(setting, shown=(shown or {}).get(setting.key, setting.shown)))
    ]


def flags_of_plugin(kind: str, plugin: type[Configurable]) -> Iterator[Flag]:
    """Yield the flags ``--KIND-NAME-OPTION`` of a plugin, and hidden ones of earlier versions."""
    options = options_of(plugin)
    words = [kind]
    if kind == behaviors.kind:
        words.append(HANDLER)
    else:
        options = GONE_PROTOCOL_OPTIONS | options
    for word in words:
        for option in options.values():
            name = option.name.replace("_", "-")
            yield Flag(
                option,
                f"{kind}:{plugin.name}",
                f"--{word}-{plugin.name}-{name}",
                hidden=word == HANDLER or option is GONE_PROTOCOL_OPTIONS.get(option.name),
            )
    if kind == behaviors.kind:
        for option, section in gone_options(plugin).items():
            name = option.name.replace("_", "-")
            yield Flag(option, section, f"--{HANDLER}-{plugin.name}-{name}", hidden=True)


def document_of(flags: Iterable[click.Parameter], values: Mapping[str, object]) -> Document:
    """Return what the flags were given; ``values`` are by click's names."""
    sections = Sections()
    for flag in flags:
        value = values.get(str(flag.name))
        if isinstance(flag, Flag) and flag.is_protocol:
            if value is True:
                sections.add("vaurien", "protocol", flag.key, document.Flag(flag.flag))
        elif isinstance(flag, Flag) and isinstance(value, (str, bool, tuple)) and value != ():
            sections.add(flag.section, flag.key, value, document.Flag(flag.flag))
    return sections.document()


def expand(arguments: Sequence[str], flags: Iterable[click.Parameter]) -> list[str]:
    """Return the arguments, with ``--SWITCH=true`` and ``--SWITCH=false`` in click's own form.

    Raises:
        OptionError: the value is neither.
    """
    switches = {flag.flag: flag for flag in flags if isinstance(flag, Flag) and flag.is_switch}
    expanded = []
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        if equals and flag in switches:
            is_on = Option(flag, bool, False, "").parse(value)
            argument = flag if is_on else switches[flag].off
        expanded.append(argument)
    return expanded


def plugin_flags(arguments: Iterable[str]) -> list[Flag]:
    """Return all flags of the plugins that these arguments name; only they are imported.

    Raises:
        PluginError: a plugin that a flag names cannot be loaded.
    """
    found: dict[str, Flag] = {}
    for argument in arguments:
        flag = argument.partition("=")[0]
        if flag.startswith("--") and flag not in found:
            for kind, plugin in _named_by(flag):
                _add(found, kind, plugin)
                if flag in found:
                    break
    return list({id(flag): flag for flag in found.values()}.values())


def _add(found: dict[str, Flag], kind: str, plugin: type[Configurable]) -> None:
    for flag in flags_of_plugin(kind, plugin):
        for spelling in (*flag.opts, *flag.secondary_opts):
            found.setdefault(spelling, flag)


def _named_by(flag: str) -> Iterator[tuple[str, type[Configurable]]]:
    """Yield the plugins whose names a flag may begin with, shorter names first."""
    words = flag.removeprefix("--").removeprefix("no-").split("-")
    registry: Registry[Behavior] | Registry[Protocol]
    if words[0] in (behaviors.kind, HANDLER):
        registry = behaviors
    elif words[0] == protocols.kind:
        registry = protocols
    else:
        return
    for length in range(2, len(words)):
        try:
            yield registry.kind, registry.get("-".join(words[1:length]))
        except UnknownNameError:
            continue
