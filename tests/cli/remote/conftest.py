"""Fixtures: commands that drive proxies of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from live import Http, Live, controlled, live
from vaurien.cli import main

VARIABLES = ("VAURIEN_URL", "TOXIPROXY_URL", "VAURIEN_TOKEN", "NO_COLOR")


class Said(NamedTuple):
    """What a command has printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def message(self) -> str:
        """The only line on standard error, without what it begins with."""
        assert self.err.startswith("vaurien: ")
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("vaurien: ").rstrip()


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line; words with spaces are given as further arguments."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def call(words: str, *more: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([*words.split(), *more])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, said.out, said.err)

    return call


@pytest.fixture
def running() -> Iterator[Live]:
    """One proxy, ``cache``, in front of an echo."""
    with live(names=("cache",)) as started:
        yield started


@pytest.fixture
def http(running: Live, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    """The API of it, which commands find in the environment."""
    with controlled(running) as started:
        monkeypatch.setenv("VAURIEN_URL", f"http://{started.host}:{started.port}")
        yield started
