"""``vaurien list``, ``create``, ``inspect``, ``toggle`` and ``delete``: proxies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from ...client.resources import Proxy
from ..command import say
from .command import Session, api_command, argument, switch, text_flag
from .entries import pairs_of, proxy_values, rule_of
from .output import Resource, View, in_status
from .rules import RULES

CREATE = """Create a proxy, with its rules: all or nothing.

\b
  vaurien create cache --backend localhost:6379 --listen localhost:26379
  vaurien create cache --backend localhost:6379 --protocol redis \\
          --rule 'error fault=READONLY command=SET times=1'

Any key of a proxy in a configuration file can be given as KEY=VALUE, and an option of its
protocol as options.KEY=VALUE.
"""


LIST = "List all proxies."
INSPECT = "Show a proxy with its rules: how often each matched and fired."
TOGGLE = "Enable a proxy that is disabled, or disable it and end its connections."
DELETE = "Delete a proxy, and end its connections."
DRAIN = click.Option(
    ["--drain"],
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Let connections finish first.  [default: 0]",
)


def address_of(proxy: Resource) -> object:
    """Return where a proxy listens; while it does not, where it would."""
    return Proxy(proxy).address or proxy.get("listen")


def state_of(proxy: Resource) -> str:
    return "enabled" if proxy.get("enabled") else "disabled"


def _rules(proxy: Resource) -> Sequence[object]:
    rules = proxy.get("rules")
    return rules if isinstance(rules, list) else []


PROXIES = View(
    {
        "NAME": lambda proxy: proxy.get("name"),
        "LISTEN": address_of,
        "BACKEND": lambda proxy: proxy.get("backend"),
        "PROTOCOL": lambda proxy: proxy.get("protocol"),
        "STATE": state_of,
        "RULES": lambda proxy: len(_rules(proxy)),
        "OPEN": lambda proxy: in_status(proxy, "connections", "open"),
        "FIRED": lambda proxy: in_status(proxy, "fired"),
    }
)


def _list(session: Session) -> None:
    session.show(session.client.proxies(), PROXIES)


def _inspect(session: Session, proxy: str) -> None:
    found = session.client.proxy(proxy).read()
    if session.form in ("json", "yaml"):
        session.show_one(found, PROXIES)
        return
    if session.form != "tsv" and session.form != "name":
        click.echo("\n".join(_details(found)))
        if not found.rules:
            return
        click.echo()
    session.show(found.rules, RULES)


def _details(proxy: Resource) -> Iterator[str]:
    """Yield a line for each thing that a proxy says of itself."""
    (row,) = PROXIES.rows([proxy])
    for heading, cell in zip(PROXIES.columns, row, strict=True):
        yield f"{f'{heading.capitalize()}:':<12}{cell}".rstrip()
    if tls := proxy.get("tls"):
        yield f"{'TLS:':<12}{tls['mode'] if isinstance(tls, Mapping) else tls}"
    for heading, key in (("Accepted", "accepted"), ("Refused", "refused")):
        yield f"{f'{heading}:':<12}{in_status(proxy, 'connections', key)}"
    sent, received = (in_status(proxy, "bytes", key) for key in ("to_backend", "to_client"))
    yield f"{'Bytes:':<12}{sent} to backend, {received} to client"
    yield f"{'Exchanges:':<12}{in_status(proxy, 'exchanges')}"


def _create(
    session: Session,
    name: str,
    words: tuple[str, ...],
    rule: tuple[str, ...],
    disabled: bool,
    **texts: str,
) -> None:
    given = {key: text for key, text in texts.items() if text}
    protocol = given.get("protocol") or pairs_of(words).get("protocol", "")
    table = {**proxy_values(words, protocol), **given}
    if disabled:
        table["enabled"] = False
    if "backend" not in table:
        raise click.UsageError("--backend is missing: it takes an address")
    if rule:
        table["rules"] = [rule_of(text, protocol) for text in rule]
    made = session.client.request("POST", "/v1/proxies", {**table, "name": name})
    where = address_of(made) if made.get("enabled") else "disabled"
    session.report(f"Created proxy {name}: {where}", made, PROXIES)


def _toggle(session: Session, proxy: str) -> None:
    handle = session.client.proxy(proxy)
    before = handle.read()
    changed = handle.change(enabled=not before.enabled, if_generation=before.generation)
    session.report(f"Proxy {proxy} is now {state_of(changed)}", changed, PROXIES)


def _delete(session: Session, proxy: str, drain: float) -> None:
    session.client.proxy(proxy).delete(drain=drain)
    say(f"Deleted proxy {proxy}")


list_proxies = api_command("list", _list, LIST)
inspect = api_command("inspect", _inspect, INSPECT, [argument("proxy")])
create = api_command(
    "create",
    _create,
    CREATE,
    [
        argument("name"),
        click.Argument(["words"], metavar="[KEY=VALUE]...", nargs=-1, type=click.UNPROCESSED),
        text_flag("--backend", "Address of the backend.", metavar="ADDRESS"),
        text_flag("--listen", "Address to listen on.", metavar="ADDRESS"),
        text_flag("--protocol", "Protocol of the traffic.", metavar="NAME"),
        text_flag("--rule", "A rule; repeatable.", metavar="'NAME KEY=VALUE ...'", several=True),
        text_flag("--behavior", "Behaviors that exclude each other.", metavar="PERCENT:NAME,..."),
        text_flag("--profile", "Simulate a kind of network.", metavar="NAME"),
        text_flag("--recipe", "Start an outage.", metavar="NAME"),
        switch("--disabled", "Do not listen yet."),
    ],
)
toggle = api_command("toggle", _toggle, TOGGLE, [argument("proxy")])
delete = api_command("delete", _delete, DELETE, [argument("proxy"), DRAIN], has_forms=False)
