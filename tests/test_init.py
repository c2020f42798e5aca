"""The public names."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vaurien

HOMES = {name: f"vaurien.{home}" for name, home in vaurien._HOMES.items()}


@pytest.mark.parametrize(("name", "home"), HOMES.items())
def test_every_name_is_what_its_module_has(name: str, home: str) -> None:
    assert getattr(vaurien, name) is getattr(importlib.import_module(home), name)


def test_errors() -> None:
    assert vaurien.errors.OptionError is importlib.import_module("vaurien.errors").OptionError


def test_dir_lists_them() -> None:
    assert {*HOMES, "errors"} <= set(dir(vaurien))


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match=r"module 'vaurien' has no attribute 'nothing'"):
        _ = vaurien.nothing  # type: ignore[attr-defined]  # that is the point


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(str(vaurien.__file__)).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: f"vaurien.{node.module}" if node.module else "vaurien"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {**HOMES, "errors": "vaurien"}


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, vaurien; print(*(name for name in sys.modules if 'vaurien' in name))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "vaurien\n"
