"""What tests of the command line and of configuration share: fixtures, and plugins to load."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vaurien import plugins, registry
from vaurien.cli.command import configuration_given, vaurien
from vaurien.config.configuration import Configuration

Understand = Callable[..., Configuration]
Refuse = Callable[..., str]

PLUGINS = '''
from vaurien import Behavior, Forward, Protocol, option

class Super(Behavior):
    """Super trouble."""
    name = "super"
    foo: int = option(1, "how much foo", minimum=0)
    loud_bar: bool = option(True, "whether")

    def on_message(self, message, firing):
        yield Forward(message)

class Second(Super):
    name = "super"

class Lines(Protocol):
    name = "lines"
    labels = {"word": "the first word"}
    strict: bool = option(False, "be strict")

class Old(object):
    name = "old"
    options = {"foo": ("how much foo", int, 1), "start": ("where", str, "here")}

    def __call__(self, client_sock, backend_sock, to_backend):
        return False

class Nameless(Behavior):
    pass
'''


@pytest.fixture
def forget_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is built in is known, whatever other tests have registered."""
    for each in (registry.behaviors, registry.protocols):
        monkeypatch.setattr(each, "_plugins", {})
        monkeypatch.setattr(each, "_loaders", {})
    plugins.install()


@pytest.fixture
def understand(forget_plugins: None) -> Understand:
    """What the words of a command line come to; nothing is run."""

    def configuration(*words: str) -> Configuration:
        with vaurien.make_context("vaurien", list(words)) as ctx:
            return configuration_given(ctx)

    return configuration


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str], forget_plugins: None) -> Refuse:
    """Run a command line that must be refused; gives the one line that says why."""

    def line(*words: str) -> str:
        with pytest.raises(SystemExit) as caught:
            vaurien.main(list(words))
        said = capsys.readouterr()
        assert caught.value.code == 2
        assert said.out == ""
        assert said.err.startswith("vaurien: ")
        assert said.err.count("\n") == 1
        return said.err.removeprefix("vaurien: ").rstrip("\n")

    return line


@pytest.fixture
def plugin_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_plugins: None
) -> Iterator[Path]:
    """The current directory, with a module ``troubles`` in it."""
    (tmp_path / "troubles.py").write_text(PLUGINS)
    (tmp_path / "broken.py").write_text("raise RuntimeError('two\\nlines')")
    (tmp_path / "leaving.py").write_text("import sys; sys.exit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("troubles", "broken", "leaving"):
        sys.modules.pop(name, None)
