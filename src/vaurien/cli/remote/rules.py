"""``vaurien rule add``, ``update``, ``remove``, ``pause`` and ``resume``: rules of a proxy."""

from __future__ import annotations

import click

from ...client.resources import Rule
from ...errors import OptionError
from ..command import say
from .command import Session, api_command, argument, text_flag
from .entries import pairs_of, rule_values
from .output import Resource, View, in_status, text_of

ADD = """Add a rule to a proxy, after all others; it is in force at once.

\b
  vaurien rule add cache delay sleep=0.2 percent=10
  vaurien rule add cache error fault=READONLY command=SET times=1 name=readonly

KEY is an option of the behavior, a key of every rule, or a label to match.
"""
UPDATE = """Change a rule; it keeps its counts and its place.

\b
  vaurien rule update cache delay sleep=0.5
  vaurien rule update cache delay --unset percent
"""
REMOVE = "Remove a rule; what it holds is released."
PAUSE = "Let a rule do nothing until 'vaurien rule resume'; what it holds is released."
RESUME = "Let a paused rule act again."
OWN = ("name", "behavior", "status", "paused")
"""The keys of a rule that are not among its options."""


def options_text(rule: Resource) -> str:
    """Return the options and keys of a rule as words."""
    return " ".join(f"{key}={text_of(rule[key])}" for key in rule if key not in OWN)


def protocol_of(proxy: Resource) -> str:
    return str(proxy.get("protocol", ""))


RULES = View(
    {
        "RULE": lambda rule: rule.get("name"),
        "BEHAVIOR": lambda rule: rule.get("behavior"),
        "STATE": lambda rule: Rule(rule).state,
        "MATCHED": lambda rule: Rule(rule).matched,
        "FIRED": lambda rule: Rule(rule).fired,
        "EXPIRES": lambda rule: in_status(rule, "expires_in"),
        "OPTIONS": options_text,
    }
)


def _add(session: Session, proxy: str, behavior: str, before: str, words: tuple[str, ...]) -> None:
    handle = session.client.proxy(proxy)
    entry = rule_values(pairs_of(words), behavior, protocol_of(handle.read()))
    rule = handle.add_rule(behavior, before_rule=before, if_generation=None, **entry)
    session.report(f"Added rule {rule.name} to {proxy}", rule, RULES)


def _update(
    session: Session, proxy: str, rule: str, unset: tuple[str, ...], words: tuple[str, ...]
) -> None:
    given = pairs_of(words)
    if not given and not unset:
        raise OptionError("there is nothing to change: it takes KEY=VALUE, or --unset KEY")
    handle = session.client.proxy(proxy)
    found = handle.get_rule(rule)
    changes = rule_values({**_texts(found), **given}, found.behavior, protocol_of(handle.read()))
    changes = {key: changes[key] for key in given} | dict.fromkeys(unset)
    changed = handle.update_rule(rule, if_generation=None, **changes)
    session.report(f"Changed rule {changed.name} of {proxy}", changed, RULES)


def _texts(rule: Resource) -> dict[str, str]:
    """Return the options that a rule has: what it takes may depend on them."""
    return {key: str(value) for key, value in rule.items() if key not in OWN}


def _remove(session: Session, proxy: str, rule: str) -> None:
    session.client.proxy(proxy).remove_rule(rule)
    say(f"Removed rule {rule} from {proxy}")


def _pause(session: Session, proxy: str, rule: str) -> None:
    paused = session.client.proxy(proxy).pause_rule(rule)
    session.report(f"Paused rule {rule} of {proxy}", paused, RULES)


def _resume(session: Session, proxy: str, rule: str) -> None:
    resumed = session.client.proxy(proxy).resume_rule(rule)
    session.report(f"Resumed rule {rule} of {proxy}", resumed, RULES)


ONE = (argument("proxy"), argument("rule"))
WORDS = click.Argument(["words"], metavar="[KEY=VALUE]...", nargs=-1, type=click.UNPROCESSED)

add = api_command(
    "rule add",
    _add,
    ADD,
    [
        argument("proxy"),
        argument("behavior"),
        WORDS,
        text_flag("--before", "Put it before this rule.", metavar="RULE"),
    ],
)
update = api_command(
    "rule update",
    _update,
    UPDATE,
    [
        *ONE,
        WORDS,
        text_flag("--unset", "Set the default; repeatable.", metavar="KEY", several=True),
    ],
)
remove = api_command("rule remove", _remove, REMOVE, ONE, has_forms=False)
pause = api_command("rule pause", _pause, PAUSE, ONE)
resume = api_command("rule resume", _resume, RESUME, ONE)
