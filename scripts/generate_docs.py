"""Update the generated parts of the pages in ``docs/``.

A part is enclosed in two comments, which name one of ``PARTS``, or a file of the project::

    <!-- generated: NAME -->
    <!-- end -->
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent
from typing import Any

import click

from vaurien import plugins
from vaurien.cli import COMMANDS
from vaurien.config.presets import Presets
from vaurien.config.setting import Setting
from vaurien.config.settings import LOG_LEVELS, SETTINGS, WITHOUT_EFFECT
from vaurien.config.toxics import KILO, MICRO, MILLI, PERCENT, TOXICS, Toxic
from vaurien.protocol import Protocol
from vaurien.registry import behaviors, protocols
from vaurien.rules.notation import RULE_KEYS
from vaurien.values.options import Option, Value, options_of
from vaurien.verdicts.verdict import RULES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PART = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


WORDS = {
    "behaviors": ", ".join(plugins.BEHAVIORS),
    "protocols": ", ".join(plugins.PROTOCOLS),
    "keys": "those of [every rule](rules.md#keys)",
    "levels": ", ".join(LOG_LEVELS),
}
"""What texts of settings leave open."""


def flags() -> str:
    """List all settings, under the headings of ``--help``."""
    tables = []
    for heading in dict.fromkeys(setting.heading for setting in SETTINGS):
        rows = [
            (
                f"`{setting.flag}`",
                code(setting.shown or shown(setting.option)),
                setting.option.help.format_map(WORDS),
            )
            for setting in SETTINGS
            if setting.heading == heading
        ]
        tables.append(f"### {heading}\n\n{table(('flag', 'default', 'what it does'), rows)}")
    return "\n".join(tables)


def commands() -> str:
    """List all subcommands, with their arguments and flags."""
    parts = []
    for name, (module, attribute) in COMMANDS.items():
        command = getattr(import_module(f"vaurien.cli.{module}"), attribute)
        context = click.Context(command, info_name=f"vaurien {name}")
        usage = " ".join([f"vaurien {name}", *command.collect_usage_pieces(context)])
        options = [each for each in command.params if isinstance(each, click.Option)]
        rows = [(spelled(each), *explained(each, context)) for each in options if not each.hidden]
        flag_table = f"\n{table(('flag', 'default', 'what it does'), rows)}" if rows else ""
        parts.append(f"## {name}\n\n```text\n{usage}\n```\n\n{prose(command.help)}{flag_table}")
    return "\n".join(parts)


def spelled(option: click.Option) -> str:
    """A flag as it is given, with what it takes."""
    if option.is_flag:
        return f"`{' / '.join([', '.join(option.opts), *option.secondary_opts])}`"
    takes = option.metavar or option.type.name.upper()
    if isinstance(option.type, click.Choice):
        takes = "\\|".join(map(str, option.type.choices))
    return f"`{', '.join(option.opts)} {takes}`"


def explained(option: click.Option, context: click.Context) -> tuple[str, str]:
    """The default of a flag, and what it does."""
    text = " ".join((option.help or "").split()).format_map(WORDS)
    _, told = option.get_help_record(context) or ("", "")
    default = re.search(r"\[default: (.*?)[\];]", told)
    return code(default[1]) if default else "", re.sub(r" \[default: .*\]$", "", text)


def prose(help_text: str) -> str:
    """Format a help text: what is kept as it is written there becomes a block."""
    paragraphs = []
    for paragraph in cleandoc(help_text).split("\n\n"):
        kept = paragraph.startswith("\b")
        text = paragraph.removeprefix("\b\n")
        paragraphs.append(
            f"```text\n{dedent(text)}\n```" if kept else re.sub(r"[*_|<]", r"\\\g<0>", text)
        )
    return "\n\n".join(paragraphs) + "\n"


def ini_keys() -> str:
    """List the keys of the INI sections that are not a plugin's."""
    rows = []
    for section in dict.fromkeys(setting.section for setting in SETTINGS):
        used, obsolete = split(setting for setting in SETTINGS if setting.section == section)
        rows.append((f"`[{section}]`", used))
        if obsolete:
            rows.append(("", f"for old plugins only: {obsolete}"))
    return table(("section", "keys"), rows)


