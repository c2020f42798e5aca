"""The sources of the dashboard: what must not be in them, whatever the tests in a browser see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vaurien.control import v1

PAGE = Path(v1.__file__).parent / "page"
MODULES = sorted(PAGE.glob("*.js"))
LINES = 300
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc"
    r"|DOMParser|setHTML|\beval\b|new Function|javascript:|[\"'`]on[a-z]+[\"'`]\s*,"
)
"""What makes markup or code of text; a listener is never set as an attribute."""
IMPORT = re.compile(r"""^(?:import|\}) .*?["']([^"']+)["'];$|\bimport\((.*)\)""", re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_text_never_becomes_markup_or_code(module: Path) -> None:
    assert FORBIDDEN.findall(module.read_text("utf-8")) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_is_short_and_imports_only_from_beside_it(module: Path) -> None:
    text = module.read_text("utf-8")
    assert len(text.splitlines()) < LINES
    there = {f"./{path.name}" for path in MODULES}
    assert {static or dynamic for static, dynamic in IMPORT.findall(text)} <= there


def test_the_architecture_names_each_module() -> None:
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
    _, _, table = page.partition("`control/v1/page/`")
    names = set(re.findall(r"`(\w+\.js)`", table.partition("\n## ")[0]))
    assert {module.name for module in MODULES} == names


def test_the_page_has_no_script_and_no_style_of_its_own() -> None:
    text = (PAGE / "index.html.j2").read_text("utf-8")
    assert re.findall(r"<style|\bstyle=|\bon\w+=|<script(?! type=\"module\" src=)", text) == []


def test_colours_are_named_once() -> None:
    style = (PAGE / "style.css").read_text("utf-8")
    rest = re.sub(r"\{[^{}]*--page:[^{}]*\}", "", style)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=\s*[;,)])", rest) == []
