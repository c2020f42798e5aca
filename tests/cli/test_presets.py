"""Recipes and profiles, listed and shown."""

from __future__ import annotations

import tomllib

import pytest

from serving import refused
from vaurien.cli import main
from vaurien.config.presets import Presets

PRESETS = Presets()


def output(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(words)
    said = capsys.readouterr()
    assert (caught.value.code, said.err) == (0, "")
    return said.out


@pytest.mark.parametrize("word", ["recipes", "profiles"])
def test_all_are_listed(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, word)
    known = PRESETS.recipes if word == "recipes" else PRESETS.profiles
    begun = [line.split(" ")[0] for line in text.splitlines() if not line.startswith(" ")]
    assert begun == list(known)
    words = " ".join(text.split())
    assert all(preset.description in words for preset in known.values())


@pytest.mark.parametrize("name", PRESETS.recipes)
def test_a_recipe_is_shown_with_its_rules(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "recipes", name)
    assert PRESETS.recipes[name].description in " ".join(text.replace("#", " ").split())
    assert tomllib.loads(text) == {"proxies": {"NAME": {"rules": PRESETS.recipe(name)}}}


@pytest.mark.parametrize("name", PRESETS.profiles)
def test_a_profile_is_shown_with_its_rules(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "profiles", name)
    assert tomllib.loads(text) == {"proxies": {"NAME": {"rules": PRESETS.profile(name)}}}


@pytest.mark.parametrize("word", ["recipe", "profile"])
def test_one_that_does_not_exist(word: str) -> None:
    (line,) = refused(f"{word}s", "nope")
    assert line.startswith(f"'nope' is an unknown {word}. Pick one of: '")
