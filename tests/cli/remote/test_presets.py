"""Recipes and profiles, on a running proxy."""

from __future__ import annotations

from cli.remote.conftest import Run
from live import Http


def names(run: Run) -> list[str]:
    return run("inspect cache -o name").lines


def test_a_recipe(http: Http, run: Run) -> None:
    said = run("recipe start cache slow-disk --start 60")
    assert (said.status, said.message) == (0, "Started recipe slow-disk on cache")
    assert names(run)
    assert all(name.startswith("slow-disk") for name in names(run))
    said = run("recipe start cache slow-disk")
    assert said.status == 4
    assert run("recipe stop cache slow-disk").message == "Stopped recipe slow-disk on cache"
    assert names(run) == []
    assert run("recipe stop cache slow-disk").status == 3
    assert run("recipe start cache nope").status == 4
    assert run("recipe start nope slow-disk").status == 3


def test_a_profile(http: Http, run: Run) -> None:
    assert run("profile apply cache 3g").message == "Applied profile 3g to cache"
    assert all(name.startswith("3g-") for name in names(run))
    assert run("profile apply cache fiber").status == 0
    assert all(name.startswith("fiber-") for name in names(run))
    assert run("profile remove cache").message == "Removed the profile from cache"
    assert names(run) == []
    assert run("profile apply cache nope").status == 4
