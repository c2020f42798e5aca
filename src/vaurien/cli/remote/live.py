"""``vaurien connections``, ``kill``, ``events``, ``reset`` and ``healthcheck``."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from ...client.errors import ApiError, ClientError
from ...values.texts import printable
from ..command import counted, say
from .command import FAILED, INVALID, Session, api_command, argument, switch, text_flag
from .notations import json_text
from .output import Resource, View, document

CONNECTIONS = "List open connections: of one proxy, or of all."
KILL = """End connections: one, all of a proxy, or with --all those of all proxies.

\b
  vaurien kill cache 17             reset one connection
  vaurien kill cache --how close    close all connections of a proxy
  vaurien kill --all                reset all
"""
EVENTS = """Print what has happened lately: rules that fired, trouble, changes.

With --follow, go on until interrupted. -o json prints an object a line.
"""
RESET = (
    """Heal everything, or one proxy: enable proxies, remove all rules, release what they hold."""
)
HEALTHCHECK = """Exit with 0 if vaurien can be reached and its proxies work, or else with 5 or 1.

It is for health checks of containers and services.
"""
RETRY_DELAY = 1.0
"""Seconds between attempts to reach a server that was there before."""
CATCH_UP = 1.0
"""Seconds without an event after which the past is over."""


def _held_by(connection: Resource) -> str:
    held = connection.get("held_by")
    return ", ".join(map(str, held)) if isinstance(held, list) else ""


def _bytes(connection: Resource, way: str) -> object:
    count = connection.get("bytes")
    return count.get(way) if isinstance(count, Mapping) else None


OPEN = View(
    {
        "PROXY": lambda each: each.get("proxy"),
        "ID": lambda each: each.get("id"),
        "CLIENT": lambda each: each.get("client"),
        "BACKEND": lambda each: each.get("backend"),
        "STATE": lambda each: each.get("state"),
        "AGE": lambda each: each.get("age"),
        "TO BACKEND": lambda each: _bytes(each, "to_backend"),
        "TO CLIENT": lambda each: _bytes(each, "to_client"),
        "EXCHANGES": lambda each: each.get("exchanges"),
        "HELD BY": _held_by,
    },
    ("proxy", "id"),
)


def _connections(session: Session, proxy: str) -> None:
    client = session.client
    session.show(client.proxy(proxy).connections() if proxy else client.connections(), OPEN)


def _kill(session: Session, proxy: str, connection: int | None, every: bool, how: str) -> None:
    if bool(proxy) == every:
        raise click.UsageError("it takes the name of a proxy, or --all")
    if every:
        count = session.client.kill(how=how)
    else:
        count = session.client.proxy(proxy).kill(connection, how=how)
    say(f"Ended {counted(count, 'connection', 'connections')}")


def _events(session: Session, follow: bool, after: str, **filters: str) -> None:
    limit = None if follow else CATCH_UP
    last = after or "0"
    session.client.request("GET", "/livez")  # who was never there is not waited for
    while True:
        try:
            for event in session.client.events(after=last, timeout=limit, **filters):
                click.echo(event_line(session.form or "table", event.id, event.type, event.data))
                last = event.id
            return
        except ClientError:
            if not follow:
                raise
            time.sleep(RETRY_DELAY)  # noqa: TID251 - it has nothing else to do


def event_line(form: str, number: str, kind: str, data: object) -> str:
    """Return the line of an event; in YAML it is several, an item of a list."""
    if form == "name":
        return printable(number)
    whole = {"id": number, "type": kind, "data": data}
    if form == "json":
        return json_text(whole, indent=None)
    if form == "yaml":
        return document([whole], form)
    values = data if isinstance(data, Mapping) else {"data": data}
    time = str(values.get("time", ""))
    words = [f"{key}={_word(values[key])}" for key in values if key not in ("id", "time")]
    if form == "tsv":
        return "\t".join(map(printable, [number, time, kind, *words]))
    return printable(" ".join([f"{number:>6} {time} {kind:<12}", *words]))


def _word(value: object) -> str:
    return value if isinstance(value, str) else json_text(value, indent=None)


def _reset(session: Session, proxy: str) -> None:
    answer = session.client.reset(proxy)
    enabled, removed = answer.get("enabled"), answer.get("rules_removed")
    rules = sum(map(len, removed.values())) if isinstance(removed, Mapping) else 0
    count = len(enabled) if isinstance(enabled, list) else 0
    say(
        f"Removed {counted(rules, 'rule', 'rules')}, "
        f"and enabled {counted(count, 'proxy', 'proxies')}"
    )
    failed = answer.get("not_enabled")
    if isinstance(failed, Mapping) and failed:
        for name, reason in failed.items():
            say(f"{name} could not be enabled: {reason}")
        raise click.exceptions.Exit(INVALID)


def _healthcheck(session: Session, proxy: str) -> None:
    client = session.client
    if proxy and not client.proxy(proxy).read().enabled:
        say(f"the proxy {proxy} is disabled")
        raise click.exceptions.Exit(FAILED)
    try:
        client.request("GET", "/readyz")
    except ApiError as error:
        say(f"not ready: {error}")
        raise click.exceptions.Exit(FAILED) from None
    say("ready")


ANY = argument("proxy", required=False)
connections = api_command("connections", _connections, CONNECTIONS, [ANY])
kill = api_command(
    "kill",
    _kill,
    KILL,
    [
        ANY,
        click.Argument(["connection"], required=False, type=click.IntRange(0)),
        click.Option(["--all", "every"], is_flag=True, help="Those of all proxies."),
        click.Option(
            ["--how"],
            type=click.Choice(["reset", "close"]),
            default="reset",
            help="With a RST or a FIN.  [default: reset]",
        ),
    ],
    has_forms=False,
)
events = api_command(
    "events",
    _events,
    EVENTS,
    [
        switch("--follow", "Go on until interrupted."),
        text_flag("--after", "Only those after this one.", metavar="ID"),
        text_flag("--proxy", "Only those of this proxy.", metavar="NAME"),
        text_flag("--rule", "Only those of this rule.", metavar="NAME"),
        text_flag("--type", "Only those of this type.", metavar="TYPE"),
    ],
)
reset = api_command("reset", _reset, RESET, [ANY], has_forms=False)
healthcheck = api_command("healthcheck", _healthcheck, HEALTHCHECK, [ANY], has_forms=False)
