"""``vaurien recipes`` and ``vaurien profiles``: rules that are made already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from ..config.presets import Presets, Profile, Recipe
from ..config.toml import written
from ..rules.notation import Entry
from .command import OneLine

WIDTH = 100
RECIPES = """List recipes: troubles that take their course over time.

\b
  vaurien recipes                   all there are
  vaurien recipes redis-failover    one of them, with its rules

A proxy of a configuration has one by 'recipe = "redis-failover"'.
"""
PROFILES = """List profiles: what connections over a kind of network are like.

\b
  vaurien profiles       all there are
  vaurien profiles 3g    one of them, with its rules

A proxy of a configuration has one by 'profile = "3g"', and the command with one proxy
by '--profile 3g'.
"""


def overview(presets: Mapping[str, Profile | Recipe]) -> Iterator[str]:
    """All presets, each with what it is."""
    indent = max(map(len, presets), default=0) + 2
    for name, preset in presets.items():
        yield click.wrap_text(
            preset.description,
            width=WIDTH,
            initial_indent=name.ljust(indent),
            subsequent_indent=" " * indent,
        )


def details(about: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    """What a preset is, and its rules as a proxy of a configuration would have them."""
    for text in about:
        yield click.wrap_text(text, width=WIDTH, initial_indent="# ", subsequent_indent="# ")
    yield from written({"proxies": {"NAME": {"rules": [dict(entry) for entry in entries]}}})


@click.argument("name", required=False, default="")
def _recipes(name: str) -> None:
    presets = Presets()
    if not name:
        click.echo("\n".join(overview(presets.recipes)))
        return
    entries = presets.recipe(name)
    recipe = presets.recipes[name]
    needs = [f"For the protocol {recipe.protocol}."] if recipe.protocol else []
    about = [recipe.description, f"It teaches {recipe.teaches}.", *needs]
    click.echo("\n".join(details(about, entries)))


@click.argument("name", required=False, default="")
def _profiles(name: str) -> None:
    presets = Presets()
    if not name:
        click.echo("\n".join(overview(presets.profiles)))
        return
    entries = presets.profile(name)
    profile = presets.profiles[name]
    about = [f"{profile.description}.", f"Source: {profile.source}."]
    click.echo("\n".join(details(about, entries)))


recipes = click.command("vaurien recipes", cls=OneLine, help=RECIPES)(_recipes)
profiles = click.command("vaurien profiles", cls=OneLine, help=PROFILES)(_profiles)