def split(settings: Iterable[Setting]) -> tuple[str, str]:
    """Separate the keys that have an effect from those that do not; join each with commas."""
    used: list[str] = []
    obsolete: list[str] = []
    for setting in settings:
        (obsolete if setting.heading == WITHOUT_EFFECT else used).append(f"`{setting.key}`")
    return ", ".join(used), ", ".join(obsolete)


def behavior_options() -> str:
    """List the options of all built-in behaviors."""
    rows = []
    for name in plugins.BEHAVIORS:
        options = options_of(behaviors.get(name))
        rows += [(f"`{name}`", *cells(option)) for option in options.values()]
    return table(("behavior", "option", "default", "takes", "what it is"), rows)


def labels() -> str:
    """List the labels that rules can match on, by protocol."""
    rows = []
    for protocol in framed():
        of_response = {
            name: f"{text} (of the response)"
            for name, text in protocol.response_labels.items()
            if name not in protocol.labels
        }
        known = {**protocol.labels, **of_response}
        rows += [(f"`{protocol.name}`", f"`{name}`", known[name]) for name in known]
    return table(("protocol", "label", "what it is"), rows)


def protocol_options() -> str:
    """List the options of all built-in protocols."""
    rows = []
    for protocol in framed():
        rows += [(f"`{protocol.name}`", *cells(each)) for each in options_of(protocol).values()]
    return table(("protocol", "option", "default", "takes", "what it is"), rows)


def faults() -> str:
    """List the faults of each protocol."""
    parts = []
    for protocol in framed():
        rows = []
        for fault in protocol.faults:
            where = " ".join(f"{label}={value}" for label, value in fault.applies_to.items())
            takes = ", ".join(f"`{parameter.name}`" for parameter in fault.parameters)
            names = ", ".join(f"`{name}`" for name in (fault.name, *fault.aliases))
            wire = literal(fault.wire)
            row = (names, fault.meaning, wire, fault.exercises, literal(where), takes)
            rows.append(tuple(cell.replace("|", "\\|") for cell in row))
        head = ("fault", "what it means", "on the wire", "what it exercises", "where", "takes")
        parts.append(f"## {protocol.name}\n\n{table(head, rows)}")
        if protocol.faults.codes:
            parts.append(f"Also {protocol.faults.codes}.\n")
    return "\n".join(parts)


def framed() -> list[type[Protocol]]:
    return [protocols.get(name) for name in plugins.PROTOCOLS if protocols.get(name).framed]


def literal(text: str) -> str:
    return f"``{text}``" if "`" in text else code(text)


def rule_keys() -> str:
    """List the keys that every rule has."""
    rows = [cells(option) for option in RULE_KEYS.values()]
    return table(("key", "default", "takes", "what it is"), rows)


def profiles() -> str:
    """List the network profiles."""
    rows = [
        (
            f"`{each.name}`",
            each.description,
            f"{each.round_trip * 1000:g} ms",
            f"{each.jitter * 1000:g} ms, {each.distribution}",
            f"{rate(each.down)} / {rate(each.up)}",
            f"{each.loss:g} %" if each.loss else "",
            each.source,
        )
        for each in Presets().profiles.values()
    ]
    head = ("profile", "what it is", "round trip", "jitter", "down / up", "loss", "figures from")
    return table(head, rows)


def rate(bytes_a_second: int) -> str:
    """Format a rate in bits per second, as links are sold, and in bytes per second."""
    kbit = bytes_a_second * 8 / 1000
    if not kbit:
        return "no limit"
    bits = f"{kbit / 1000:g} Mbit/s" if kbit >= 1000 else f"{kbit:g} kbit/s"
    return f"{bits} ({bytes_a_second:,} B/s)"


def recipes() -> str:
    """List the recipes."""
    rows = [
        (f"`{each.name}`", each.protocol or "any", each.description, each.teaches)
        for each in Presets().recipes.values()
    ]
    return table(("recipe", "protocol", "what happens", "what it shows"), rows)


def toxics() -> str:
    """List the toxics, and the behaviors they become."""
    rows = [
        (f"`{name}`", behavior_of(toxic), attributes_of(toxic)) for name, toxic in TOXICS.items()
    ]
    return table(("toxic", "behavior", "attributes and options"), rows)


UNITS = {MILLI: "milliseconds: seconds", MICRO: "microseconds: seconds", KILO: "KB/s: bytes/s"}
UNITS[PERCENT] = "from 0 to 1: percent"


