"""``vaurien recipe start``, ``stop``, ``vaurien profile apply``, ``remove``: on a running proxy."""

from __future__ import annotations

import click

from ..command import say
from .command import Session, api_command, argument

START = """Start a recipe, an outage whose rules change over time, on a proxy.

\b
  vaurien recipes                               list all
  vaurien recipe start cache redis-failover     start one now
"""
STOP = "Stop a recipe: its rules are removed."
APPLY = """Apply a profile, the rules of a kind of network, in place of the one before.

\b
  vaurien profiles                 list all
  vaurien profile apply cache 3g   apply one
"""
REMOVE = "Remove the rules of the profile that was applied to a proxy."


def _start(session: Session, proxy: str, recipe: str, start: float) -> None:
    session.client.proxy(proxy).start_recipe(recipe, start=start)
    say(f"Started recipe {recipe} on {proxy}")


def _stop(session: Session, proxy: str, recipe: str) -> None:
    session.client.proxy(proxy).stop_recipe(recipe)
    say(f"Stopped recipe {recipe} on {proxy}")


def _apply(session: Session, proxy: str, profile: str) -> None:
    session.client.proxy(proxy).apply_profile(profile)
    say(f"Applied profile {profile} to {proxy}")


def _remove(session: Session, proxy: str) -> None:
    session.client.proxy(proxy).remove_profile()
    say(f"Removed the profile from {proxy}")


LATER = click.Option(
    ["--start"],
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Seconds until it starts.  [default: 0]",
)
ONE = (argument("proxy"), argument("recipe"))
start = api_command("recipe start", _start, START, [*ONE, LATER], has_forms=False)
stop = api_command("recipe stop", _stop, STOP, ONE, has_forms=False)
apply = api_command(
    "profile apply", _apply, APPLY, [argument("proxy"), argument("profile")], has_forms=False
)
remove = api_command("profile remove", _remove, REMOVE, [argument("proxy")], has_forms=False)
