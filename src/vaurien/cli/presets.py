"""``vaurien recipes`` and ``vaurien profiles``: ready-made rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from ..config.presets import Presets, Profile, Recipe
from ..config.toml import toml_lines
from ..rules.notation import Entry
from .command import OneLine

WIDTH = 100
RECIPES = """List recipes: ready-made outages, whose rules change over time.

\b
  vaurien recipes                   list all
  vaurien recipes redis-failover    show one, with its rules

To use one, set 'recipe = "redis-failover"' for a proxy in a configuration file, or give
'--recipe redis-failover' for a single proxy; 'vaurien recipe start' starts one on a running
proxy.
"""
PROFILES = """List profiles: ready-made rules that simulate kinds of networks.

\b
  vaurien profiles       list all
  vaurien profiles 3g    show one, with its rules

To use one, set 'profile = "3g"' for a proxy in a configuration file, or give '--profile 3g'
for a single proxy; 'vaurien profile apply' applies one to a running proxy.
"""


def overview(presets: Mapping[str, Profile | Recipe]) -> Iterator[str]:
    """List all presets, each with its description."""
    indent = max(map(len, presets), default=0) + 2
    for name, preset in presets.items():
        yield click.wrap_text(
            preset.description,
            width=WIDTH,
            initial_indent=name.ljust(indent),
            subsequent_indent=" " * indent,
        )


def details(about: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    """Describe a preset, and show its rules as in a configuration file."""
    for text in about:
        yield click.wrap_text(text, width=WIDTH, initial_indent="# ", subsequent_indent="# ")
    yield from toml_lines({"proxies": {"NAME": {"rules": [dict(entry) for entry in entries]}}})


@click.argument("name", required=False, default="")
def _recipes(name: str) -> None:
    presets = Presets()
    if not name:
        click.echo("\n".join(overview(presets.recipes)))
        return
    entries = presets.recipe(name)
    recipe = presets.recipes[name]
    needs = [f"For the protocol {recipe.protocol}."] if recipe.protocol else []
    about = [recipe.description, f"It shows {recipe.teaches}.", *needs]
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