def behavior_of(toxic: Toxic) -> str:
    options = "".join(f" {key}={word(value)}" for key, value in toxic.options.items())
    return f"[`{toxic.behavior}{options}`](behaviors.md#{toxic.behavior})"


def attributes_of(toxic: Toxic) -> str:
    return ", ".join(
        f"`{name}`: `{attribute.option}`"
        + (f" ({UNITS[attribute.factor]})" if attribute.factor in UNITS else "")
        for name, attribute in toxic.attributes.items()
    )


def routes() -> str:
    """List the routes of the native API."""
    from vaurien.control.v1.table import TABLE

    rows = [
        (
            f"`{route.method} {route.path}`",
            route.summary,
            ", ".join(f"`{option.name}`" for option in route.query),
            kind_of(route.body) if route.body else "",
            ", ".join(dict.fromkeys(kind_of(each) for each in route.answers.values() if each)),
        )
        for route in TABLE.routes
    ]
    return table(("request", "what it does", "query", "body", "answer"), rows)


def objects() -> str:
    """List the objects of the native API, with their keys."""
    from vaurien.control.v1.schemas import SCHEMAS

    parts = []
    for name, schema in SCHEMAS.items():
        head = ("key", "what it may be", "what it is")
        parts.append(f"## {name}\n\n{table(head, keys_of(schema))}")
    return "\n".join(parts)


def keys_of(schema: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str, str]]:
    """The keys of an object, and of those in it, one after the other."""
    for name, value in schema.get("properties", {}).items():
        key = f"{within}{name}"
        needed = ", required" if name in schema.get("required", ()) else ""
        described = value.get("description") or value.get("anyOf", [{}])[0].get("description", "")
        yield f"`{key}`", kind_of(value) + needed, described.replace("|", "\\|")
        if value.get("type") == "array":
            yield from keys_of(value["items"], f"{key}[].")
        else:
            yield from keys_of(value, f"{key}.")
    if schema.get("additionalProperties") is True:
        yield f"`{within}`..." if within else "others", "anything", ""


def kind_of(schema: Mapping[str, Any]) -> str:
    """What a value may be, as a schema says it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](objects.md#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(kind_of(each) for each in schema["anyOf"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"a list: {kind_of(schema['items'])}"
    text = kind if isinstance(kind, str) else " or ".join(kind)
    if "enum" in schema:
        text = ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    if "minimum" in schema:
        text += f" from {schema['minimum']:g}"
    if "maximum" in schema:
        text += f" to {schema['maximum']:g}"
    if "default" in schema:
        text += f" (`{json.dumps(schema['default'])}`)"
    return text


def verdicts() -> str:
    """List the rules of verdicts: their docstrings, and what they may not claim."""
    rows = []
    for rule in RULES:
        what = " ".join((rule.__doc__ or "").split())
        rows.append((f"`{rule.name}`", what, " ".join(rule.may_not_claim.split())))
    return table(("rule", "finds", "may not claim"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "flags": flags,
    "commands": commands,
    "ini-keys": ini_keys,
    "behavior-options": behavior_options,
    "rule-keys": rule_keys,
    "labels": labels,
    "protocol-options": protocol_options,
    "faults": faults,
    "profiles": profiles,
    "recipes": recipes,
    "toxics": toxics,
    "routes": routes,
    "objects": objects,
    "verdicts": verdicts,
}


def cells(option: Option) -> tuple[str, ...]:
    return f"`{option.name}`", code(shown(option)), option.allowed, option.help


def shown(option: Option) -> str:
    """Format a default as users write it."""
    return word(option.default)


def word(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def code(words: str) -> str:
    return f"`{words}`" if words else ""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *rows))


def contents(name: str) -> str:
    """Show a file of the project."""
    return f"```{name.rpartition('.')[2]} file={name}\n{(ROOT / name).read_text('utf-8')}```\n"


def filled(page: str) -> str:
    """Return a page with its generated parts updated."""

    def fill(found: re.Match[str]) -> str:
        part = contents(found[2]) if "/" in found[2] else PARTS[found[2]]()
        return f"{found[1]}\n{part}\n{found[3]}"

    return PART.sub(fill, page)


def pages() -> Iterator[Path]:
    return iter(sorted(DOCS.rglob("*.md")))


def main() -> None:
    for page in pages():
        page.write_text(filled(page.read_text("utf-8")), "utf-8")


plugins.install()
if __name__ == "__main__":
    main()
